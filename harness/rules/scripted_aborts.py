"""CN by scripts: what clients are shown of a stream that its own server gives up.

Never here: what a cancel of theirs does (`cancellation`, `leaving`), or a handler that fails by itself (LC-07).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Completed, Ended, Failed
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.steps import Fail
from streamspec.harness.core.written import ENDED, EOF, RESET
from streamspec.harness.rules._scripted_ends import GENERATE, THREE, WELL, ending, scripted, told_to
from streamspec.harness.rules._wire import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_ABORTS: Final = frozenset({"CANCELLED", "UNAVAILABLE"})  # what a server's own giving up is called


def aborts_are_no_success(h: History) -> Iterator[Finding]:
    """The control is any other failure: if that looks like success as well, it is not the abort's doing."""
    by_code = {session: _code(h, session) for session in told_to(h, Fail)}
    controls = (ending(h, session) for session, code in by_code.items() if code not in _ABORTS)
    control = next((end for end in controls if end.how == "failure"), None)
    for session, code in by_code.items():
        if code not in _ABORTS:
            continue
        end = ending(h, session)
        if end.how == "failure":
            yield held(end.at)
        elif end.how == "success" and control:
            wanted = "an error, or an end that is visibly broken"
            yield broken(control.at, end.at, expected=wanted, got=end.worded)
        else:
            yield unknown("no failure is shown here" if end.how == "success" else end.worded, end.at)


def _code(h: History, session: str) -> str:
    return next((step.code for step in h.steps(session) if isinstance(step, Fail)), "")


_FAILS: Final = ((GENERATE, Fail("INTERNAL")), (*THREE, Failed("INTERNAL"), ENDED, EOF))
_GIVES_UP: Final = (GENERATE, Fail("UNAVAILABLE"))
_CUT: Final = (*THREE, EOF)

CN_15 = Rule(
    id="CN-15",
    level=Level.MUST,
    sentence="A stream that its own server gives up is never seen as completed.",
    source="seed 002 'Cancellation' (cancel(reason)); seed 000 StreamErrorCode; RFC 9112 §8",
    why="A server that restarts, or sheds load, hands out half answers as whole ones.",
    needs=("script", "feature:fail"),
    after=ROOTS,
    check=aborts_are_no_success,
    good=(
        scripted(_FAILS, (_GIVES_UP, (*THREE, Failed("UNAVAILABLE"), ENDED, EOF))),
        scripted(((GENERATE, Fail("CANCELLED")), _CUT), declared={}),
        scripted(((GENERATE, Fail("CANCELLED")), (*THREE, RESET)), declared={}),
        # all its failures look like success: another rule's finding
        scripted(((GENERATE, Fail("INTERNAL")), WELL), (_GIVES_UP, WELL)),
        # a body that ends with its connection ends alike either way
        scripted((_GIVES_UP, (*THREE, Ended("close", 20), EOF)), declared={}),
    ),
    bad=(
        scripted(_FAILS, (_GIVES_UP, WELL)),
        scripted((_FAILS[0], _CUT), ((GENERATE, Fail("CANCELLED")), (*THREE, ENDED, EOF)), declared={}),
        scripted(
            (_FAILS[0], _CUT),
            (_GIVES_UP, (*THREE, Completed(9), ENDED, EOF)),
            declared={"profile.terminal": True},
            binding="json_array",
        ),
    ),
)
