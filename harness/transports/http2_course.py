"""How far one stream of HTTP/2 has come, from our request to the end of its answer: what its observer keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from streamspec.harness.core.event import Opened

Phase = Literal["head", "body", "ended", "gone"]


@dataclass(slots=True)
class Course:
    """`window` is what the peer may still send, `their_window` what we may; `size` counts body octets, `interim` heads
    of 1xx. `ended` is a whole answer, `gone` one that nothing more comes of."""

    method: str
    window: int
    their_window: int
    phase: Phase = "head"
    interim: int = 0
    size: int = 0
    opened: Opened | None = None
