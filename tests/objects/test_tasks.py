"""asyncio: tasks copy the context of whoever made them, and are outside of its transaction."""

import asyncio

import pytest

from instep import Space


def test_tasks_made_in_a_transaction_have_their_own(space: Space) -> None:
    """One that fails undoes its own changes, not those of another that ran meanwhile."""
    kept, undone = space.counter("kept"), space.counter("undone")

    async def succeed() -> None:
        with space.transaction(kept):
            kept.increment()
            await asyncio.sleep(0.02)
            kept.increment()

    async def fail() -> None:
        with space.transaction(undone):
            undone.increment()
            await asyncio.sleep(0.03)
            raise ValueError

    async def main() -> None:
        with space.transaction():
            results = await asyncio.gather(fail(), succeed(), return_exceptions=True)
        assert [type(result) for result in results] == [ValueError, type(None)]

    asyncio.run(main())
    assert (kept.value, undone.value) == (2, 0)


def test_a_block_in_a_task_is_the_tasks_own(space: Space) -> None:
    """What is called in the block joins it, and an exception undoes it."""
    counter = space.counter("counter")

    async def main() -> None:
        with pytest.raises(ValueError, match="undo"), space.transaction(counter):
            counter.increment()
            raise ValueError("undo")

    asyncio.run(main())
    assert counter.value == 0
