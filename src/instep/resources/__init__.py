"""Resources: what must not be shared, made once per process, thread or request."""

from .resource import Resource

__all__ = ["Resource"]
