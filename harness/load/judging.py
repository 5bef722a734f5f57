"""One stream that is over, judged by the rules that a load promises. Pure; never here: how it was played."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Refused
from streamspec.harness.core.judge import judge
from streamspec.harness.load.metrics import seen
from streamspec.harness.load.tally import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.harness.core.history import History
    from streamspec.harness.core.load import Load, Seen
    from streamspec.harness.core.rule import Rule

# Of descriptors, ports or memory: no target has to do with that.
_OURS: Final = frozenset(
    os.strerror(number) for number in (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM)
)


def judged(
    history: History, rules: Sequence[Rule], load: Load, late_ns: int, keep: Callable[[str, History], None]
) -> tuple[Seen, list[tuple[str, str]]]:
    """What the stream showed, and what each rule said of it. `keep(why, history)` is given what is worth to be kept as
    evidence: for each rule that was broken, else for its kind (empty for a good stream). Raises `RuntimeError` where it
    is we who could not connect."""
    if ours := _ran_out(history):
        raise RuntimeError(f"we ran out of what a connection needs: {ours}")
    verdicts = judge(history, rules, ())
    made = seen(history, verdicts, load, late_ns)
    told = words_of(verdicts, [rule.id for rule in rules])
    broken = [rule for rule, word in told if word == "broken"]
    for why in broken or [made.kind]:
        keep(why, history)
    return made, told


def _ran_out(history: History) -> str:
    details = (r.event.detail for r in history.of(Refused) if isinstance(r.event, Refused))
    return next((detail for detail in details if detail in _OURS), "")
