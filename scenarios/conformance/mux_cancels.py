"""Streams that share a connection, and one of them is cancelled, in the binding's own word.

What is opened on the connection behind a cancel, and answered, shows that the cancel was read. Never here: what the
outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import (
    SCRIPT,
    Account,
    Ask,
    Await,
    Cancel,
    Finish,
    Open,
    Read,
    Say,
    Script,
    Session,
    Watch,
)
from streamspec.harness.core.steps import Complete, Gate, Generate, Receive

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_SOME: Final = Read(items=8, budget="item_ms")
_UNTIL_QUIET: Final = Read(items=0, budget="steady_ms", quiet=True)
_BY_HAND: Final = "run the replay, and send the cancel when the first item is there: soon nothing more may come"


def _endless(name: str, *acts: Ask | Read | Cancel | Await, beside: str = "") -> Session:
    return Session(f"endless-{name}", "endless", acts, beside=beside and f"endless-{beside}")


def _word(n: int) -> tuple[Session, ...]:
    """The last two of each round share a connection; all rounds are at once."""
    first = f"word-{n}"
    return (
        _endless(
            first,
            *(Ask(), _SOME, Cancel("word"), Await(f"endless-behind-{n}", 3), _UNTIL_QUIET),
            beside="behind-1" if n > 1 else "",
        ),
        _endless(f"behind-{n}", Await(f"endless-{first}", 3), Ask(on=f"endless-{first}"), _ITEM, beside=first),
    )


WORD: Final = Scenario(
    id="conformance/mux-cancel",
    sentence="cancel a stream that never ends, open another behind it on the same connection, and read on",
    script=Script(tuple(session for n in _ROUNDS for session in _word(n))),
    promises=("CN-08",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=3,
)


def _gated(n: int) -> Session:
    return Session(
        f"script-gated-word-{n}",
        SCRIPT,
        (
            *(Ask(), _ITEM, Account(), Cancel("word"), Watch("learn_ms", moved=("cancel_seen",))),
            *(Open("go"), _UNTIL_QUIET),
        ),
        beside=f"script-gated-word-{n - 1}" if n > 1 else "",
        steps=(Generate(1), Gate("go"), Generate(3), Complete()),
    )


GATED: Final = Scenario(
    id="conformance/mux-cancel-gated",
    sentence="cancel a stream, and let its handler send and complete when it may know of that",
    script=Script(tuple(_gated(n) for n in _ROUNDS)),
    promises=("CN-03",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)


def _finished(n: int) -> Session:
    return Session(
        f"script-finished-{n}",
        SCRIPT,
        (
            *(Ask(), Say(1), Finish(), _ITEM, Account(), Cancel("word")),
            Watch("learn_ms", moved=("cancel_seen",)),
        ),
        beside=f"script-finished-{n - 1}" if n > 1 else "",
        steps=(Receive(), Generate(every_ms=5)),
        direction="bidi",
    )


FINISHED: Final = Scenario(
    id="conformance/mux-cancel-half-closed",
    sentence="half-close a stream, cancel it while its handler sends, and see whether that learns of it",
    script=Script(tuple(_finished(n) for n in _ROUNDS)),
    promises=("CN-09",),
    needs=("concurrent", "told:cancel_seen"),
    by_hand=_BY_HAND,
    order=4,
)


def _at_once(n: int) -> tuple[Session, ...]:
    host = f"host-{n}"
    on = f"endless-{host}"
    return (
        _endless(host, Ask(), _SOME, Await(f"endless-at-once-{n}", 4), beside="host-1" if n > 1 else ""),
        _endless(
            f"at-once-{n}",
            *(Await(on, 2), Ask(on=on, cancelled=True), Await(f"endless-then-{n}", 3), _UNTIL_QUIET),
            beside=host,
        ),
        _endless(f"then-{n}", Await(f"endless-at-once-{n}", 2), Ask(on=on), _ITEM, beside=host),
    )


AT_ONCE: Final = Scenario(
    id="conformance/mux-cancel-at-once",
    sentence="open a stream that never ends and cancel it in the same write, beside others on its connection",
    script=Script(tuple(session for n in _ROUNDS for session in _at_once(n))),
    promises=("CN-19",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=3,
)


def _pair(n: int) -> tuple[Session, ...]:
    stays = f"stays-{n}"
    on = f"endless-{stays}"
    return (
        _endless(stays, Ask(), _SOME, Await(f"endless-leaves-{n}", 4), _SOME, beside="alone-1"),
        _endless(f"leaves-{n}", Await(on, 2), Ask(on=on), _ITEM, Cancel("word"), beside="alone-1"),
    )


SIBLINGS: Final = Scenario(
    id="conformance/mux-siblings",
    sentence="cancel one of two streams that share a connection, and read on from the other",
    script=Script(
        (
            _endless("alone-1", Ask(), _SOME, *(Await(f"endless-stays-{n}", 4) for n in _ROUNDS), _SOME),
            *(session for n in _ROUNDS for session in _pair(n)),
        )
    ),
    promises=("CN-14",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=3,
)
