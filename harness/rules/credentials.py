"""AU: who asks without credentials, or with wrong ones, and is not let in; also not back in. Only where credentials are
declared to be needed, and beside the user's own, which work.

Never here: which status refuses (RFC 6750 asks for 401, a login page elsewhere is as good), or what becomes of a
stream whose credentials expire (`credentials_expire`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Failed, Opened
from streamspec.harness.core.redaction import REDACTED
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written
from streamspec.harness.rules._resumes import ask, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

_WORDS: Final = {"none": "no credentials", "wrong": "credentials that nobody has"}


def strangers_get_no_stream(h: History) -> Iterator[Finding]:
    yield from _strangers(h, resumes=False)


def strangers_do_not_resume(h: History) -> Iterator[Finding]:
    yield from _strangers(h, resumes=True)


def _strangers(h: History, *, resumes: bool) -> Iterator[Finding]:
    for session in h.sessions():
        asked = ask(h, session)
        if asked.credentials not in _WORDS or bool(asked.after) is not resumes:
            continue
        control = _let_in(h, session, resumes=resumes)
        if why := _why_open_to_all(h, session):
            yield unknown(why)
        elif control is None:
            yield unknown("with the user's own credentials no item came either")
        else:
            yield _refused(h, session, control)


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
        asked = ask(h, other)
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
    elif not 200 <= head_.status < 300:
        return held(control, answer)
    elif h.first(Failed, session):
        return unknown("it was opened, and said that it failed, without an item", answer)
    elif head_.status == 204 or head_.essence != control.event.essence:
        return unknown(f"{got}: not what the user's own credentials bring", answer)
    expected = f"no stream for {_WORDS[ask(h, session).credentials]}"
    return broken(answer, items[:3], expected=expected, got=got)


# -- histories written by hand -----------------------------------------------------------------------------------------

_AUTH: Final[dict[str, str | int | bool]] = {"auth": "bearer"}
_UNAUTHORIZED: Final = (head(("WWW-Authenticate", "Bearer"), status=401), ENDED, EOF)
_ALL: Final = (head(), item(0), item(1), *CLOSE)


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
        # the user's own do not work either; nobody said that any are needed
        _asked(*_ALL, own=_UNAUTHORIZED),
        _asked(*_ALL, declared={}),
    ),
    bad=(
        _asked(*_ALL),
        _asked(*_ALL, how="wrong"),
        # an open stream without an item so far
        _asked(head(), *CLOSE),
    ),
)


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
