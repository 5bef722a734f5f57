"""What is tried and on whom: roles, scenarios, cases, the target's capabilities. Data only.

A role is one of *their* endpoints and what it is declared to do (design 5); `ROLES` is the closed list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol

from streamspec.harness.core.script import SCRIPT, Ask, Cancel, Finish, Stop
from streamspec.harness.core.steps import names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.ports import Carrier, Request
    from streamspec.harness.core.profile import Profile
    from streamspec.harness.core.script import Script
    from streamspec.harness.core.scripted import Scripted

Declared = str | int
REFUSED: Final = ("unknown", "invalid", "unsupported")  # roles that are no streams: what they ask for is to be refused
TEXTS: Final = "texts"  # the kind of an attribute that is a JSON array of texts


@dataclass(frozen=True, slots=True)
class RoleKind:
    """A kind of endpoint that a user can declare, and the attributes with which it may be declared: whole numbers,
    paths of fields (`$.n`), a word out of several, or `TEXTS`."""

    name: str
    sentence: str
    attributes: Mapping[str, type[Declared] | tuple[str, ...] | str]


ROLES: Final[Mapping[str, RoleKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            RoleKind("finite", "ends by itself, with success", {"items": int, "seq": str}),
            RoleKind("endless", "never ends by itself", {"first_item_ms": int, "seq": str}),
            RoleKind("failing", "fails after it began", {"items_before": int, "seq": str}),
            RoleKind("prompt", "sends one item, pauses for gap_ms, sends one more", {"gap_ms": int, "seq": str}),
            RoleKind(
                "large",
                "sends {n} items of item_bytes each as fast as they are read, and ends",
                {"item_bytes": int, "ahead_bytes_max": int, "seq": str},
            ),
            RoleKind("idle", "sends one item, then none for longer than anybody waits", {"heartbeat_ms": int}),
            RoleKind("empty", "ends by itself, with success and without an item", {}),
            RoleKind("text", "sends these texts as items, and ends", {"items": TEXTS, "field": str}),
            RoleKind(
                "resumable",
                "goes on behind the id in Last-Event-ID; its items carry ids",
                {
                    "guarantee": ("exactly-once", "at-least-once"),
                    "signals_unknown": ("yes", "no"),
                    "final": ("204",),
                    "isolated": ("yes",),
                    "seq": str,
                },
            ),
            RoleKind("unknown", "is no stream of this target, and is to be refused", {}),
            RoleKind("invalid", "asks with an input that its stream does not take, and is to be refused", {}),
            RoleKind("unsupported", "asks for a direction that its binding does not carry, and is to be refused", {}),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Role:
    """One endpoint of the target that plays a role. `request` is what we ask; `attributes` what was declared."""

    name: str
    request: Request
    attributes: Mapping[str, Declared] = field(default_factory=lambda: MappingProxyType({}))


# What a target may tell of its producers, and what each figure means.
TELLABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "offered": "items that the producer was asked for",
        "produced": "items handed to the framework to be sent",
        "sending": "1 or true while a producer is inside a send",
        "ended": "streams that ended, in any way",
        "cancelled": "streams whose producer learnt that its client had left",
        "cleanups": "cleanups that ran",
        "open": "streams whose producer is at work",
        # what only the witness of a scripted target tells (docs/contract.md)
        "state": "`playing`, or `ended` when the handler is over and cleaned up",
        "called": "how often a handler was called",
        "sent": "items whose send has returned",
        "blocked_ms": "how long the handler was inside sends",
        "cancel_seen": "1 as soon as the handler has learnt that its client has left",
        "cancel_code": "the name under which it learnt of it",
        "sends_after_cancel": "sends that were begun when it knew already",
        "send_code": "the code of the last send that failed",
        "terminals": "how often the handler ended its stream",
        "refused": "calls that were refused because the stream was over",
        "remaining_ms": "what the handler was told of the time until its deadline",
        "buffered": "items that are accepted and have not been handed to the connection",
        "received": "items of the client's that the handler has taken",
        "receiving": "1 while the handler waits for an item of the client's",
        "input": "`open`, `ended` when the client has half-closed, `broken` when its items ended in any other way",
    }
)
WORDS: Final = frozenset({"state", "cancel_code", "send_code", "input"})  # figures that are words


# What a server may be said to do besides, and no look shows.
AUTHS: Final = ("bearer",)  # kinds of credentials
CLAIMS: Final[Mapping[str, str]] = MappingProxyType({"http10": "clients that ask in HTTP/1.0"})


@dataclass(frozen=True, slots=True)
class Tell:
    """Where the target tells one figure: at `field` (a path like `$.a.b`) of the JSON that a GET of `request` answers.
    `per` run: a total since the target began; per stream: of the stream that was opened last, or, where the request
    has a place for a run's id, of that very stream. `plus` is the field of a second figure to be added, `word` the text
    that counts as 1 where any other is 0; what is `optional` may be absent."""

    name: str
    request: Request
    field: str
    per: Literal["run", "stream"] = "run"
    plus: str = ""
    word: str = ""
    optional: bool = False


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


def _is_word(role: str, attribute: str) -> bool:
    """Whether this attribute is one word out of several, so that a rule may need a certain one."""
    return role in ROLES and isinstance(ROLES[role].attributes.get(attribute), tuple)


class Target(Protocol):
    """What the plan asks of a target, whether it is a server or an object."""

    @property
    def binding(self) -> str: ...

    def needs(self) -> frozenset[str]: ...

    def seq(self, role: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target offers to be judged by: found by the probe or declared by the user. Nothing else decides
    which rules apply. `closes`: its binding's own grammar says where a stream ends well; `process` is how we came by
    its process, `spawn` or `pid`, empty when we did not; `grace_ms` what it takes at most to end its open streams when
    it is asked to end, 0 when nobody said. `scripted` is its adapter, when it plays our scripts. `auth` is the kind of
    credentials (`bearer`) without which it answers neither its look nor a role; empty when nobody said. `other` is the
    header with the credentials of another of its clients, as the user gave it."""

    binding: str
    binding_reason: str
    declared_binding: bool
    profile: Profile
    look: Request
    roles: Mapping[str, Role]
    control: Control
    serial: bool = False
    closes: bool = False
    tells: tuple[Tell, ...] = ()
    process: str = ""
    grace_ms: int = 0
    claims: tuple[str, ...] = ()
    scripted: Scripted | None = None
    auth: str = ""
    other: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    carrier: Carrier = "http"
    http2: bool = False

    def needs(self) -> frozenset[str]:
        """Every need (rule book, closed list) that this target meets, apart from `seq`, which a role brings."""
        met = {"wire"}
        if self.look.method == "GET" and not any(name.lower() == "authorization" for name, _ in self.look.headers):
            met.add("get")
        if not self.serial:
            met.add("concurrent")
        if self.terminal:
            met.add("terminal")
        if self.profile.error_channel:
            met.add("error-channel")
        if self.profile.items == "json":
            met.add("feature:json-items")
        met.update(f"feature:{name}" for name in self.profile.features)
        for role in self.roles.values():
            met.add(f"role:{role.name}")
            met.update(f"role:{role.name}.{name}" for name in role.attributes)
            words = {name: value for name, value in role.attributes.items() if isinstance(value, str)}
            met.update(f"role:{role.name}.{name}={value}" for name, value in words.items() if _is_word(role.name, name))
        met.update(f"told:{tell.name}" for tell in self.tells)
        met.update(f"feature:{claim}" for claim in self.claims)
        if self.process:
            met.update(("process", f"process:{self.process}"))
        said = {"process:grace": self.grace_ms, "auth": self.auth, "auth:look": self.auth, "auth:other": self.other}
        met.update(need for need, value in said.items() if value)
        met |= self._speaks()
        if self.scripted:
            met |= self.scripted.needs()
        return frozenset(met)

    def _speaks(self) -> set[str]:
        """What the carrier and the dialect let a client do besides asking: several streams on one connection (`mux`),
        each with a window of its own (`window`), a word for a cancel, a half-close."""
        envelope = self.profile.envelope if self.carrier in {"websocket", "framed"} else None
        met = {"http"} if self.carrier == "http" else {f"carrier:{self.carrier}"}
        if self.carrier == "http" and not self.http2:
            met.add("http1")
        if self.http2 or self.carrier == "http2":
            met |= {"mux", "window", "cancel-word", "half-close", "carrier:http2"}
        if envelope:
            met.add("mux")
            met |= {need for need, word in (("cancel-word", envelope.cancel), ("half-close", envelope.end)) if word}
        return met

    @property
    def terminal(self) -> bool:
        """Whether success has a marker inside the stream, by the profile or by the binding's own grammar."""
        return self.profile.terminal or self.closes

    @property
    def fin_half_closes(self) -> bool:
        """Whether a FIN of ours says no more than that no item of ours will follow, as its adapter declares."""
        declares = self.scripted.features.declares if self.scripted and self.carrier == "framed" else {}
        return bool(declares.get("fin_half_closes"))

    def seq(self, role: str) -> str:
        """The path of the field that counts in this role's items, or empty."""
        if role == SCRIPT:
            return self.scripted.seq if self.scripted else ""
        found = self.roles.get(role)
        return str(found.attributes.get("seq", "")) if found else ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, and the rules that may not stay silent when it has run. `needs` are the script's own, beyond its
    roles; an `order` above 0 runs later, so that what may harm the target comes last. `exclusive`: it may harm it, so
    that nobody else is to be there. `fresh`: it is about memory, and wants a process in which nothing else has
    happened. `spare`: it runs only where no other scenario can promise one of its rules."""

    id: str
    sentence: str
    script: Script
    promises: tuple[str, ...]
    needs: tuple[str, ...] = ()
    by_hand: str = ""
    order: int = 0
    exclusive: bool = False
    fresh: bool = False
    spare: bool = False

    def all_needs(self) -> tuple[str, ...]:
        """Its own needs, the roles that it opens, and what its scripted sessions ask of an adapter."""
        scripted = [session for session in self.script.sessions if session.role == SCRIPT]
        asked = [f"feature:{name}" for s in scripted for name in (*names_of(s.steps), *s.options)]
        asked += [f"direction:{s.direction}" for s in scripted if s.direction != "server"]
        acts = [act for s in self.script.sessions for act in s.acts]
        asked += ["half-close"] if Finish() in acts else []
        asked += ["mux"] if any(isinstance(act, Ask) and act.on for act in acts) else []
        asked += ["cancel-word"] if any(map(_cancels_by_word, acts)) else []
        roles = (f"role:{role}" for role in self.script.roles())
        return tuple(dict.fromkeys((*self.needs, *roles, *([SCRIPT] if scripted else []), *asked)))

    @property
    def of_process(self) -> bool:
        """Whether it is about figures of the target's process."""
        return any(need.startswith("process") for need in self.needs)

    @property
    def counts(self) -> bool:
        """Whether it is about figures that every stream adds to: of a process, or totals. The witness of a script tells
        of its own stream alone."""
        told = any(need.startswith("told:") for need in self.needs)
        scripted = any(session.role == SCRIPT for session in self.script.sessions) and not self.script.roles()
        return self.of_process or (told and not scripted)

    @property
    def ends_target(self) -> bool:
        """Whether it asks the target to end: nobody is there to be looked at afterwards."""
        return any(isinstance(act, Stop) for session in self.script.sessions for act in session.acts)


def _cancels_by_word(act: object) -> bool:
    return (isinstance(act, Cancel) and act.how == "word") or (isinstance(act, Ask) and act.cancelled)


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario on a binding of this target: one unit of work. Its id is a path: `conformance/look@sse`. `alone`: no
    other case may run beside it."""

    id: str
    scenario: Scenario
    binding: str
    promises: tuple[str, ...]
    seed: int
    alone: bool = True
