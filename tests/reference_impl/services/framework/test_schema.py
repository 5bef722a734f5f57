"""Schemas: both kinds are as strict as JSON is, name the field, fill in defaults, and check what handlers send."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.framework.faults import LONGEST_CHARS, Misdeclared, Misfit
from streamspec.reference_impl.services.framework.schema import Schema, schema_of, to_json

NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


class Tail(msgspec.Struct):
    limit: int = 100
    level: str | None = None


class PydanticTail(pydantic.BaseModel):
    limit: int = 100
    level: str | None = None


class Entry(msgspec.Struct):
    timestamp: dt.datetime
    message: str
    level: str = "info"


class PydanticEntry(pydantic.BaseModel):
    timestamp: dt.datetime
    message: str
    level: str = "info"


BOTH_TAILS = pytest.mark.parametrize("model", [Tail, PydanticTail])
BOTH_ENTRIES = pytest.mark.parametrize("model", [Entry, PydanticEntry])


@BOTH_TAILS
def test_what_is_not_said_has_its_default(model: Any) -> None:
    assert schema_of(model).read({}) == model(limit=100, level=None)
    assert schema_of(model).read({"level": "error", "unknown": 1}) == model(limit=100, level="error")


@BOTH_TAILS
@pytest.mark.parametrize("wrong", ["5", 5.5, True, None, [5]])
def test_a_number_is_a_number(model: Any, wrong: object) -> None:
    with pytest.raises(Misfit) as refused:
        schema_of(model).read({"limit": wrong})
    assert refused.value.field == "limit"
    assert refused.value.message.startswith("limit: ")


@BOTH_TAILS
@pytest.mark.parametrize("wrong", [[], "text", 7, None])
def test_what_is_no_object_has_no_field(model: Any, wrong: object) -> None:
    with pytest.raises(Misfit) as refused:
        schema_of(model).read(wrong)
    assert refused.value.field == ""


@BOTH_ENTRIES
def test_the_field_is_named_however_deep(model: Any) -> None:
    with pytest.raises(Misfit, match="message") as refused:
        schema_of(model).read({"timestamp": "2024-01-01T12:00:00Z"})
    assert "message" in refused.value.message


def test_a_place_in_a_list_is_named() -> None:
    class Many(pydantic.BaseModel):
        entries: list[PydanticEntry]

    one = {"timestamp": "never", "message": "m"}
    with pytest.raises(Misfit) as refused:
        schema_of(list[Entry]).read([one])
    assert refused.value.field == "[0].timestamp"
    with pytest.raises(Misfit) as refused:
        schema_of(Many).read({"entries": [one]})
    assert refused.value.field == "entries.0.timestamp"


def test_a_long_complaint_is_cut() -> None:
    with pytest.raises(Misfit) as refused:
        schema_of(Literal["a", "b"]).read("x" * 10_000)
    assert len(refused.value.message) <= LONGEST_CHARS + 3


@BOTH_ENTRIES
def test_an_output_may_be_a_mapping_or_an_instance(model: Any) -> None:
    schema = schema_of(model)
    shown = {"timestamp": "2024-01-01T12:00:00Z", "message": "m", "level": "info"}
    for sent in (
        {"timestamp": NOON, "message": "m"},
        {"timestamp": "2024-01-01T12:00:00Z", "message": "m", "secret": "left out"},
        model(timestamp=NOON, message="m"),
    ):
        assert json.loads(to_json(schema.read_output(sent))) == shown


@BOTH_ENTRIES
@pytest.mark.parametrize("sent", [{"timestamp": NOON}, {"timestamp": NOON, "message": 7}, "text", object()])
def test_an_output_that_does_not_fit_is_refused(model: Any, sent: object) -> None:
    with pytest.raises(Misfit):
        schema_of(model).read_output(sent)


def test_an_instance_that_nobody_checked_is_checked() -> None:
    # A Struct takes whatever it is made with.
    with pytest.raises(Misfit, match="limit"):
        schema_of(Tail).read_output(Tail(limit="many"))  # type: ignore[arg-type]


class Load(pydantic.BaseModel):
    cpu: float = 0.0


class Detailed(Load):
    secret: str = "password"


class Loads(pydantic.BaseModel):
    loads: list[Load]


class Aliased(pydantic.BaseModel):
    began: dt.datetime = pydantic.Field(validation_alias="in", serialization_alias="out")
    octets: bytes = b"x"
    kept: int = pydantic.Field(exclude=True)

    @pydantic.computed_field
    def twice(self) -> int:
        return 2 * self.kept


def _changed() -> Load:
    load = Load(cpu=1)
    object.__setattr__(load, "cpu", "many")
    return load


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (Load, Load.model_construct(cpu="many")),
        (Load, _changed()),
        (Load, Load(cpu=float("nan"))),
        (Loads, Loads.model_construct()),
        (Loads, {"loads": [Load(cpu=float("inf"))]}),
        (Loads, Loads.model_construct(loads=[Load.model_construct(cpu="many")])),
    ],
)
def test_an_instance_of_pydantics_that_nobody_checked_is_checked(model: Any, sent: object) -> None:
    with pytest.raises(Misfit):
        schema_of(model).read_output(sent)


def test_an_instance_shows_no_more_than_its_schema_has() -> None:
    assert schema_of(Load).read_output(Detailed(cpu=1)) == {"cpu": 1.0}
    assert schema_of(Loads).read_output(Loads(loads=[Detailed(cpu=1)])) == {"loads": [{"cpu": 1.0}]}


def test_an_instance_that_is_good_is_shown_as_it_shows_itself() -> None:
    sent = Aliased.model_validate({"in": NOON, "kept": 2})
    assert schema_of(Aliased).read_output(sent) == {"out": "2024-01-01T12:00:00Z", "octets": "x", "twice": 4}


@pytest.mark.parametrize("key", [int, float, dt.date])
def test_a_key_is_a_text_in_json_whatever_it_stands_for(key: Any) -> None:
    class Keyed(pydantic.BaseModel):
        found: dict[key, int]

    text = "2024-01-01" if key is dt.date else "1"
    wanted = {dt.date(2024, 1, 1) if key is dt.date else key(1): 2}
    assert schema_of(dict[key, int]).read({text: 2}) == wanted
    assert schema_of(dict[key, int]).read_output(wanted) == wanted
    assert getattr(schema_of(Keyed).read({"found": {text: 2}}), "found", None) == wanted
    with pytest.raises(Misfit):
        schema_of(dict[key, int]).read({"x": 2})
    with pytest.raises(Misfit):
        schema_of(dict[key, int]).read({text: "2"})


def test_a_model_that_cannot_be_described_is_no_declaration() -> None:
    class Calls(pydantic.BaseModel):
        call: Callable[[], int]

    with pytest.raises(Misdeclared, match="'Calls' is no schema"):
        schema_of(Calls)


def test_what_json_has_no_word_for_is_refused() -> None:
    schema = schema_of(dict[str, float])
    with pytest.raises(Misfit):
        schema.read_output({"cpu": float("nan")})
    with pytest.raises(Misfit, match="cannot be written as JSON"):
        to_json({"lone": "\ud800"})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Misfit):
        to_json(deep)


@pytest.mark.parametrize("model", [dict[str, int], dict[str, dt.datetime], dict[str, bytes], PydanticTail])
@pytest.mark.parametrize("odd", ["\ud800", 10**4_000, -(10**400), "9" * 5_000, float("inf")])
def test_an_odd_value_does_no_more_than_not_fit(model: Any, odd: object) -> None:
    schema = schema_of(model)
    value = {"limit": odd, "level": odd}
    for read in (schema.read, schema.read_output):
        with contextlib.suppress(Misfit):
            assert read(value)


def test_a_model_is_written_without_a_schema_as_well() -> None:
    assert to_json([PydanticTail(limit=1), Tail(limit=2)]) == b'[{"limit":1,"level":null},{"limit":2,"level":null}]'


def test_octets_travel_as_base64() -> None:
    class Chunk(msgspec.Struct):
        part: bytes

    assert to_json(schema_of(Chunk).read_output({"part": b"\xff"})) == b'{"part":"/w=="}'
    assert schema_of(Chunk).read({"part": "/w=="}) == Chunk(b"\xff")


@pytest.mark.parametrize("model", [complex, Callable, object(), "text", "Unknown"])
def test_what_is_no_schema_is_no_declaration(model: object) -> None:
    with pytest.raises(Misdeclared, match="is no schema"):
        schema_of(model)


def test_any_type_that_msgspec_checks_will_do() -> None:
    assert schema_of(dict[str, int]).read({"a": 1}) == {"a": 1}
    assert schema_of(Annotated[int, msgspec.Meta(ge=0)]).read(5) == 5
    with pytest.raises(Misfit):
        schema_of(Annotated[int, msgspec.Meta(ge=0)]).read(-5)


def test_a_validator_that_breaks_is_no_misfit() -> None:
    class Broken(pydantic.BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def check(cls, n: int) -> int:
            raise KeyError(n)

    with pytest.raises(KeyError):
        schema_of(Broken).read({"n": 1})


def test_what_a_validator_says_is_what_is_said() -> None:
    class Even(pydantic.BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def check(cls, n: int) -> int:
            if n % 2:
                raise ValueError("odd numbers are not served")
            return n

    with pytest.raises(Misfit, match=r"^n: Value error, odd numbers are not served$"):
        schema_of(Even).read({"n": 1})


@BOTH_TAILS
def test_a_schema_shows_itself(model: Any) -> None:
    document = schema_of(model).json_schema()
    shown = json.dumps(document)
    assert '"limit"' in shown
    assert '"default": 100' in shown


def test_an_output_shows_itself_as_it_is_sent() -> None:
    class Sent(pydantic.BaseModel):
        n: int = 1

    assert schema_of(Sent).json_schema().get("required", []) == []
    assert schema_of(Sent).output_schema().get("properties") == {"n": {"default": 1, "title": "N", "type": "integer"}}


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Asked(msgspec.Struct):
    """Of each kind one field: what a query can say."""

    text: str = ""
    whole: int = 0
    real: float = 0.0
    flag: bool = False
    many: list[str] = []
    numbers: list[int] = []
    maybe: int | None = None
    nested: dict[str, int] = {}
    level: Level = Level.LOW


class PydanticAsked(pydantic.BaseModel):
    text: str = ""
    whole: int = 0
    real: float = 0.0
    flag: bool = False
    many: list[str] = []
    numbers: list[int] = []
    maybe: int | None = None
    nested: dict[str, int] = {}
    level: Level = Level.LOW


BOTH_SCHEMAS: list[Schema] = [schema_of(model) for model in (Asked, PydanticAsked)]
OTHER_SCHEMAS: list[Schema] = [schema_of(model) for model in (dict[str, int], list[float], float)]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
WHOLE = st.integers(-(2**53), 2**53)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "whole": WHOLE,
        "real": st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans(),
        "many": st.lists(TEXTS, min_size=1),
        "numbers": st.lists(WHOLE, min_size=1),
        "maybe": st.none() | WHOLE,
        "nested": st.dictionaries(TEXTS, WHOLE),
        "level": st.sampled_from([1, 2]),
    },
)


def as_query(value: object) -> str | list[str]:
    """How a client writes it: a text as it is, each of many by itself, all else as JSON."""
    if isinstance(value, list):
        return [text for item in value if isinstance(text := as_query(item), str)]
    return value if isinstance(value, str) else json.dumps(value)


@given(ASKED)
def test_what_is_said_in_a_query_is_what_is_meant(said: dict[str, Any]) -> None:
    query = {name: as_query(value) for name, value in said.items()}
    for schema in BOTH_SCHEMAS:
        assert schema.read_query(query) == schema.read(said)


@given(st.dictionaries(st.sampled_from([*Asked.__struct_fields__, "other"]), TEXTS | st.lists(TEXTS, min_size=1)))
def test_a_query_is_read_or_refused_and_both_kinds_agree(query: dict[str, Any]) -> None:
    answers, complaints = [], []
    for schema in BOTH_SCHEMAS:
        try:
            answers.append(to_json(schema.read_query(query)))
        except Misfit as misfit:
            answers.append(b"refused")
            complaints.append(misfit.field.partition(".")[0].partition("[")[0])
    assert answers[0] == answers[1]
    assert set(complaints) <= set(query)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXTS, st.lists))
def test_no_value_does_more_than_not_fit(value: object) -> None:
    for schema in (*BOTH_SCHEMAS, *OTHER_SCHEMAS):
        try:
            schema.read(value)
        except Misfit as misfit:
            assert misfit.message  # noqa: PT017 -- anything else is what this looks for
