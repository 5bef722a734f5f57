"""A profile: how one dialect's messages map to start, item, end and error. Data and one pure function.

The TOML files lie in `harness/profiles/`; reading them is the configuration's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from streamspec.harness.core.envelope import Envelope  # noqa: TC001 -- typed.build reads our hints at run time
from streamspec.harness.core.frame import FRAME, Frame
from streamspec.harness.core.inert import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["start", "item", "completed", "failed", "heartbeat", "meta", "ignore"]
KINDS: tuple[str, ...] = get_args(Kind)
_KEPT_CHARS: Final = 200
_OF_JSON: Final = "json."
HAS: Final = "has"

# What a dialect may promise of its records, each a need `feature:NAME`.
FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "counted-end": "the end record counts the records before it (processed, errors)",
        "record-errors": "a failure of one record is a record of its own, and the stream goes on",
        "message-ids": "each message has an id of its own: that of its stream, and behind it what the server adds",
        "errors-without-codes": "a failure is told in words, without a code that a program could tell it by",
        "announced-total": "a metadata record comes first and announces the total (totalRecords)",
    }
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One row of the ordered map: every condition must hold; keys are `event`, `data`, `json.<field>`, or `has`, whose
    value is the name of a field that is there and not null."""

    when: tuple[tuple[str, str], ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Profile:
    """A dialect. `items` says what an item's payload is, `octets` of a service whose messages nobody here can read; the
    first clause that matches decides, default `item`. `keep` names scalar fields of a JSON message that rules want to
    see, `features` what the dialect promises (`FEATURES`). `envelope` says how streams share a connection of messages;
    without one each has a connection to itself. `frame` is how messages are set apart where the carrier only moves
    octets. `roles` are the words (`config.roles`) of roles that every server of this dialect has, and of the `look`,
    for users who name none."""

    name: str
    sentence: str
    items: Literal["any", "json", "octets"] = "any"
    clauses: tuple[Clause, ...] = ()
    keep: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    envelope: Envelope | None = None
    frame: Frame = FRAME
    roles: tuple[str, ...] = ()

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
        keys = (key for clause in self.clauses for key, _ in clause.when)
        return bool(self.keep) or any(key == HAS or key.startswith(_OF_JSON) for key in keys)

    def kept(self, json: Any) -> dict[str, int | str | bool]:
        """The scalar fields of a message that this dialect keeps, bounded."""
        if not isinstance(json, dict) or not self.keep:
            return {}
        found = {name: json[name] for name in self.keep if name in json}
        return {
            name: value if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63) else _short(value)
            for name, value in found.items()
            if isinstance(value, str | int | float)
        }

    def kind_of(self, event: str, data: str, json: Any) -> Kind:
        """`event` is the message's type, `data` its text, `json` its parsed payload or None."""
        return self.known_kind_of(event, data, json) or "item"

    def known_kind_of(self, event: str, data: str, json: Any) -> Kind | None:
        """The same, None for what no clause names."""
        for clause in self.clauses:
            for key, value in clause.when:
                if key == HAS:
                    fact = value if isinstance(json, dict) and json.get(value) is not None else None
                else:
                    fact = event if key == "event" else data if key == "data" else _field(key, json)
                if fact != value:
                    break
            else:
                return clause.kind
        return None


def _short(value: object) -> str:
    return printable(str(value), _KEPT_CHARS)


def _field(key: str, json: Any) -> str | None:
    """The scalar at `json.NAME` as JSON spells it (a profile's author writes `true`); None when there is none."""
    if not key.startswith(_OF_JSON) or not isinstance(json, dict):
        return None
    value = json.get(key[len(_OF_JSON) :])
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None


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
