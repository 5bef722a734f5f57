"""Scripted servers: streams that are busy, idle, or idle with heartbeats, each under an idle limit and without one.

Never here: what the outcome means.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Ask, Read, Script, Session
from streamspec.harness.core.steps import Complete, Gate, Generate, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_LIMIT: Final[Mapping[str, int]] = MappingProxyType({"idle_ms": 600})
_BEATING: Final[Mapping[str, int]] = MappingProxyType({"idle_ms": 600, "heartbeat_ms": 100})
_IDLE: Final[tuple[Step, ...]] = (Generate(n=1), Gate("shut"))  # nobody opens it
_BUSY: Final[tuple[Step, ...]] = (Generate(n=12, every_ms=100), Complete())  # for twice the limit
_TO_ITS_END: Final = (Ask(), Read(items=0, budget="item_ms"))
_A_WHILE: Final = (Ask(), Read(items=0, budget="look_ms"))

_FREE_IDLE: Final = Session("script-free-idle", SCRIPT, _A_WHILE, steps=_IDLE)


def _idles(beside: str) -> tuple[Session, ...]:
    """Streams that their idle limit ends; the first runs beside this session, if there is one."""
    first = Session("script-idle-1", SCRIPT, _TO_ITS_END, beside=beside, options=_LIMIT, steps=_IDLE)
    return (first, *(replace(first, id=f"script-idle-{n}", beside=first.id) for n in _ROUNDS[1:]))


IDLE: Final = Scenario(
    id="conformance/script-idle",
    sentence="read streams that send one item, or one every 100 ms, with an idle limit of 600 ms, and without",
    script=Script(
        (
            _FREE_IDLE,
            *_idles(_FREE_IDLE.id),
            Session("script-free-busy", SCRIPT, _TO_ITS_END, beside=_FREE_IDLE.id, steps=_BUSY),
            *(
                Session(f"script-busy-{n}", SCRIPT, _TO_ITS_END, beside=_FREE_IDLE.id, options=_LIMIT, steps=_BUSY)
                for n in _ROUNDS
            ),
        )
    ),
    promises=("DL-08", "DL-09"),
    needs=("concurrent",),
    by_hand="after 600 ms without an item the command above must end, and not like a success",
    order=4,
)

BEATING: Final = Scenario(
    id="conformance/script-idle-beating",
    sentence="read idle streams with an idle limit of 600 ms, and some with a heartbeat every 100 ms as well",
    script=Script(
        (
            *_idles(""),
            *(
                Session(
                    f"script-beating-{n}", SCRIPT, _TO_ITS_END, beside="script-idle-1", options=_BEATING, steps=_IDLE
                )
                for n in _ROUNDS
            ),
        )
    ),
    promises=("DL-08",),
    needs=("concurrent",),
    by_hand="the command above must end after 600 ms, whatever heartbeats come",
    order=4,
)
