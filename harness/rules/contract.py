"""SC: whether an adapter does what the scripted contract asks of it, so that what it tells of others can be believed.

Verdicts on scripted streams rest on two things: that a script is played as it is written, and that a witness counts
what happened. Never here: what a framework makes of a script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Event, Failed, Item, Meta, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.steps import Complete, Fail, Generate, Refuse, Step
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, account, called, chunked, head, item, upgraded
from streamspec.harness.rules._scripted_ends import THREE, WELL, ending, scripted
from streamspec.harness.rules._scripted_items import asked, asking, expected, well_ended
from streamspec.harness.rules._wire import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.history import History

_NOT_UNDERSTOOD: Final = {400: "no script", 501: "a step or an option that it does not know"}
_NOT_UNDERSTOOD_IN_BAND: Final = {"INVALID_ARGUMENT": 400, "UNIMPLEMENTED": 501}


# -- SC-01: what is declared is played ---------------------------------------------------------------------------------


def declared_is_played(h: History) -> Iterator[Finding]:
    """Only steps and options that it has declared are asked of an adapter at all."""
    for session in asked(h):
        record, steps = h.first(Opened, session), h.steps(session)
        if not record or not isinstance(record.event, Opened) or isinstance(next(iter(steps), None), Refuse):
            continue
        status, refusal = record.event.status, standing.refusal(h, session)
        if refusal and (what := _not_played(h, session, refusal)):
            yield broken(refusal, expected="a script of what it declares is played", got=what)
        elif status in _NOT_UNDERSTOOD:
            got = f"answered {status}: {_NOT_UNDERSTOOD[status]}"
            yield broken(record, expected="a script of what it declares is played", got=got)
        elif standing.opened(h, session) and (gone := _gone_at_once(h, session, record.event)):
            yield unknown("its connection ended, and nothing had come back", gone)
        elif standing.opened(h, session):
            yield held(record)
        else:
            yield unknown(standing.not_opened(h, session))


def _gone_at_once(h: History, session: str, answer: Opened) -> Record | None:
    """The end of the connection by a target that said nothing on it: where a stream has no status of its own, an answer
    shows a connection and no stream."""
    if not standing.says_no_in_band(answer) or h.of((Item, Meta, *standing.TERMINALS), session):
        return None
    return standing.cut(h, session) or standing.reset(h, session)


def _not_played(h: History, session: str, refusal: Record) -> str:
    """In words which refusal in band says that a script is none, or that a step of it is not known; empty for others,
    and where the script itself wants to fail."""
    code = refusal.event.code if isinstance(refusal.event, Failed) else ""
    if code not in _NOT_UNDERSTOOD_IN_BAND or any(isinstance(step, Fail) for step in h.steps(session)):
        return ""
    return f"refused with {code}: {_NOT_UNDERSTOOD[_NOT_UNDERSTOOD_IN_BAND[code]]}"


_ONE: Final[tuple[Step, ...]] = (Generate(1), Complete())
_NOT_KNOWN: Final = (ASK, head(status=501), ENDED, EOF)
_NOT_READ: Final = (ASK, head(status=400), ENDED, EOF)

SC_01 = Rule(
    id="SC-01",
    level=Level.MUST,
    sentence="A script of steps and options that the adapter declares is not refused as one that it cannot read.",
    source="docs/contract.md 'Features', 'Scripts'",
    why="Whoever declares what he does not do is judged by nothing, where everybody reads that he was.",
    needs=("script",),
    check=declared_is_played,
    good=(
        scripted((_ONE, WELL)),
        # the script asks to be refused; the server is full
        scripted(((Refuse("INVALID_ARGUMENT"),), _NOT_READ), (_ONE, (ASK, head(status=503), ENDED, EOF))),
        # nobody declares what is no script
        asking(scripted(((), _NOT_KNOWN)), {"script-1": Ask(script="{}")}),
        # a handler that fails as its script says, with a code that a refusal may have as well
        scripted(((Fail("INVALID_ARGUMENT"),), (ASK, called(), Failed("INVALID_ARGUMENT"), ENDED)), binding="grpc"),
    ),
    bad=(
        scripted((_ONE, _NOT_KNOWN)),
        scripted((_ONE, _NOT_READ)),
        scripted((_ONE, (ASK, upgraded(), Failed("UNIMPLEMENTED"), *CLOSE)), binding="ws"),
    ),
)


# -- SC-02: and nothing else -------------------------------------------------------------------------------------------


def unknown_is_refused(h: History) -> Iterator[Finding]:
    plays = any(standing.opened(h, session) for session in asked(h))
    for session in h.sessions(SCRIPT):
        ask = next((act for act in h.acts(session) if isinstance(act, Ask)), None)
        record = h.first(Opened, session)
        if not ask or not ask.script:
            continue
        if not record or not isinstance(record.event, Opened) or not plays:
            yield unknown(standing.not_opened(h, session) or "no other script was played")
        elif (refusal := standing.refusal(h, session)) and isinstance(refusal.event, Failed):
            code = refusal.event.code
            told = code == "UNIMPLEMENTED"
            yield held(refusal) if told else broken(refusal, expected="UNIMPLEMENTED", got=f"refused with {code}")
        elif standing.says_no_in_band(record.event) and not h.of((Item, Meta, *standing.TERMINALS), session):
            yield unknown("nothing came back", record)
        elif record.event.accepted:
            first = standing.theirs(h, Item, session)[:1]
            got = f"answered {record.event.status}{', with an item' if first else ''}"
            yield broken(
                record, first, expected=f"refused with {_word(record.event)}, and nothing of it played", got=got
            )
        elif record.event.status == 501:
            yield held(record)
        else:
            yield broken(record, expected="refused with 501", got=f"answered {record.event.status}")


def _word(answer: Opened) -> str:
    return "UNIMPLEMENTED" if standing.says_no_in_band(answer) else "501"


_STRANGE: Final = {"script-1": Ask(script='{"steps":[{"do":"sing"}]}')}


def _strange(*events: Event, other: tuple[Event, ...] = WELL) -> History:
    return asking(scripted(((), events), (_ONE, other)), _STRANGE)


SC_02 = Rule(
    id="SC-02",
    level=Level.SHOULD,
    sentence="A script with a step that the adapter does not know is refused with 501 (where a stream has no status of "
    "its own, with UNIMPLEMENTED), and nothing of it is played.",
    source="docs/contract.md 'Scripts'",
    why="An adapter that passes over what it does not know is later judged by scripts that it has not played.",
    needs=("script",),
    after=("SC-01",),
    check=unknown_is_refused,
    good=(
        _strange(*_NOT_KNOWN),
        _strange(ASK),
        _strange(*_NOT_READ, other=_NOT_READ),
        _strange(ASK, upgraded(), Failed("UNIMPLEMENTED"), *CLOSE),
        _strange(ASK, upgraded(), *CLOSE),
    ),
    bad=(
        _strange(ASK, chunked("sse"), item(0), ENDED, EOF),
        _strange(ASK, chunked("sse"), ENDED, EOF),
        _strange(*_NOT_READ),
        _strange(ASK, upgraded(), Meta("start"), item(0), Completed(), *CLOSE),
        _strange(ASK, upgraded(), Failed("INTERNAL"), *CLOSE),
    ),
)


# -- SC-03: a witness counts what was received -------------------------------------------------------------------------


def counts_what_came(h: History) -> Iterator[Finding]:
    """What a client has was handed over. Asked of accounts that were asked for after the item had come."""
    for session in asked(h):
        told = accounts.after(accounts.of_this(h, session, "produced"), h.first(Opened, session))
        came = standing.items(h, session)
        seen = [(figure, _before(came, figure)) for figure in told]
        short = [(figure, items) for figure, items in seen if figure.value < len(items)]
        if len(short) > 1 or any(len(items) - figure.value > 1 for figure, items in short):
            figure, items = short[-1]
            least = f"at least {len(items)} items sent, or being sent"
            yield broken(items[-1], figure.record, expected=least, got=f"{figure.value}")
        elif short:
            yield unknown("once one item less was told, as between two figures that change", short[0][0].record)
        elif full := [(figure, items) for figure, items in seen if items]:
            yield held(full[-1][1][-1], full[-1][0].record)
        elif h.steps(session):
            yield unknown("no account was asked for when an item had come")


def _before(items: tuple[Record, ...], figure: Figure) -> tuple[Record, ...]:
    return tuple(record for record in items if record.t_ns < figure.asked_ns)


_PER_STREAM: Final[dict[str, str | int | bool]] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    **{f"tells.{name}.per": "stream" for name in ("produced", "sent", "sending", "called", "terminals", "ended")},
}
_BUSY: Final = (Generate(every_ms=5),)

SC_03 = Rule(
    id="SC-03",
    level=Level.MUST,
    sentence="A witness counts no fewer items as sent, or as being sent, than its client has received.",
    source="docs/contract.md 'The witness'",
    why="How far a producer runs ahead is read from these figures: too small ones make every server look well.",
    needs=("script", "told:produced"),
    after=("DR-01",),
    check=counts_what_came,
    good=(
        scripted((_BUSY, (*THREE, account(6, produced=3), *CLOSE)), declared=_PER_STREAM),
        scripted((_BUSY, (*THREE, account(6, produced=9), *CLOSE)), declared=_PER_STREAM),
        # one figure was told after the other had changed
        scripted((_BUSY, (*THREE, account(6, produced=2), account(7, produced=3), *CLOSE)), declared=_PER_STREAM),
        # asked for before the item came
        scripted((_BUSY, (*THREE, account(3, produced=1), *CLOSE)), declared=_PER_STREAM),
    ),
    bad=(
        scripted((_BUSY, (*THREE, account(6, produced=1), *CLOSE)), declared=_PER_STREAM),
        scripted((_BUSY, (*THREE, account(6, produced=2), account(7, produced=2), *CLOSE)), declared=_PER_STREAM),
    ),
)


# -- SC-04: and all of a stream that is over ---------------------------------------------------------------------------


def counts_all_of_it(h: History) -> Iterator[Finding]:
    """Judged by accounts in which the handler is over; every figure that is told has one right value then."""
    for session in well_ended(h):
        steps, end = h.steps(session), ending(h, session)
        over = [f for f in accounts.of_this(h, session, "ended") if f.value == 1]
        if end.how != "success" or not over:
            yield unknown(end.worded if end.how != "success" else "its handler was not seen to be over", end.at)
            continue
        right = {"sent": len(expected(steps)), "sending": 0, "called": 1}
        if not h.header.declared.get("declares.explicit_end"):  # there a return behind the end may count as well
            right["terminals"] = 1
        figures = {name: _in(h, session, name, over[-1]) for name in right}
        told = {name: figure for name, figure in figures.items() if figure is not None}
        wrong = next((name for name, figure in told.items() if figure != right[name]), None)
        if wrong:
            got = f"{wrong} {told[wrong]}"
            yield broken(end.at, over[-1].record, expected=f"{wrong} {right[wrong]}", got=got)
        elif told:
            yield held(end.at, over[-1].record)


def _in(h: History, session: str, name: str, account_: Figure) -> int | None:
    """The figure of the very same account."""
    same = (f for f in accounts.of_this(h, session, name) if f.record.index == account_.record.index)
    return next((figure.value for figure in same), None)


_THREE: Final = (Generate(3), Complete())


def _over(sent: int, **more: int) -> History:
    figures = {"ended": 1, "sent": sent, "sending": 0} | more
    return scripted((_THREE, (*WELL, account(9, **figures))), declared=_PER_STREAM)


SC_04 = Rule(
    id="SC-04",
    level=Level.MUST,
    sentence="Of a stream that was received whole a witness tells: all sent, none being sent, one call, one end.",
    source="docs/contract.md 'The witness'",
    why="What a witness says of streams that fail can be believed only where it is right about those that do not.",
    needs=("script", "told:sent", "told:ended"),
    after=(*ROOTS, "OI-02", "DR-01", "SC-03"),
    check=counts_all_of_it,
    good=(
        _over(3, called=1, terminals=1),
        _over(3),
        # the handler is not over yet
        scripted((_THREE, (*WELL, account(9, ended=0, sent=2, sending=1))), declared=_PER_STREAM),
    ),
    bad=(_over(2), _over(3, called=2), _over(3, terminals=2), _over(3, sending=1)),
)
