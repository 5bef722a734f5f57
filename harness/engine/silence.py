"""Roles that stay silent: who has waited long enough for their items asks them no more in this run.

A role that is declared to send and does not would be waited for in every case anew: minutes that show nothing. It takes
one item to be forgiven. Never here: a verdict (what was not asked is INCONCLUSIVE).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from streamspec.harness.core.script import LOOK, OBJECT, SCRIPT

# Looks are how a case begins, a script may be told to be silent, and `empty` has nothing to send.
_NEVER_TIRED: Final = frozenset({LOOK, OBJECT, SCRIPT, "empty"})


@dataclass(slots=True)
class Silence:
    """For how many milliseconds streams of each role were waited for, all together, since the last item of one."""

    waited_ms: dict[str, float] = field(default_factory=dict)

    def waited(self, role: str, ms: float) -> None:
        if role not in _NEVER_TIRED:
            self.waited_ms[role] = self.waited_ms.get(role, 0.0) + ms

    def heard(self, role: str) -> None:
        self.waited_ms.pop(role, None)

    def lasts(self, role: str, patience_ms: float) -> bool:
        """Whether this role is to be asked no more."""
        return self.waited_ms.get(role, 0.0) >= patience_ms
