"""A source that is left as it is.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class _Awaited:
    """The items of a source, and no way to close it."""

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self._source = source

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._source)


class _Blocking:
    """The same for threads."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._source)


def _source(stream: Any, source: Any) -> Any:
    stream.upstream = source  # nor does it go away by itself
    return _Awaited(aiter(source)) if hasattr(source, "__aiter__") else _Blocking(iter(source))


VARIANT = Variant(
    name="keeps-its-source-open",
    sentence="A source that feeds the stream is never closed.",
    where="stream",
    on=("inprocess",),
    kills="CN-16",
    because=("the source's open count is 0", "it is 1"),
    seams=Seams(parts=Parts(source=_source)),
)
