"""Tasks that end with their owner leave nothing of it in their callers."""

from __future__ import annotations

import asyncio

import pytest

from mobility.tasks import few_at_once


@pytest.mark.parametrize("most", [1, 2])
def test_who_ran_jobs_of_which_one_failed_is_not_cancelled(most: int) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError

    async def lasts() -> None:
        await asyncio.Event().wait()

    async def main() -> int:
        with pytest.raises(LookupError):
            await few_at_once([fails(), lasts()], most)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(main()) == 0
