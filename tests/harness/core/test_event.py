"""Events: a closed union that goes to JSON and back, and headers read as HTTP means them."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import (
    EVENTS,
    Deviation,
    Event,
    Opened,
    Told,
    event_from_json,
    event_to_json,
)

OF_THE_BODY = {"sse", "ndjson", "array", "json", "jsonrpc", "coding", "grpc"}
OF_THE_CONNECTION = {"ws", "tcp", "h2"}
ANY_TEXT = st.text(st.characters(codec=None))  # lone surrogates too: a JSON payload may carry them
KINDS: dict[str, st.SearchStrategy[Event]] = {
    **{name: st.builds(kind, **{f.name: ... for f in fields(kind)}) for name, kind in EVENTS.items()},
    "Deviation": st.builds(Deviation, code=st.sampled_from(sorted(DEVIATIONS)), detail=ANY_TEXT),
    "Told": st.builds(Told, values=st.dictionaries(st.text(), st.integers() | st.text())),
    "Opened": st.builds(Opened, reason=ANY_TEXT, headers=st.lists(st.tuples(ANY_TEXT, ANY_TEXT)).map(tuple)),
}


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_type_round_trips_through_json(name: str) -> None:
    @given(KINDS[name])
    def round_trips(event: Event) -> None:
        text = json.dumps(event_to_json(event), allow_nan=True)
        back = event_from_json(json.loads(text))
        assert type(back) is type(event)
        assert repr(event_to_json(back)) == repr(event_to_json(event))  # not ==, for the sake of NaN

    round_trips()


def test_the_union_is_closed() -> None:
    assert list(EVENTS) == [
        *("Opened", "Refused", "Item", "Completed", "Failed", "Heartbeat", "Meta", "Deviation", "Ended", "Closed"),
        *("Trailers", "Farewell", "Pong", "Said"),
        *("Called", "Returned", "Raised", "Settled", "Told"),
        *("Did", "Expired", "Lagged", "Elided"),
    ]


@pytest.mark.parametrize("name", ["Explosion", "", "opened", None, 3, ["Opened"]])
def test_an_unknown_event_type_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="unknown event"):
        event_from_json({"event": name})


@pytest.mark.parametrize(
    "data",
    [
        {"event": "Did"},
        {"event": "Did", "act": "ask", "colour": "red"},
        {"event": "Expired", "budget": "look_ms"},
        {"event": "Opened", "status": 200, "reason": "", "version": "", "headers": 7},
    ],
)
def test_wrong_fields_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        event_from_json(data)


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Opened(200, "OK", "HTTP/1.1", ()).status = 201  # type: ignore[misc]  # the point of the test


def test_header_names_have_no_case_and_several_lines_are_one_list() -> None:
    opened = Opened(200, "OK", "HTTP/1.1", (("Cache-Control", "no-cache"), ("X", "1"), ("cache-control", "private")))
    assert opened.header("CACHE-CONTROL") == "no-cache, private"
    assert opened.header("X") == "1"
    assert opened.header("Y") is None


def test_an_empty_header_is_not_an_absent_one() -> None:
    assert Opened(200, "OK", "HTTP/1.1", (("X", ""),)).header("x") == ""


@pytest.mark.parametrize(
    ("value", "essence"),
    [
        ("text/event-stream", "text/event-stream"),
        ("Text/Event-Stream; charset=utf-8", "text/event-stream"),
        ("text/event-stream ;charset=utf-8", "text/event-stream"),
        ("  text/html", "text/html"),
        ("", ""),
        (";charset=utf-8", ""),
    ],
)
def test_the_essence_is_the_type_alone_in_lower_case(value: str, essence: str) -> None:
    assert Opened(200, "OK", "HTTP/1.1", (("Content-Type", value),)).essence == essence


def test_no_content_type_has_no_essence() -> None:
    assert Opened(200, "OK", "HTTP/1.1", ()).essence == ""


def test_every_deviation_has_a_layer_and_a_sentence() -> None:
    for code, sentence in DEVIATIONS.items():
        assert code.partition(".")[0] in {"head", "chunk", "body", "envelope", *OF_THE_BODY, *OF_THE_CONNECTION}
        assert len(sentence.split()) >= 4
        assert Deviation(code, 0).sentence == sentence


def test_a_place_says_which_octets_an_offset_counts() -> None:
    def places(*layers: str) -> set[str]:
        return {Deviation(code, 3).place for code in DEVIATIONS if code.partition(".")[0] in layers}

    assert places(*OF_THE_BODY) == {"of the body"}
    assert places(*OF_THE_CONNECTION) == {"of the connection"}
    assert places("envelope") == {"of the messages of this stream"}
    assert places("head", "chunk", "body") == {"of the response"}
