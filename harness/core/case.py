"""What is tried and on whom: roles, scenarios, cases, the target's capabilities. Data only.

A role is one of *their* endpoints and what it is declared to do (design 5); `ROLES` is the closed list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.ports import Request
    from streamspec.harness.core.profile import Profile
    from streamspec.harness.core.script import Script

Declared = str | int


@dataclass(frozen=True, slots=True)
class RoleKind:
    """A kind of endpoint that a user can declare, and the attributes with which it may be declared."""

    name: str
    sentence: str
    attributes: Mapping[str, type[Declared]]


ROLES: Final[Mapping[str, RoleKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            RoleKind("finite", "ends by itself, with success", {"items": int, "seq": str}),
            RoleKind("endless", "never ends by itself", {"seq": str}),
            RoleKind("failing", "fails after it began", {"items_before": int, "seq": str}),
            RoleKind("prompt", "sends one item, pauses for gap_ms, sends one more", {"gap_ms": int, "seq": str}),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Role:
    """One endpoint of the target that plays a role. `request` is what we ask; `attributes` what was declared."""

    name: str
    request: Request
    attributes: Mapping[str, Declared] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Control:
    """How the probe's look was answered: a later look is served when it is answered alike. `items` says whether an
    item came within a look's time: if so, later looks wait for one."""

    status: int
    essence: str
    items: bool
    head_ms: float

    def patience_ms(self, base_ms: float) -> float:
        """How long to wait for a later look: a server that thinks long before its head thinks long again."""
        return max(base_ms, 3 * self.head_ms)


class Target(Protocol):
    """What the plan asks of a target, whether it is a server or an object."""

    @property
    def binding(self) -> str: ...

    def needs(self) -> frozenset[str]: ...

    def seq(self, role: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target offers to be judged by: found by the probe or declared by the user. Nothing else decides
    which rules apply."""

    binding: str
    binding_reason: str
    declared_binding: bool
    profile: Profile
    look: Request
    roles: Mapping[str, Role]
    control: Control
    serial: bool = False

    def needs(self) -> frozenset[str]:
        """Every need (rule book, closed list) that this target meets, apart from `seq`, which a role brings."""
        met = {"wire"}
        if self.look.method == "GET" and not any(name.lower() == "authorization" for name, _ in self.look.headers):
            met.add("get")
        if not self.serial:
            met.add("concurrent")
        if self.profile.terminal:
            met.add("terminal")
        if self.profile.items == "json":
            met.add("feature:json-items")
        for role in self.roles.values():
            met.add(f"role:{role.name}")
            met.update(f"role:{role.name}.{name}" for name in role.attributes)
        return frozenset(met)

    def seq(self, role: str) -> str:
        """The path of the field that counts in this role's items, or empty."""
        found = self.roles.get(role)
        return str(found.attributes.get("seq", "")) if found else ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, and the rules that may not stay silent when it has run. `needs` are the script's own, beyond its
    roles; an `order` above 0 runs later, so that what may harm the target comes last."""

    id: str
    sentence: str
    script: Script
    promises: tuple[str, ...]
    needs: tuple[str, ...] = ()
    by_hand: str = ""
    order: int = 0

    def all_needs(self) -> tuple[str, ...]:
        return (*self.needs, *(f"role:{role}" for role in self.script.roles()))


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario on a binding of this target: one unit of work. Its id is a path: `conformance/look@sse`."""

    id: str
    scenario: Scenario
    binding: str
    promises: tuple[str, ...]
    seed: int
