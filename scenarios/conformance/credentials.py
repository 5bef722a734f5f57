"""Who asks without the user's credentials, with wrong ones, or as somebody else, for a stream or to resume one;
credentials that expire.

Never here: what the outcome means.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, SCRIPT, Act, Ask, Await, Cancel, Read, Script, Session
from streamspec.harness.core.steps import Complete, Generate, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

_ITEM: Final = Read(items=1, budget="item_ms")
_LITTLE: Final = Read(items=1, budget="look_ms")
_STRANGERS: Final = (Ask(credentials="none"), Ask(credentials="wrong"))
_ENDLESS: Final[tuple[Step, ...]] = (Generate(every_ms=20),)


def _strangers(role: str, steps: tuple[Step, ...] = ()) -> Script:
    return Script(
        (
            Session(f"{role}-own", role, (Ask(), _ITEM), steps=steps),
            *(Session(f"{role}-{ask.credentials}", role, (ask, _LITTLE), steps=steps) for ask in _STRANGERS),
        )
    )


STRANGERS: Final = Scenario(
    id="conformance/strangers",
    sentence="look with the user's credentials, without any, and with wrong ones",
    script=_strangers(LOOK),
    promises=("AU-01",),
    needs=("auth:look",),
    by_hand="run the command above without its Authorization header: it must be refused",
    order=4,
    spare=True,
)

STRANGERS_PLAY: Final = Scenario(
    id="conformance/script-strangers",
    sentence="ask for a scripted stream with the user's credentials, without any, and with wrong ones",
    script=_strangers(SCRIPT, _ENDLESS),
    promises=("AU-01",),
    needs=("feature:auth",),
    by_hand="run the command above without its Authorization header: it must be refused",
    order=4,
)


def _strangers_envelopes(role: str, steps: tuple[Step, ...] = ()) -> Script:
    """Each stranger asks for two streams on one connection: credentials may be looked at when it is opened, or with
    every stream, and not with the first stream alone."""
    sessions = [Session(f"{role}-own", role, (Ask(), _ITEM), steps=steps)]
    for ask in _STRANGERS:
        first, second = f"{role}-{ask.credentials}", f"{role}-{ask.credentials}-again"
        again = (Await(first, 2), replace(ask, on=first), _LITTLE)
        sessions += [
            Session(first, role, (ask, _LITTLE, Await(second, len(again))), steps=steps),
            Session(second, role, again, beside=first, steps=steps),
        ]
    return Script(tuple(sessions))


STRANGERS_ENVELOPES: Final = Scenario(
    id="conformance/websocket-strangers",
    sentence="look with the user's credentials; without any, and with wrong ones, look twice on one connection",
    script=_strangers_envelopes(LOOK),
    promises=("AU-04",),
    needs=("auth:look", "carrier:websocket", "concurrent"),
    by_hand="send the messages of the replay without its Authorization: each must be refused",
    order=4,
    spare=True,
)

STRANGERS_PLAY_ENVELOPES: Final = Scenario(
    id="conformance/script-websocket-strangers",
    sentence="ask for scripts with the user's credentials; without any, and with wrong ones, twice on one connection",
    script=_strangers_envelopes(SCRIPT, _ENDLESS),
    promises=("AU-04",),
    needs=("feature:auth", "carrier:websocket", "concurrent"),
    by_hand="send the messages of the replay without its Authorization: each must be refused",
    order=4,
)

_READ: Final[tuple[Act, ...]] = (Ask(), Read(items=3, budget="item_ms", needed=True), Cancel("rst"))

STRANGERS_RESUME: Final = Scenario(
    id="conformance/strangers-resume",
    sentence="leave a resumable stream, and resume it without credentials, with wrong ones, and with the user's",
    script=Script(
        (
            Session("resumable-left", "resumable", _READ),
            *(
                Session(
                    f"resumable-{how or 'own'}",
                    "resumable",
                    (Ask(after="resumable-left", credentials=how), _LITTLE),
                )
                for how in ("none", "wrong", "")
            ),
        )
    ),
    promises=("AU-03",),
    needs=("auth",),
    by_hand="run the command above with -H 'Last-Event-ID: …' and without its Authorization header",
    order=4,
)

OTHERS_RESUME: Final = Scenario(
    id="conformance/others-resume",
    sentence="look as another client; leave a resumable stream, and resume it as that client, and as oneself",
    script=Script(
        (
            Session("look-other", LOOK, (Ask(credentials="other"), _LITTLE)),
            Session("resumable-left", "resumable", _READ),
            Session("resumable-other", "resumable", (Ask(after="resumable-left", credentials="other"), _LITTLE)),
            Session("resumable-own", "resumable", (Ask(after="resumable-left"), _LITTLE)),
        )
    ),
    promises=("AU-05",),
    needs=("auth:other",),
    by_hand="run the command above with -H 'Last-Event-ID: …' and the other client's credentials: it must be refused",
    order=4,
)

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_SOON: Final[Mapping[str, int]] = MappingProxyType({"expires_ms": 400})
_TO_ITS_END: Final = (Ask(), Read(items=0, budget="item_ms"))
_LASTS: Final = Session("script-free-expires", SCRIPT, (Ask(), Read(items=0, budget="look_ms")), steps=_ENDLESS)

EXPIRY_ENDS: Final = Scenario(
    id="conformance/script-expiry-ends",
    sentence="read endless streams whose credentials expire after 400 ms, and one whose do not",
    script=Script(
        (
            _LASTS,
            *(
                Session(f"script-expires-{n}", SCRIPT, _TO_ITS_END, beside=_LASTS.id, options=_SOON, steps=_ENDLESS)
                for n in _ROUNDS
            ),
        )
    ),
    promises=("AU-02",),
    needs=("concurrent", "feature:expiry=end"),
    by_hand="the command above must end after 400 ms, and not like a success",
    order=4,
)

_FOR_A_WHILE: Final[tuple[Step, ...]] = (Generate(n=12, every_ms=100), Complete())
_WHOLE: Final = Session("script-free-outlives", SCRIPT, _TO_ITS_END, steps=_FOR_A_WHILE)

EXPIRY_CONTINUES: Final = Scenario(
    id="conformance/script-expiry-continues",
    sentence="read streams of over a second whose credentials expire after 400 ms, and one whose do not",
    script=Script(
        (
            _WHOLE,
            *(
                Session(
                    f"script-outlives-{n}", SCRIPT, _TO_ITS_END, beside=_WHOLE.id, options=_SOON, steps=_FOR_A_WHILE
                )
                for n in _ROUNDS
            ),
        )
    ),
    promises=("AU-02",),
    needs=("concurrent", "feature:expiry=continue"),
    by_hand="the command above must send its twelve items",
    order=4,
)
