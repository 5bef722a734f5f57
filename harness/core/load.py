"""What a load is: which streams are opened, how often, and what one of them showed. Data only.

Never here: a clock, a socket, a percentile. `METRICS` is the closed list of what is measured of streams.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- typed.build reads our hints at run time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Read, Script, Session

if TYPE_CHECKING:
    from streamspec.harness.core.script import Act

# Of each good stream, from the time at which it was due to begin, and not from the one at which we came to it: a server
# that stands still makes whoever comes meanwhile wait (coordinated omission).
METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ttfb": "from when a stream was due to begin until the head of its answer was read whole",
        "ttfe": "from when a stream was due to begin until its first item",
        "gap": "from one item of a stream to the next",
        "whole": "from when a stream was due to begin until it was over",
    }
)
SURE: Final = "sure."  # before a metric: the same without what of it may be our own doing
LATE: Final = "late"  # from when a stream was due to begin until we began it: our own doing
LAG: Final = "lag"  # how late a timer of the engine's loop fires: our own doing, too
LAG_LEAST_MS: Final = 25.0  # from there on it is written into every stream that is open (standing condition 5)


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of stream that a load opens: the role it asks for and its acts (an object's are `Call`s), and the rules
    that are judged on every one of them. `items` is how many it reads before it leaves; 0: it reads to the end."""

    name: str
    sentence: str
    role: str
    acts: tuple[Act, ...]
    promises: tuple[str, ...]
    needs: tuple[str, ...] = ()
    options: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def items(self) -> int:
        return next((act.items for act in self.acts if isinstance(act, Read)), 0)

    @property
    def in_process(self) -> bool:
        return self.role == OBJECT

    def script(self) -> Script:
        """One of its streams."""
        return Script((Session(f"{self.role}-1", self.role, self.acts, options=self.options),))

    def scenario(self) -> Scenario:
        """The same, as what the plan reads."""
        return Scenario(f"load/{self.name}", self.sentence, self.script(), self.promises, self.needs)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many streams are to begin in a second, for how long, and how many may be open at once. A stream that would be
    one too many is not begun, and counted. `arrivals` says when they are due: `even`, or `poisson` by the seed.
    `lane` of `lanes` is this engine's part: every so manieth stream."""

    streams: int
    rate: float
    duration_s: float
    seed: int = 0
    arrivals: Literal["even", "poisson"] = "even"
    lane: int = 0
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What one stream showed. `kind` is empty for a good one, and else says in a word or two why it was none: such a
    stream has no times. All times are in microseconds, from when the stream was due to begin; `whole_us` is None for
    one that we left. `ours_us` is how much of `ttfb_us`, `ttfe_us` and `whole_us` is our own doing, as far as we know,
    and `gaps_ours_us` of each gap: we began it late, or our loop stood still."""

    kind: str
    items: int = 0
    ttfb_us: int | None = None
    ttfe_us: int | None = None
    gaps_us: tuple[int, ...] = ()
    whole_us: int | None = None
    ours_us: tuple[int, int, int] = (0, 0, 0)
    gaps_ours_us: tuple[int, ...] = ()
