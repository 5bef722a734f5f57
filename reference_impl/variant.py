"""`Variant`: one deliberate defect of the reference, with the rule that must catch it.

Never here: the defects, or any knowledge of how rules are judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.seams import Seams


@dataclass(frozen=True, slots=True)
class Variant:
    """Served under `/broken/NAME/` with all the roles, and good but for what `sentence` says.

    `kills` is the rule that must fail, with the words of `because` in its finding; `also` says of every other
    rule that may fail why it may. `where` is the layer that the defect replaces; `on` names where its rule sees it:
    over a binding that the variant is served on, or `inprocess`, on the stream itself in both its shells. It is seen
    over every other binding on which its rule applies and whose streams pass its seams as well, in the words of
    `because_over` where a binding has others, but for those of `not_over`, which says why. `by` names the command that
    shows it: of what only a search, a fault or a load shows, the fixed cases of `run` see nothing.
    """

    name: str
    sentence: str
    where: Literal["stream", "app", "wire"]
    kills: str
    because: tuple[str, ...]
    seams: Seams
    also: Mapping[str, str] = field(default_factory=dict)
    on: tuple[str, ...] = ("sse",)
    by: Literal["run", "fuzz", "fault", "load"] = "run"
    because_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    not_over: Mapping[str, str] = field(default_factory=dict)
