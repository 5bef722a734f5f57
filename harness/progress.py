"""What a waiting person sees: a moving line on a terminal, one line per phase in a log. Always on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.status import Status


class Progress:
    """Call it with (what is done, cases done, cases in all)."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()
            self._status = None

    def __call__(self, what: str, done: int, total: int) -> None:
        text = f"[{done}/{total}] {what}" if total else what
        if not self._live:
            sys.stderr.write(f"streamspec: {text}\n")
            sys.stderr.flush()
            return
        from rich.text import Text

        if not self._status:
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status(Text(text))
            self._status.start()
        self._status.update(Text(text))
