"""Python values and instances to bytes and back: losslessly, or refused with the path.

Equal states give equal bytes, in every process, so that bytes tell whether anything changed. What
two attributes share comes back as two equal copies: a record is a tree.
"""

from .registry import Codec
from .shape import Extra, Shape

__all__ = ["Codec", "Extra", "Shape"]
