"""For authors of stores: the contract, as tests."""

from .contract import StoreContract

__all__ = ["StoreContract"]
