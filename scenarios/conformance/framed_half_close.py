"""Length-framed TCP: half-closes by a FIN, where that is declared to be one.

Never here: half-closes in a word of the dialect (`both_directions`), or what the outcome means.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Ask, Finish, Read, Say, Script, Session
from streamspec.harness.core.steps import Collect, Complete, Generate, Receive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.steps import Step

_ROUNDS: Final = (1, 2, 3)  # what may have any cause counts only three times out of three
_KINDS: Final[Mapping[str, tuple[Step, ...]]] = MappingProxyType(
    {
        "sum": (Collect(),),
        "rest": (Receive(), Generate(10, every_ms=5), Complete()),  # there is more to send when all has been taken
    }
)


def _said(kind: str) -> tuple[Session, ...]:
    def one(name: str, finish: Finish) -> Session:
        acts = (Ask(), Say(3), finish, Read(items=0, budget="item_ms"))
        return Session(f"script-{name}", SCRIPT, acts, steps=_KINDS[kind], direction="bidi")

    return (one(f"word-{kind}", Finish()), *(one(f"fin-{kind}-{n}", Finish(fin=True)) for n in _ROUNDS))


HALF_CLOSE: Final = Scenario(
    id="conformance/framed-half-close",
    sentence="say three items and half-close: by the word for it, and three times by a FIN",
    script=Script(tuple(session for kind in _KINDS for session in _said(kind))),
    promises=("TC-08",),
    needs=("carrier:framed", "feature:fin_half_closes"),
    by_hand="say some items and shut down your side of the connection: what answers them must still come",
    order=4,
)
