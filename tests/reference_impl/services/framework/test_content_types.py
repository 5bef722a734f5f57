"""Content types: as the document declares them, for one stream, and as clients ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.framework.content_types import JSON, NDJSON, SSE, ContentTypes, negotiated
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.router import Router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streamspec.reference_impl.services.framework.procedure import Procedure

BOTH = (SSE, NDJSON)


async def nothing() -> AsyncIterator[int]:
    return
    yield


def with_stream(content_type: str | None = None) -> tuple[Router, Procedure]:
    router = Router()
    stream = router.stream("s")
    (stream if content_type is None else stream.content_type(content_type)).handler(nothing)
    return router, router.procedures()[0]


@pytest.mark.parametrize("name", ["content_types", "contentTypes"])
def test_the_sample_of_the_document(name: str) -> None:
    router, procedure = with_stream()
    router.enable_usd(streams={name: {"default": JSON, "supported": [JSON, NDJSON]}})
    assert router.content_types == ContentTypes(JSON, (JSON, NDJSON))
    assert router.content_types.over_http(procedure) == BOTH


def test_without_a_word_it_is_json_and_over_http_events() -> None:
    router, procedure = with_stream()
    assert router.content_types == ContentTypes(JSON, (JSON,))
    assert router.content_types.over_http(procedure) == (SSE,)


def test_a_stream_of_its_own_kind_goes_before_the_default() -> None:
    router, procedure = with_stream(NDJSON)
    assert router.content_types.of(procedure) == ContentTypes(NDJSON, (NDJSON, JSON))
    assert router.content_types.over_http(procedure) == BOTH


@pytest.mark.parametrize(
    ("streams", "complaint"),
    [
        ({"types": {}}, "nobody knows what 'types' means"),
        ({"content_types": [JSON]}, "a default and a list"),
        ({"content_types": {"preferred": JSON}}, "nobody knows what 'preferred' means"),
        ({"content_types": {"supported": NDJSON}}, "are a list"),
        ({"content_types": {"default": "json"}}, "is no media type"),
        ({"content_types": {"default": JSON, "supported": [NDJSON]}}, "is not among the supported"),
        ({"content_types": {"default": "text/x; charset=utf-8"}}, "is no media type"),
    ],
)
def test_what_makes_no_sense_is_refused(streams: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Misdeclared, match=complaint):
        Router().enable_usd(streams=streams)


@pytest.mark.parametrize(
    ("accept", "offered", "got"),
    [
        ("", BOTH, SSE),
        ("*/*", BOTH, SSE),
        ("text/event-stream", BOTH, SSE),
        ("application/x-ndjson", BOTH, NDJSON),
        ("APPLICATION/X-NDJSON ; Q=1", BOTH, NDJSON),
        ("application/*", BOTH, NDJSON),
        ("text/event-stream;q=0.5, application/x-ndjson", BOTH, NDJSON),
        ("*/*;q=0.1, text/event-stream;q=0", BOTH, NDJSON),
        ("text/html, */*;q=0.8", BOTH, SSE),
        ("application/x-ndjson", (SSE,), None),
        ("text/html", BOTH, None),
        ("*/*;q=0", BOTH, None),
        ("nonsense, text/event-stream;q=7", BOTH, None),
        ("nonsense, application/x-ndjson", BOTH, NDJSON),
        (",,,", BOTH, None),
    ],
)
def test_what_a_client_wants_most_is_what_it_gets(accept: str, offered: tuple[str, ...], got: str | None) -> None:
    assert negotiated(accept, offered) == got


@given(st.text(max_size=200))
def test_whatever_is_accepted_is_one_of_the_offered_or_nothing(accept: str) -> None:
    assert negotiated(accept, BOTH) in {*BOTH, None}
