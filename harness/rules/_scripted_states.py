"""LC-11 of scripted servers: the state that a witness tells of its handler, from one account to the next.

Never here: a state that a stream object tells of itself (`lifecycle_states`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Record, Told
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.steps import Generate
from streamspec.harness.core.written import CLOSE, account
from streamspec.harness.rules._scripted_ends import THREE, scripted
from streamspec.harness.rules._scripted_items import asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_ENDED: Final = "ended"
_WORDS: Final = frozenset({"playing", _ENDED})


def told_states_move_on(h: History) -> Iterator[Finding]:
    for session in asked(h):
        told = _told(h, session)
        strange = next((word for _, word in told if word not in _WORDS), None)
        over = next((n for n, (_, word) in enumerate(told) if word == _ENDED), None)
        if strange is not None:
            yield unknown(f"its witness tells the state {strange}, which is none")
        elif over is None:
            yield unknown("its witness did not tell that the handler is over")
        elif again := next((record for record, word in told[over:] if word != _ENDED), None):
            yield broken(told[over][0], again, expected="ended for ever", got="ended, then playing")
        elif len(told) > 1:
            yield held(told[0][0], told[-1][0])
        else:
            yield unknown("the state was looked at once", told[0][0])


def _told(h: History, session: str) -> tuple[tuple[Record, str], ...]:
    """The words of a witness, each with its account, in order: one account is over before the next is asked for."""
    found = ((r, r.event.values.get("state")) for r in h.of(Told, session) if isinstance(r.event, Told))
    return tuple((record, str(word)) for record, word in found if word is not None)


def _states(*words: str) -> History:
    accounts = (account(6.0 + n, state=word) for n, word in enumerate(words))
    return scripted(((Generate(),), (*THREE, *accounts, *CLOSE)))


MOVING: Final = (_states("playing", "ended", "ended"), _states("playing", "playing"), _states("gone", "playing"))
COMING_BACK: Final = (_states("playing", "ended", "playing"), _states("ended", "playing", "ended"))
