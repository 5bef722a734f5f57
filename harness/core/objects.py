"""Stream objects as targets: what one may offer, and what the harness found or was told that this one does.

Never here: a call to an object. `FEATURES` is the closed list behind the needs `feature:NAME` that an object can meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["asyncio", "threads"]
BINDING: Final = "inprocess"

# How a feature is found: a method or attribute of the object, an option its factory takes, an attribute of the factory,
# or a claim, since no look at the object shows it.
FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "complete": "the method complete()",
        "error": "the method error(failure)",
        "cancel": "the method cancel()",
        "pause": "the methods pause() and resume()",
        "listeners": "the method on_end(cleanup)",
        "iterate": "iteration with async for, or for",
        "produce": "the method produce(handler)",
        "feed": "the method feed(source)",
        "buffered": "the attribute buffered_amount",
        "state": "the attribute state",
        "remaining": "the attribute remaining_s",
        "default-capacity": "the attribute capacity of an object made without options",
        "capacity": "a factory that takes capacity (or maxsize, max_buffer_size, high_water_mark)",
        "send-timeout": "a factory that takes send_timeout_s",
        "deadline": "a factory that takes deadline_s",
        "idle": "a factory that takes idle_s",
        "priority": "a factory that takes priority and has scheduler(streams)",
        "starvation-bound": "a factory with the attribute starvation_bound",
        "rendezvous": "the claim that capacity 0 is a rendezvous",
        "concurrent-senders": "the claim that several may send at once",
        "abandon": "operations that are awaited: their task can be cancelled",
    }
)
# The codes that we compare by name: the thirteen of seed 000, and gRPC's where they differ. Other words are to us
# "any error".
CODES: Final = frozenset(
    {
        *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "TIMED_OUT", "NOT_FOUND", "ALREADY_EXISTS"),
        *("UNAUTHENTICATED", "UNAUTHORIZED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"),
        *("DEADLINE_EXCEEDED", "PERMISSION_DENIED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS"),
    }
)
CLAIMS: Final = ("rendezvous", "concurrent-senders")


@dataclass(frozen=True, slots=True)
class ObjectTarget:
    """What is known of an object before it is judged. `name` is how the user named its factory; `declared` are figures
    it gives of itself (`capacity`, `starvation_bound`)."""

    name: str
    kind: Kind
    features: frozenset[str]
    adapter: str = ""
    declared: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def binding(self) -> str:
        return BINDING

    def needs(self) -> frozenset[str]:
        """Every need that this target meets. Our items always carry their number, and an end is always told apart."""
        return frozenset(
            {"object", "seq", "terminal", f"object:{self.kind}", *(f"feature:{name}" for name in self.features)}
        )

    def seq(self, role: str) -> str:  # noqa: ARG002 -- the shape of a target
        return ""

    def header(self) -> dict[str, str | int | bool]:
        """What a history must say of it."""
        facts: dict[str, str | int | bool] = {"object": self.name, "object.kind": self.kind}
        facts |= {f"object.{name}": value for name, value in self.declared.items()}
        return facts | {f"feature.{name}": True for name in sorted(self.features)}
