"""A profile: how one dialect's messages map to start, item, end and error. Data and one pure function.

The TOML files lie in `harness/profiles/`; reading them is the configuration's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["start", "item", "completed", "failed", "heartbeat", "meta", "ignore"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Clause:
    """One row of the ordered map: every condition must hold; keys are `event`, `data`, or `json.<field>`."""

    when: tuple[tuple[str, str], ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Profile:
    """A dialect. `items` says what an item's payload is; the first clause that matches decides, default `item`."""

    name: str
    sentence: str
    items: Literal["any", "json"] = "any"
    clauses: tuple[Clause, ...] = ()

    @property
    def terminal(self) -> bool:
        """Whether success has a marker inside the stream (`needs = terminal`)."""
        return any(clause.kind == "completed" for clause in self.clauses)

    @property
    def error_channel(self) -> bool:
        """Whether failure has a marker inside the stream."""
        return any(clause.kind == "failed" for clause in self.clauses)

    @property
    def wants_json(self) -> bool:
        """Whether telling messages apart needs their payload parsed."""
        return any(key.startswith("json.") for clause in self.clauses for key, _ in clause.when)

    def kind_of(self, event: str, data: str, json: Any) -> Kind:
        """`event` is the message's type, `data` its text, `json` its parsed payload or None."""
        facts: dict[str, str] = {"event": event, "data": data}
        if isinstance(json, dict):
            facts |= {
                f"json.{key}": _spelt(value) for key, value in json.items() if isinstance(value, str | int | bool)
            }
        for clause in self.clauses:
            if all(facts.get(key) == value for key, value in clause.when):
                return clause.kind
        return "item"


def _spelt(value: str | int) -> str:
    """A scalar as JSON spells it: a profile's author writes `true`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def field_at(json: Any, path: str) -> Any:
    """The value at a path like `$.a.b` in parsed JSON, or None. Only names and dots: this is no query language."""
    value = json
    for name in path.removeprefix("$").split("."):
        if not name:
            continue
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def text_or_empty(values: Mapping[str, Any], *names: str) -> str:
    """The first of the named fields that is a string or a number, as text."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)
    return ""
