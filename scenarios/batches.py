"""Many streams that end in one way, counted in batches: what the rules about resources that do not come back compare.

The first count is of a cold server, the first batch warms it up. Never here: a scenario, or what the outcome means.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.script import Account, Act, Session, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.steps import Step

_BATCHES: Final = (1, 2, 3, 4)  # the first of them warms up
_TOGETHER: Final = 10  # streams of a batch that are open at once: some take their time before they send anything
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def in_batches(
    role: str, *cycle: Act, steps: tuple[Step, ...] = (), options: Mapping[str, int] = _NONE
) -> tuple[Session, ...]:
    """Counted once at first, and at the end of the last cycle of each batch; after the last batch until no more is held
    than after the one before, and then until nothing comes back any more."""
    returned = (
        Watch("return_ms", back=f"{role}-count-{_BATCHES[-2]}"),
        Watch("recover_ms", still="fds", back=f"{role}-count-0"),
    )
    cold = Session(f"{role}-count-0", role, (*cycle, Account()), steps=steps, options=options)
    sessions = [cold]
    for n in _BATCHES:
        counted = (Account(), *returned) if n == _BATCHES[-1] else (Account(),)
        sessions.append(replace(cold, id=f"{role}-batch-{n}", acts=cycle, times=0, together=_TOGETHER))
        sessions.append(replace(cold, id=f"{role}-count-{n}", acts=(*cycle, *counted)))
    return tuple(sessions)
