"""What a request asks for, read: flow-control headers, query parameters, and the media types that a client takes."""

from __future__ import annotations

import pytest

from streamspec.reference_impl.services.orders import terms
from streamspec.reference_impl.services.orders.terms import Flow, Query, Rate

FIELDS = ("id", "status")


def test_who_asks_for_nothing_gets_what_is_usual() -> None:
    wanted = terms.export("", (), FIELDS)
    assert (wanted.query, wanted.flow, wanted.fields) == (Query(), Flow(), FIELDS)
    assert (wanted.records, wanted.on_error, wanted.progress_every) == ("typed", "skip", 100)
    assert terms.follow("", ()) == terms.Follow(Flow(), None, None, "skip")


def test_the_headers_of_the_guide_are_heard() -> None:
    asked = (
        ("x-stream-buffer-size", "100"),
        ("x-stream-rate-limit", "10/second"),
        ("x-stream-batch-size", "50"),
        ("x-stream-block-timeout", "7s"),
        ("prefer", "respond-async"),
        ("x-backpressure-strategy", "drop-oldest"),
    )
    flow = terms.follow("", asked).flow
    assert flow == Flow(buffer=100, batch=50, rate=Rate(10), block_timeout_s=7)
    said = dict(flow.headers(5))
    assert said["x-stream-buffer-size"] == "100"
    assert said["x-stream-rate"] == "10/second"
    assert said["x-stream-batch-size"] == "50"
    assert said["x-stream-block-timeout"] == "7s"
    assert said["x-stream-buffer-strategy"] == "block"
    assert said["x-max-concurrent-streams"] == "5"
    assert said["x-heartbeat-interval"] == "15"


def test_the_query_wins_over_a_header() -> None:
    flow = terms.follow("buffer_size=3&rate_limit=6/minute", (("x-stream-buffer-size", "100"),)).flow
    assert (flow.buffer, flow.rate) == (3, Rate(6, 60))
    with pytest.raises(ValueError, match="buffer_size"):
        terms.follow("buffer_size=", (("x-stream-buffer-size", "100"),))


def test_a_client_that_comes_back_goes_on_where_it_was() -> None:
    assert terms.follow("after=0", (("last-event-id", "42"),)).after == "42"
    assert terms.follow("after=0", (("last-event-id", ""),)).after == "0"
    assert terms.follow("after=", ()).after == ""


def test_orders_are_chosen_by_status_id_and_number() -> None:
    wanted = terms.export("status=PENDING&from=order-17&limit=3&fields=note,id&on_error=stop&records=flat", (), FIELDS)
    assert wanted.query == Query("PENDING", 17, 3)
    assert (wanted.fields, wanted.on_error, wanted.records) == (("note", "id"), "stop", "flat")


@pytest.mark.parametrize(
    ("query", "because"),
    [
        ("batch_size=0", "batch_size must be a whole number from 1 to 1000"),
        ("batch_size=1_0", "batch_size"),
        ("batch_size=1001", "batch_size"),
        ("batch_size=", "batch_size"),
        ("buffer_size=", "buffer_size"),
        ("rate_limit=", "rate_limit must be"),
        ("block_timeout=", "block_timeout"),
        ("heartbeat_ms=", "heartbeat_ms"),
        ("limit=", "limit"),
        ("buffer_size=-1", "buffer_size"),
        ("rate_limit=0/second", "rate_limit must be"),
        ("rate_limit=10", "rate_limit"),
        ("rate_limit=10/day", "rate_limit"),
        ("rate_limit=100001/second", "rate_limit"),
        ("block_timeout=0s", "block_timeout must be a time in seconds"),
        ("block_timeout=601s", "block_timeout"),
        ("heartbeat_ms=99", "heartbeat_ms"),
        ("deadline_ms=3600001", "deadline_ms"),
        ("limit=0", "limit"),
        ("status=LOST", "status must be one of"),
        ("from=17", "from must be the id"),
        ("fields=", "fields must be some of"),
        ("fields=id,id", "fields"),
        ("records=nested", "records must be one of typed, flat"),
        ("on_error=ignore", "on_error"),
        ("progress_every=x", "progress_every"),
        ("&".join(f"a{n}=1" for n in range(40)), "fields"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_bounds(query: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        terms.export(query, (), FIELDS)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("", True),
        ("*/*", True),
        ("text/*", True),
        ("text/event-stream", True),
        ("TEXT/Event-Stream;q=0.5", True),
        ("application/json, text/event-stream", True),
        ("application/json", False),
        ("text/event-stream;q=0, */*", False),
        ("text/event-stream, */*;q=0", True),
        ("text/*;q=0.000", False),
        ("image/*", False),
        (", ,", False),
    ],
)
def test_a_client_takes_what_its_accept_says(accept: str, *, takes: bool) -> None:
    assert terms.accepts(accept, "text/event-stream") is takes
