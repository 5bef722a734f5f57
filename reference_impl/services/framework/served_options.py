"""`Options`: what an operator chooses of how streams are served, each with its unit and its bound.

Never here: what a stream declares of itself (`procedure`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from streamspec.reference_impl.services.framework.faults import Misdeclared

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_HIGH_WATER_MARK: Final = 65_536
LONGEST_MS: Final = 86_400_000

Envelopes = Literal["docs", "code"]


@dataclass(frozen=True, slots=True)
class Options:
    """`envelopes`: the words over WebSocket, TCP and SSE, as the document shows them or as Raffel's code emits them.
    `high_water_mark`: items between a handler and its connection, in either direction. `heartbeat_ms`: a sign of life
    over HTTP after so long without an item; 0 is none. A stream whose deadline passes, or whose handler sends nothing
    for `idle_s`, or which nobody reads for `send_timeout_s`, fails with TIMED_OUT. Raises `Misdeclared`."""

    envelopes: Envelopes = "docs"
    high_water_mark: int = 16
    heartbeat_ms: int = 0
    deadline_s: float | None = None
    idle_s: float | None = None
    send_timeout_s: float | None = None
    websocket_path: str = "/"
    new_id: Callable[[], str] = secrets.token_urlsafe  # of a stream whose client sends no request id

    def __post_init__(self) -> None:
        self._check_types()
        if self.envelopes not in ("docs", "code"):
            raise Misdeclared("envelopes are those of the docs or of the code")
        if not 0 <= self.high_water_mark <= MOST_HIGH_WATER_MARK:
            raise Misdeclared(f"a high water mark is from 0 to {MOST_HIGH_WATER_MARK} items")
        if not 0 <= self.heartbeat_ms <= LONGEST_MS:
            raise Misdeclared(f"a heartbeat comes within {LONGEST_MS} ms, or never")
        for name in ("deadline_s", "idle_s", "send_timeout_s"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= LONGEST_MS / 1000:
                raise Misdeclared(f"{name} is more than 0, and at most {LONGEST_MS // 1000}")
        if not self.websocket_path.startswith("/"):
            raise Misdeclared("the path of WebSockets begins with a slash")

    def _check_types(self) -> None:
        for name in ("high_water_mark", "heartbeat_ms"):
            if type(getattr(self, name)) is not int:
                raise Misdeclared(f"{name} is a whole number")
        for name in ("deadline_s", "idle_s", "send_timeout_s"):
            if type(getattr(self, name)) not in {int, float, type(None)}:
                raise Misdeclared(f"{name} is a number of seconds")
        if not isinstance(self.websocket_path, str):
            raise Misdeclared("the path of WebSockets is a text")
        if not callable(self.new_id):
            raise Misdeclared("new_id is a function that makes an id")
