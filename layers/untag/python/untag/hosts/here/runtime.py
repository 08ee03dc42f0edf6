"""A runtime that ends before its process does, and whose work can be cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from untag.hosts.here.host import Here
from untag.runtime import Runtime

T = TypeVar("T")


class HereRuntime(Runtime):
    """Everything that the functions share, for as long as a command runs."""

    def __init__(self, host: Here) -> None:
        """Read the environment; raises InvalidInputError that names the variable."""
        super().__init__(host)
        self._work: asyncio.Task[Any] | None = None

    def close(self) -> None:
        """End the event loop and what still runs in it, where a process outlives its work."""
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self.host.client.aclose()

    @property
    def at_work(self) -> bool:
        """Whether work is run."""
        return self._work is not None

    def cancel(self) -> None:
        """Cancel the work that is run, from a signal's handler; `run` raises CancelledError then."""
        if self._work is not None:
            self._loop.call_soon_threadsafe(self._work.cancel)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work to its end, unless it is cancelled."""
        self._work = task = self._loop.create_task(work)

        async def done() -> T:
            return await task

        try:
            return super().run(done())
        finally:
            self._work = None
