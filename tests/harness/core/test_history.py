"""Histories: what is written is what is read; what is no history is refused with file and line; secrets stay here."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import (
    EVENTS,
    Closed,
    Completed,
    Deviation,
    Did,
    Failed,
    Item,
    Opened,
    Record,
    Told,
    event_to_json,
)
from streamspec.harness.core.history import (
    Header,
    History,
    from_lines,
    header_line,
    to_lines,
)
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import BODY, REDACTED
from streamspec.harness.core.script import ACTS, Script, Session
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written

TEXT = st.text(st.characters(codec=None), max_size=12)
CODE = st.sampled_from(sorted(DEVIATIONS))
EVENT = st.one_of(
    *(
        st.builds(kind, **{f.name: CODE if kind is Deviation and f.name == "code" else ... for f in fields(kind)})
        for kind in EVENTS.values()
        if kind is not Told  # its mapping comes back as a dict, whatever it was
    ),
    st.builds(Told, values=st.dictionaries(TEXT, st.integers() | TEXT)),
)
SCRIPT = st.builds(
    Script,
    st.lists(
        st.builds(
            Session, id=TEXT, role=TEXT, acts=st.lists(st.one_of(*map(st.builds, ACTS.values())), max_size=3).map(tuple)
        ),
        max_size=3,
    ).map(tuple),
)
REQUEST = st.builds(Request, url=TEXT, headers=st.just((("Accept", "text/event-stream"),)), body=st.just(b""))
HEADER = st.builds(
    Header,
    case=TEXT,
    scenario=TEXT,
    binding=TEXT,
    profile=TEXT,
    seed=st.integers(0, 2**64),
    by_hand=TEXT,
    script=SCRIPT,
    promises=st.lists(TEXT, max_size=3).map(tuple),
    declared=st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.booleans()), max_size=3),
    budgets=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=3),
    requests=st.dictionaries(TEXT, REQUEST, max_size=2),
)
STREAM = written(*told("finite", ASK, head(), item(0), item(1), ENDED, EOF), declared={"finite.items": 2})


def damaged(number: int, line: str) -> list[str]:
    """The lines of a good history with one of them replaced."""
    lines = list(to_lines(STREAM))
    lines[number - 1] = line
    return lines


def line_of(record: Record) -> str:
    return repr((record.index, record.t_ns, record.session, record.seen_by, event_to_json(record.event)))


def changed(number: int, **values: Any) -> list[str]:
    return damaged(number, json.dumps(json.loads(list(to_lines(STREAM))[number - 1]) | values))


@given(HEADER, st.lists(st.tuples(TEXT, st.integers(0, 10**12), EVENT), max_size=8))
def test_a_history_is_read_as_it_was_written(header: Header, rows: list[tuple[str, int, Any]]) -> None:
    records = tuple(Record(n, t_ns, session, "driver", event) for n, (session, t_ns, event) in enumerate(rows))
    back = from_lines(to_lines(History(header, records)), "x.ndjson")
    assert back.header == header
    # Not ==, for the sake of NaN; and a mapping comes back as a dict, whatever it was.
    assert [line_of(r) for r in back.records] == [line_of(r) for r in records]
    assert [type(r.event) for r in back.records] == [type(r.event) for r in records]


def test_a_line_is_ascii_json_without_line_ends() -> None:
    evil = written(("look", 0.0, Failed("x\n", "\x1b[31m\u2028\u202e\ud800", "\r\0")))
    for line in to_lines(evil):
        assert line.isascii()
        assert line.isprintable()
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, ""),
        (1, "hello"),
        (1, "[]"),
        (1, "3"),
        (1, "null"),
        (1, "{}"),
        (1, '{"history":2}'),
        (1, '{"run":1}'),
        (2, ""),
        (2, "null"),
        (2, "[]"),
        (3, '{"index":1,"t_ns":0,"session":"finite"'),
        (3, '{"index":1}'),
        (4, '{"index":2,"t_ns":0,"session":"finite","seen_by":"driver","event":"Explosion"}'),
        (4, '{"index":2,"t_ns":0,"session":"finite","seen_by":"driver","event":"Did"}'),
        (4, '{"index":2,"t_ns":0,"session":"finite","seen_by":"driver"}'),
        (4, '{"index":2,"t_ns":0,"session":"finite","seen_by":"driver","event":"Did","act":"ask","more":1}'),
        (5, '{"index":9,"t_ns":0,"session":"finite","seen_by":"driver","event":"Did","act":"ask"}'),
    ],
)
def test_a_line_that_is_no_history_is_named_with_its_file_and_number(number: int, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_lines(damaged(number, line), "x.ndjson")
    assert str(caught.value).startswith(f"x.ndjson, line {number}: ")


@pytest.mark.parametrize("gone", [2, 3, 4, 5])
def test_a_missing_line_is_noticed(gone: int) -> None:
    lines = list(to_lines(STREAM))
    del lines[gone - 1]
    with pytest.raises(UsageError, match=rf"x\.ndjson, line {gone}: .*record {gone - 1} where {gone - 2} was due"):
        from_lines(lines, "x.ndjson")


def test_an_empty_file_is_no_history() -> None:
    with pytest.raises(UsageError, match=r"x\.ndjson: empty"):
        from_lines([], "x.ndjson")


@pytest.mark.parametrize(
    "values",
    [
        {"script": None},
        {"script": [{"id": "a"}]},
        {"script": [{"id": "a", "role": "look", "beside": "", "acts": [{"act": "Explode"}]}]},
        {"script": [{"id": "a", "role": "look", "beside": "", "acts": [{"act": "Ask", "loudly": True}]}]},
        {"promises": None},
        {"requests": {"look": {"url": "http://x/", "headers": [["only a name"]]}}},
        {"requests": {"look": {"headers": []}}},
        {"colour": "red"},
    ],
)
def test_a_foreign_header_is_named_with_its_file_and_line(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"x\.ndjson, line 1: "):
        from_lines(changed(1, **values), "x.ndjson")


# A bug report is one file of somebody else's: what a later version or a hand wrote into it must be refused here, with
# its place, or it is a crash in a check or in a report later ("our error", exit 4).
@pytest.mark.parametrize(
    "event",
    [
        {"event": "Deviation", "code": "sse.of-the-future", "offset": 0, "detail": ""},
        {"event": "Closed", "how": "vanished", "detail": ""},
        {"event": "Item", "n": "zero", "size": 1, "sha": "", "prefix": "", "offset": 0, "kind": "", "seq": None},
        {"event": "Opened", "status": "200", "reason": "", "version": "", "headers": []},
    ],
    ids=lambda event: event["event"],
)
def test_an_event_with_impossible_values_is_named_with_its_file_and_line(event: dict[str, Any]) -> None:
    line = json.dumps({"index": 0, "t_ns": 0, "session": "finite", "seen_by": "driver", **event})
    with pytest.raises(UsageError, match=r"x\.ndjson, line 2: "):
        from_lines(damaged(2, line), "x.ndjson")


@pytest.mark.parametrize(
    "values",
    [{"declared": []}, {"promises": "LC-01"}, {"budgets": 3}, {"case": None}, {"seed": "x"}],
    ids=lambda values: next(iter(values)),
)
def test_a_header_with_impossible_values_is_named_with_its_file_and_line(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"x\.ndjson, line 1: "):
        from_lines(changed(1, **values), "x.ndjson")


def test_a_line_nested_too_deep_is_named_with_its_file_and_line() -> None:
    with pytest.raises(UsageError, match=r"x\.ndjson, line 3: "):
        from_lines(damaged(3, "[" * 200_000), "x.ndjson")


def test_a_secret_never_reaches_the_file() -> None:
    request = Request(
        "http://x/", "POST", (("Authorization", "hunter2"), ("Accept", "text/event-stream")), b"hunter2 too"
    )
    line = header_line(replace(STREAM.header, requests={"look": request}), 0)
    assert "hunter2" not in line
    back = from_lines([line], "x").header.requests["look"]
    assert back.headers == (("Authorization", REDACTED), ("Accept", "text/event-stream"))
    assert back.body == BODY


def test_a_file_torn_at_the_end_of_a_line_is_noticed() -> None:
    lines = list(to_lines(STREAM))
    with pytest.raises(UsageError, match="the file is torn"):
        from_lines(lines[:-1], "x.ndjson")


def test_sessions_come_in_script_order_and_by_role() -> None:
    history = written(*told("look-2", ASK), *told("finite-1", ASK), *told("look-1", ASK))
    assert history.sessions() == ("look-2", "finite-1", "look-1")
    assert history.sessions("look") == ("look-2", "look-1")
    assert history.sessions("finite", "failing") == ("finite-1",)
    assert history.sessions("endless") == ()


def test_a_role_is_the_scripts_and_nobodys_for_an_unknown_session() -> None:
    history = written(*told("finite-1", ASK))
    assert history.role("finite-1") == "finite"
    assert history.role("elsewhere") == ""


def test_records_are_found_by_kind_and_session() -> None:
    history = written(*told("a", ASK, head(), Completed()), *told("b", ASK, *CLOSE))
    assert [r.index for r in history.of(Did)] == [0, 3, 4]
    assert [r.index for r in history.of(Did, "b")] == [3, 4]
    assert [r.index for r in history.of((Opened, Closed))] == [1, 5]
    assert history.of(Item) == ()
    first = history.first((Completed, Opened), "a")
    assert first is not None
    assert first.index == 1
    assert history.first(Opened, "b") is None


def test_what_was_declared_is_asked_by_role_and_attribute() -> None:
    history = written(declared={"finite.items": 3, "finite.seq": "$.n"})
    assert history.declared("finite", "items") == 3
    assert history.declared("finite", "seq") == "$.n"
    assert history.declared("failing", "items") is None
