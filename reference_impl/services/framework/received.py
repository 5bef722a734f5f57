"""`Received`: what a client sends, as a handler reads it: each item validated, up to the first that is no good.

Never here: where items come from, or what becomes of their stream (whoever plays it is told).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from streamspec.reference_impl.services.framework.procedure import Procedure


class Received:
    """After a failure nothing comes but that failure, however often a handler asks. `on_failure` is told of it as soon
    as it is found, when the handler may be waiting for something else."""

    __slots__ = ("_failure", "_items", "_number", "_on_failure", "_procedure")

    def __init__(
        self, procedure: Procedure, items: AsyncIterator[Any], on_failure: Callable[[Exception], None]
    ) -> None:
        self._procedure = procedure
        self._items = items
        self._on_failure = on_failure
        self._number = 0
        self._failure: Exception | None = None

    def __aiter__(self) -> Received:
        return self

    async def __anext__(self) -> Any:
        """Raises INVALID_ARGUMENT for an item that does not fit, CANCELLED when the items broke off."""
        self.refuse_failure()
        try:
            item = await anext(self._items)
            self._number += 1
            return self._procedure.validated_item(item, self._number)
        except StopAsyncIteration:
            self.refuse_failure()  # another reader may have found one meanwhile
            raise
        except Exception as failure:
            self.refuse_failure()
            self._failure = failure
            self._on_failure(failure)
            raise

    def refuse_failure(self) -> None:
        """Raises what the items failed with, once they did."""
        if self._failure is not None:
            raise self._failure
