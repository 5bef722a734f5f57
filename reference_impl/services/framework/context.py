"""`Context`: what a handler and its interceptors know of their stream. `Signal`: whether it is still wanted.

Never here: a connection. Whoever serves a stream makes its context and aborts its signal.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


class Signal:
    """Aborted at most once, by whoever serves the stream; the first reason stays."""

    __slots__ = ("_event", "_reason")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._reason: str | None = None

    @property
    def aborted(self) -> bool:
        return self._event.is_set()

    @property
    def reason(self) -> str | None:
        """Why; None while nothing is aborted."""
        return self._reason

    def abort(self, reason: str) -> None:
        if not self._event.is_set():
            self._reason = reason
            self._event.set()

    async def wait(self) -> None:
        """Until it is aborted; at once where it is."""
        await self._event.wait()


@dataclass(frozen=True, slots=True)
class Context:
    """`id`: what the client calls its request, or a made one. `metadata`: what came with it, names in lower case.
    `deadline_s`: how long the client and the operator allow from the beginning; None where neither says anything."""

    id: str
    signal: Signal = field(default_factory=Signal)
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    deadline_s: float | None = None
