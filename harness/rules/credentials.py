"""AU: who asks without credentials, or with wrong ones, and is not let in; also not back in. Only where credentials are
declared to be needed, and beside the user's own, which work.

Never here: which status refuses (RFC 6750 asks for 401, a login page elsewhere is as good), or what becomes of a
stream whose credentials expire (`credentials_expire`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core import standing
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Ended,
    Expired,
    Failed,
    Farewell,
    Item,
    Opened,
    Refused,
)
from streamspec.harness.core.redaction import REDACTED
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, called, head, item, told, upgraded, written
from streamspec.harness.rules._resumes import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

_SWITCHED: Final = 101  # RFC 6455 §4.2.2
_HEADLESS: Final = (0, _SWITCHED)  # of connections of messages: no stream is refused by these
_WORDS: Final = {"none": "no credentials", "wrong": "credentials that nobody has"}


def strangers_get_no_stream(h: History) -> Iterator[Finding]:
    yield from _strangers(h, _refused, resumes=False)


def strangers_do_not_resume(h: History) -> Iterator[Finding]:
    yield from _strangers(h, _refused, resumes=True)


def _strangers(h: History, judged: Callable[[History, str, Record], Finding], *, resumes: bool) -> Iterator[Finding]:
    for session in h.sessions():
        asked = standing.ask_of(h, session)
        if asked.credentials not in _WORDS or bool(asked.after) is not resumes:
            continue
        control = _let_in(h, session, resumes=resumes)
        if why := _why_open_to_all(h, session):
            yield unknown(why)
        elif control is None:
            yield unknown("with the user's own credentials no item came either")
        else:
            yield judged(h, session, control)


def _why_open_to_all(h: History, session: str) -> str:
    """Why this request may need no credentials, or carry some all the same; empty when it needs what we left out."""
    declared, request = h.header.declared, h.header.requests.get(h.role(session))
    url = request.url if request else ""
    below = str(declared.get(SCRIPT, "")) + "/"
    if REDACTED in url:
        return "its URL has a secret of its own, with which it may be let in"
    if declared.get("auth") or (declared.get("declares.auth") and len(below) > 1 and url.startswith(below)):
        return ""
    return "nobody said that this request needs credentials"


def _let_in(h: History, session: str, *, resumes: bool) -> Record | None:
    """The head of an answer to the same request with the user's own credentials, if it brought an item."""
    for other in h.sessions(h.role(session)):
        asked = standing.ask_of(h, other)
        usual = not asked.credentials and bool(asked.after) is resumes and not standing.unusual(h, other)
        if usual and standing.items(h, other) and (found := standing.opened(h, other)):
            return found
    return None


def _refused(h: History, session: str, control: Record) -> Finding:
    """A stream, or what looks like the beginning of one, is broken. A page of another kind with a 200 is nobody's
    stream, and a stream that only says that it failed told nothing."""
    answer = h.first(Opened, session)
    if not answer or not isinstance(answer.event, Opened) or not isinstance(control.event, Opened):
        return unknown(standing.not_opened(h, session))
    head_ = answer.event
    got = f"status {head_.status}, {head_.essence or 'without a type'}"
    if items := standing.items(h, session):
        got = f"{got}, and items"
    elif (no := standing.refusal(h, session)) and isinstance(no.event, Failed):  # where a stream has no status
        return held(control, no)
    elif head_.status in _HEADLESS:
        end = next(iter(standing.theirs(h, (Failed, Closed, Farewell), session)), None)
        return held(control, end) if end else unknown("it was opened, and nothing came while we looked", answer)
    elif not 200 <= head_.status < 300:
        return held(control, answer)
    elif (failed := h.first(Failed, session)) or head_.status == 204 or head_.essence != control.event.essence:
        what = "it says that it failed, without an item" if failed else "not what the user's own credentials bring"
        return unknown(f"{got}: {what}", answer)
    return broken(answer, items[:3], expected=_wanted(h, session), got=got)


