"""Things to be made by tests, which tell what became of them."""

from typing import Any


class Workshop:
    """Makes numbered things and notes what happens to them."""

    def __init__(self) -> None:
        self.made = 0
        self.closed: list[str] = []

    def maker(self, name: str = "thing") -> Any:
        """A factory of things called `name`."""

        def make() -> Thing:
            self.made += 1
            return Thing(self, name, self.made)

        return make


class Thing:
    """What a factory has made.

    Args:
        shop: where it notes that it was closed.
        name: its name.
        number: the how many-th thing of the workshop it is.
    """

    def __init__(self, shop: Workshop, name: str, number: int) -> None:
        self.shop, self.name, self.number = shop, name, number
        self.open = True

    def close(self) -> None:
        """Be closed, which is right only once."""
        assert self.open, f"{self.name} was closed twice"
        self.open = False
        self.shop.closed.append(self.name)
