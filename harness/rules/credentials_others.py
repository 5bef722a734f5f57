"""AU: an id of one client's stream is no key for another, who has good credentials of his own. Only where somebody
declares that streams belong to whoever opened them.

Never here: who has no credentials, or wrong ones (`credentials`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Item, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import LOOK, Ask
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, head, told, written
from streamspec.harness.rules._resumes import given, id_of, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

OTHER: Final = "other"
# Refusals that have another reason than whose stream it is: a limit of rate, a failure of the server.
_OTHER_REASONS: Final = frozenset({408, 425, 429})


def others_read_nothing(h: History) -> Iterator[Finding]:
    """What stands behind the id is what the first client reads who resumes there himself."""
    for session in h.sessions("resumable"):
        asked = standing.ask_of(h, session)
        if asked.credentials == OTHER and asked.after:
            yield _kept_apart(h, session, asked.after)


def _kept_apart(h: History, session: str, after: str) -> Finding:
    last, behind, guest = given(h, after), _behind(h, after), _let_in(h)
    answer = h.first(Opened, session)
    if h.declared("resumable", "isolated") != "yes":
        return unknown("nobody said that this stream belongs to whoever opened it")
    if last is None or not behind:
        return unknown("its own client did not go on behind that id either")
    if guest is None:
        return unknown("with the other client's credentials nothing was opened: they may be wrong")
    if not answer or not isinstance(answer.event, Opened):
        return unknown(standing.not_opened(h, session))
    if leaked := [record for record in standing.items(h, session) if _mark(record) in behind]:
        got = f"status {answer.event.status}, and items behind id {id_of(last[0])}, which was given to somebody else"
        return broken(answer, leaked[:3], expected="nothing of a stream that another client opened", got=got)
    why = _why_unclear(answer.event.status, items=bool(standing.items(h, session)))
    return unknown(why, answer) if why else held(guest, answer)


def _why_unclear(status: int, *, items: bool) -> str:
    """Why an answer in which nothing is known to stand behind the id is no refusal; empty where it is one."""
    if items:
        return "items came, and none that is known to stand behind that id: it may be a stream of his own"
    if status >= 500 or status in _OTHER_REASONS:
        return f"it answered {status}, which may have another reason"
    return "it was opened, and no item came while we read" if 200 <= status < 300 and status != 204 else ""


def _behind(h: History, after: str) -> frozenset[str]:
    """The marks of what the same client read who resumed behind that session."""
    own = (
        s
        for s in h.sessions("resumable")
        if standing.ask_of(h, s).after == after and not standing.ask_of(h, s).credentials
    )
    return frozenset(_mark(record) for session in own for record in standing.items(h, session))


def _let_in(h: History) -> Record | None:
    """The head of a look that shows that the other client's credentials are good."""
    looks = (s for s in h.sessions(LOOK) if standing.ask_of(h, s).credentials == OTHER)
    return next((found for s in looks if (found := standing.opened(h, s))), None)


def _mark(record: Record) -> str:
    """By what an item is known again."""
    return record.event.id or record.event.sha if isinstance(record.event, Item) else ""


# -- histories written by hand -----------------------------------------------------------------------------------------

_ISOLATED: Final[dict[str, str | int | bool]] = {"auth": "bearer", "resumable.isolated": "yes"}
_WELCOME: Final[tuple[Event, ...]] = (head(), *words("x"), *CLOSE)
_FORBIDDEN: Final[tuple[Event, ...]] = (head(status=403), ENDED, EOF)
_ON: Final[tuple[Event, ...]] = (head(), *words("c", "d"), *CLOSE)


def _guest(
    *came: Event,
    look: tuple[Event, ...] = _WELCOME,
    own: tuple[Event, ...] = _ON,
    declared: Mapping[str, str | int | bool] = _ISOLATED,
) -> History:
    return written(
        *told("look-other", ASK, *look),
        *told("resumable-left", ASK, head(), *words("a", "b"), *CANCEL, start_ms=100),
        *told("resumable-other", ASK, *came, start_ms=200),
        *told("resumable-own", ASK, *own, start_ms=300),
        declared=declared,
        asks={
            "look-other": Ask(credentials="other"),
            "resumable-other": Ask(after="resumable-left", credentials="other"),
            "resumable-own": Ask(after="resumable-left"),
        },
    )


AU_05 = Rule(
    id="AU-05",
    level=Level.MUST,
    sentence="Where a stream belongs to whoever opened it, no other client reads on behind an id of it.",
    source="rule book AU-05 (a declared isolation); CWE-639; docs/contract.md `isolated`",
    why="Ids are counted up or logged; whoever guesses one reads what was meant for somebody else.",
    needs=("auth", "auth:other", "role:resumable.isolated=yes"),
    after=("AU-01",),
    on=("sse",),
    check=others_read_nothing,
    good=(
        _guest(*_FORBIDDEN),
        _guest(head(status=404), ENDED, EOF),
        _guest(head(("Location", "/login"), status=302), ENDED, EOF),
        # a stream of his own; nothing so far; another reason
        _guest(head(), *words("x", "y"), *CLOSE),
        _guest(head(), *CLOSE),
        _guest(head(status=429), ENDED, EOF),
        # nobody can resume there; his credentials are no good; a stream for everybody
        _guest(*_ON, own=_FORBIDDEN),
        _guest(*_ON, look=(head(status=401), ENDED, EOF)),
        _guest(*_ON, declared={"auth": "bearer"}),
    ),
    bad=(
        _guest(*_ON),
        # also from the beginning, when it goes on into what is behind the id
        _guest(head(), *words("a", "b", "c"), *CLOSE),
    ),
)