def _wanted(h: History, session: str) -> str:
    return f"no stream for {_WORDS[standing.ask_of(h, session).credentials]}"


# -- histories written by hand -----------------------------------------------------------------------------------------

_AUTH: Final[dict[str, str | int | bool]] = {"auth": "bearer"}
_UNAUTHORIZED: Final = (head(("WWW-Authenticate", "Bearer"), status=401), ENDED, EOF)
_ALL: Final = (head(), item(0), item(1), *CLOSE)
_SWITCHED_TO: Final = (upgraded(), item(0), *CLOSE)


def _asked(
    *answer: Event,
    how: str = "none",
    own: tuple[Event, ...] = _ALL,
    declared: Mapping[str, str | int | bool] = _AUTH,
) -> History:
    stranger = Ask(credentials="none") if how == "none" else Ask(credentials="wrong")
    return written(
        *told("look-1", ASK, *own),
        *told("look-2", ASK, *answer, start_ms=100),
        declared=declared,
        asks={"look-2": stranger},
    )


AU_01 = Rule(
    id="AU-01",
    level=Level.MUST,
    sentence="Where credentials are needed, no stream is opened without them, nor with wrong ones: no 2xx and no item.",
    source="RFC 6750 §3, §3.1; RFC 9110 §15.5.2; seed 003 step 4",
    why="Whoever knows the URL reads what was meant for somebody else.",
    needs=("auth",),
    check=strangers_get_no_stream,
    good=(
        _asked(*_UNAUTHORIZED),
        _asked(*_UNAUTHORIZED, how="wrong"),
        _asked(head(status=403), ENDED, EOF),
        _asked(head(("Location", "/login"), status=302), ENDED, EOF),
        # a login page; a stream that says that it failed
        _asked(head(("Content-Type", "text/html")), ENDED, EOF),
        _asked(head(), Failed("UNAUTHENTICATED"), ENDED, EOF),
        _asked(called(), Failed("UNAUTHENTICATED"), ENDED, EOF),
        # a connection of messages that is closed, or says nothing at all
        _asked(upgraded(), Farewell(1008), EOF, own=_SWITCHED_TO),
        _asked(upgraded(), Expired("look_ms", 2_000), *CLOSE, own=_SWITCHED_TO),
        # the user's own do not work either; nobody said that any are needed
        _asked(*_ALL, own=_UNAUTHORIZED),
        _asked(*_ALL, declared={}),
    ),
    bad=(
        _asked(*_ALL),
        _asked(*_ALL, how="wrong"),
        _asked(upgraded(), item(0), *CLOSE, own=_SWITCHED_TO),
        # an open stream without an item so far
        _asked(head(), *CLOSE),
    ),
)


# -- AU-04: streams in envelopes ---------------------------------------------------------------------------------------


def strangers_are_refused_in_envelopes(h: History) -> Iterator[Finding]:
    """Where the connection asks for credentials, or where each stream does: which of them is all the same."""
    yield from _strangers(h, _not_heard, resumes=False)


def _not_heard(h: History, session: str, control: Record) -> Finding:
    """An item, or an end as after success, is broken. Who says nothing has told nothing, and refused nothing."""
    answer, ends = h.first(Opened, session), standing.theirs(h, (Failed, Closed, Farewell), session)
    if told_ := standing.theirs(h, (Item, Completed), session):
        what = "an item" if isinstance(told_[0].event, Item) else "the end, as after success"
        place = ", in a further envelope of its connection" if standing.ask_of(h, session).on else ""
        return broken(answer, told_[:3], expected=_wanted(h, session), got=f"{what}{place}")
    if answer is None or not isinstance(answer.event, Opened):
        return unknown(standing.not_opened(h, session))
    if answer.event.status != _SWITCHED:
        refused = not 200 <= answer.event.status < 300
        return held(control, answer) if refused else unknown(f"status {answer.event.status}: no WebSocket", answer)
    return held(control, ends[0]) if ends else unknown("it was not answered while we looked", answer)


