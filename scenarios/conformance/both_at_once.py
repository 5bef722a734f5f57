"""Scripted servers: both directions at once, one of which stands still, or both, or is over.

What is said here is more than two kernels hold. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Act, Ask, Open, Read, Say, Script, Session, Watch
from streamspec.harness.core.steps import Complete, Drain, Gate, Generate, Receive, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_BULK_BYTES: Final = 4_000
_BACKLOG: Final = Say(n=320, bytes=65_536, still=True)  # 20 MiB
_LIMIT_MS: Final = 2_500
_BY_HAND: Final = "run the replay: its messages, one by one, are what a client of your own would send"
_NONE: Final[Mapping[str, int | str]] = {}


def _thrice(
    kind: str, steps: tuple[Step, ...], *acts: Act, options: Mapping[str, int | str] = _NONE
) -> tuple[Session, ...]:
    return tuple(
        Session(
            f"script-{kind}-{n}",
            SCRIPT,
            acts,
            beside=f"script-{kind}-{n - 1}" if n > 1 else "",
            options=options,
            steps=steps,
            direction="bidi",
        )
        for n in _ROUNDS
    )


EARLY: Final = Scenario(
    id="conformance/both-early",
    sentence="let a handler complete after one item, and say 10 MiB more",
    script=Script(
        _thrice(
            "early",
            (Receive(1), Complete()),
            Ask(),
            Say(1),
            Read(0, "item_ms"),
            Say(160, 65_536),
        )
    ),
    promises=("DR-06",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=5,
)

# It must have been seen to wait before we speak, and be watched for a whole budget where nothing moves.
DEAF: Final = Scenario(
    id="conformance/both-unread",
    sentence="read nothing until a handler's send waits, and say fifty items to it then",
    script=Script(
        _thrice(
            "deaf",
            (Drain(), Generate(bytes=_BULK_BYTES)),
            Ask(narrow=True),
            Watch("steady_ms"),
            Say(50),
            Watch("learn_ms", moved=("received",)),
            Watch("learn_ms", still="received"),
        )
    ),
    promises=("DR-10",),
    needs=("concurrent", "told:received", "told:sending"),
    by_hand=_BY_HAND,
    order=5,
)

MUTE: Final = Scenario(
    id="conformance/both-untaken",
    sentence="say more than a handler takes, which takes nothing, and let it send when ours stand still",
    script=Script(
        _thrice(
            "mute",
            (Generate(1), Gate("go"), Generate(40, every_ms=1)),
            *(Ask(), Read(1, "item_ms", needed=True), _BACKLOG, Open("go"), Read(40, "item_ms")),
        )
    ),
    promises=("DR-10",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=5,
)

STUCK: Final = Scenario(
    id="conformance/both-stuck",
    sentence="write to a handler that writes, while neither reads, until its deadline is over",
    script=Script(
        _thrice(
            "stuck",
            (Generate(bytes=_BULK_BYTES),),
            Ask(narrow=True),
            _BACKLOG,
            Watch("steady_ms"),
            Watch("stall_ms", moved=("sending", "ended")),
            Read(0, "item_ms"),
            options={"deadline_ms": _LIMIT_MS},
        )
    ),
    promises=("BP-16",),
    needs=("concurrent", "told:sending"),
    by_hand=_BY_HAND,
    order=6,
)
