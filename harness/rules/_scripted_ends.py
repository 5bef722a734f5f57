"""What rules about scripted streams ask: which steps a session was told, and which end its client was shown.

Careful in one direction: where an honest server leaves room for doubt, the answer is no end at all, and why. Here too
is how such histories are written by hand. Never here: a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Event, Expired, Failed, Item, Opened, Record
from streamspec.harness.core.script import SCRIPT
from streamspec.harness.core.steps import Abandon, Complete, Fail, Gate, Generate, Send, Step, Wait
from streamspec.harness.core.written import ASK, ENDED, EOF, chunked, item, retold, told, written
from streamspec.harness.rules._wire import by_close, like_an_error, why_unlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Finding

    Check = Callable[[History], Iterator[Finding]]

_ENDS: Final = (Complete, Fail, Abandon)
_NOT_IMPLEMENTED: Final = 501  # of an adapter that does not know the script


@dataclass(frozen=True, slots=True)
class Ending:
    """What the client was shown: `success`; `failure`; `bare`, a whole message without the word for its end; `open`,
    nothing for as long as we waited. Empty where that cannot be told, and then `why`."""

    how: Literal["success", "failure", "bare", "open", ""]
    at: tuple[Record, ...] = ()
    why: str = ""

    @property
    def worded(self) -> str:
        """For people."""
        match self.how:
            case "success":
                return "the end, as after success"
            case "failure":
                failed = self.at[0].event
                return f"the error {failed.code}".rstrip() if isinstance(failed, Failed) else "a message cut short"
            case "bare":
                return "a clean end without the word for it"
            case _:
                return self.why


def both(*checks: Check) -> Check:
    """The check that makes all of these: of objects, and of scripted servers."""

    def check(h: History) -> Iterator[Finding]:
        for one in checks:
            yield from one(h)

    return check


def tail(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """From the first step on that ends the stream or leaves it, but for what only waits."""
    ending = dropwhile(lambda step: not isinstance(step, _ENDS), steps)
    return tuple(step for step in ending if not isinstance(step, Gate | Wait))


def told_to(h: History, *kinds: type[Step]) -> tuple[str, ...]:
    """The scripted sessions whose script ends with just these steps, after items or none, and that no time may end."""
    told = (s for s in h.header.script.sessions if s.role == SCRIPT and not s.options)
    return tuple(s.id for s in told if tuple(type(step) for step in tail(s.steps)) == kinds)


def due(h: History, session: str) -> int:
    """How many items the script sends before it ends the stream; 0 where it does so without end."""
    steps = h.steps(session)
    ahead = tuple(takewhile(lambda step: not isinstance(step, _ENDS), steps))
    counts = [len(s.items) if isinstance(s, Send) else s.n for s in ahead if isinstance(s, Send | Generate)]
    return 0 if any(isinstance(s, Generate) and not s.n for s in ahead) else sum(counts)


def ending(h: History, session: str) -> Ending:
    """How this session's stream ended for its client, before any end of ours."""
    answer = h.first(Opened, session)
    if answer and isinstance(answer.event, Opened) and answer.event.status >= 500:
        known = answer.event.status != _NOT_IMPLEMENTED
        return Ending("failure", (answer,)) if known else Ending("", (answer,), "its adapter does not know the script")
    if reason := why_unlike(h, session):
        return Ending("", (), reason)
    marks = standing.terminals(h, session)
    if marks and isinstance(marks[0].event, Failed):
        return Ending("failure", marks[:1])
    named = like_an_error(h, session)
    if named and not (marks and h.header.declared.get("profile.error_channel")):
        return Ending("", (named,), "the last item looks like an error: name it in a profile (docs/adding.md)")
    return Ending("success", marks[:1]) if marks else _unmarked(h, session)


def _unmarked(h: History, session: str) -> Ending:
    if clean := standing.whole(h, session):
        return _whole(h, clean)
    if end := standing.cut(h, session) or standing.reset(h, session):
        return Ending("failure", (end,))
    if late := standing.expired(h, session):
        return Ending("open", (*standing.items(h, session)[-1:], late[-1]), "it was still open when we stopped reading")
    return Ending("", (), "it was still open when we left it")


def _whole(h: History, clean: Record) -> Ending:
    """No word, and a message whole by its framing. Where success has a word, its absence shows the failure; but a
    dialect that has one for failure must use it, unless everybody sees that the body is no whole one."""
    declared = h.header.declared
    if declared.get("profile.terminal"):
        visible = by_close(clean) or h.header.binding == "json_array" or not declared.get("profile.error_channel")
        return Ending("failure" if visible else "bare", (clean,))
    if by_close(clean):
        return Ending("", (clean,), "the body ends with its connection: success and failure look alike")
    return Ending("success", (clean,))


def fell_silent(h: History, session: str) -> Record | None:
    """The budget that ran out with no sign of life for all of it, where one did."""
    found = standing.expired(h, session, "failing_ms")
    return next((r for r in found if isinstance(r.event, Expired)), None)


def numbers(h: History, session: str) -> tuple[int, ...]:
    """The numbers of the generated items that came, in order."""
    came = (r.event for r in standing.items(h, session))
    return tuple(event.seq for event in came if isinstance(event, Item) and event.seq is not None)


def figure(h: History, session: str, name: str) -> int | None:
    """The last that the witness told of this stream; None where it did not."""
    found = accounts.of_this(h, session, name)
    return found[-1].value if found else None


# -- histories written by hand -----------------------------------------------------------------------------------------


MARKED: Final[dict[str, str | int | bool]] = {"profile.terminal": True, "profile.error_channel": True}
THREE: Final[tuple[Event, ...]] = (ASK, chunked("sse"), item(0), item(1), item(2))
WELL: Final = (*THREE, Completed(), ENDED, EOF)  # a stream of three items that completes
BADLY: Final = (*THREE, Failed("NOT_FOUND", "no"), ENDED, EOF)  # and one that fails
GENERATE: Final = Generate(3)
FAIL: Final = Fail("NOT_FOUND", "no")

Part = tuple[tuple[Step, ...], tuple[Event, ...]]


def scripted(
    *parts: Part, declared: Mapping[str, str | int | bool] = MARKED, binding: str = "sse", step_ms: float = 1.0
) -> History:
    """A history of scripted sessions, `script-1` and so on: what each was told, and what was seen of it."""
    names = [f"script-{n}" for n in range(1, len(parts) + 1)]
    rows = [row for name, (_, events) in zip(names, parts, strict=True) for row in told(name, *events, step_ms=step_ms)]
    h = written(*rows, declared=declared, binding=binding)
    steps = {name: steps for name, (steps, _) in zip(names, parts, strict=True)}
    return retold(h, lambda s: replace(s, steps=steps[s.id]))