def _envelopes(
    *answers: tuple[Event, ...],
    how: Literal["none", "wrong"] = "none",
    own: tuple[Event, ...] = _SWITCHED_TO,
    declared: Mapping[str, str | int | bool] = _AUTH,
) -> History:
    """Streams that are asked for one after the other, on one connection."""
    rows = [row for n, seen in enumerate(answers, 2) for row in told(f"look-{n}", ASK, *seen, start_ms=100.0 * n)]
    asks = {f"look-{n}": Ask(credentials=how, on="look-2" if n > 2 else "") for n in range(2, len(answers) + 2)}
    return written(*told("look-1", ASK, *own), *rows, declared=declared, binding="ws", asks=asks)


_NOT_SWITCHED: Final = (head(("WWW-Authenticate", "Bearer"), status=401), ENDED, EOF)
_UNKNOWN_TO_IT: Final = (upgraded(), Failed("UNAUTHENTICATED"), Ended("envelope", 90))
_LOOKED: Final = (upgraded(), Expired("look_ms", 2_000), *CLOSE)

AU_04 = Rule(
    id="AU-04",
    level=Level.MUST,
    sentence="Over WebSocket no stream is opened without good credentials, in whichever envelope it is asked for.",
    source="seed 003 step 4 (WebSocket: on connect, or in the first message); RFC 6455 §10.5; RFC 6750 §3.1",
    why="A door that is watched only when it is opened, or only for the first who comes in, lets all others in.",
    needs=("auth", "mux"),
    on=("ws",),
    check=strangers_are_refused_in_envelopes,
    good=(
        _envelopes(_NOT_SWITCHED, (Refused("closed"),)),
        _envelopes(_UNKNOWN_TO_IT, _UNKNOWN_TO_IT, how="wrong"),
        # the connection is closed
        _envelopes((upgraded(), Farewell(1008), EOF)),
        # it says nothing at all; it shows a page; the user's own do not work either; nobody said that any are needed
        _envelopes(_LOOKED),
        _envelopes((head(("Content-Type", "text/html")), ENDED, EOF)),
        _envelopes(_SWITCHED_TO, own=_NOT_SWITCHED),
        _envelopes(_SWITCHED_TO, declared={}),
    ),
    bad=(
        _envelopes(_SWITCHED_TO),
        _envelopes((upgraded(), Completed(), *CLOSE), how="wrong"),
        _envelopes(_UNKNOWN_TO_IT, _SWITCHED_TO),
    ),
)


# -- AU-03: resumes ----------------------------------------------------------------------------------------------------


def _resumes(*answer: Event, how: str = "none", own: tuple[Event, ...] = (head(), *words("c", "d"), *CLOSE)) -> History:
    stranger = Ask(after="resumable-1", credentials="none" if how == "none" else "wrong")
    return written(
        *told("resumable-1", ASK, head(), *words("a", "b"), *CLOSE),
        *told("resumable-2", ASK, *own, start_ms=100),
        *told("resumable-3", ASK, *answer, start_ms=200),
        declared=_AUTH,
        asks={"resumable-2": Ask(after="resumable-1"), "resumable-3": stranger},
    )


AU_03 = Rule(
    id="AU-03",
    level=Level.MUST,
    sentence="Whoever resumes is asked for credentials again: without them, or with wrong ones, nothing goes on.",
    source="seed 003 step 4 (connections are authenticated, not streams); RFC 6750 §3.1",
    why="An id that leaked, or a token that was taken back, is enough to read on.",
    needs=("auth", "role:resumable"),
    after=("AU-01",),
    on=("sse",),
    check=strangers_do_not_resume,
    good=(
        _resumes(*_UNAUTHORIZED),
        _resumes(*_UNAUTHORIZED, how="wrong"),
        # nobody can resume
        _resumes(head(), *words("c"), *CLOSE, own=(head(status=412), ENDED, EOF)),
    ),
    bad=(
        _resumes(head(), *words("c", "d"), *CLOSE),
        _resumes(head(), *words("a", "b"), *CLOSE, how="wrong"),
    ),
)
