"""From a request line to a role: paths, methods, and numbers within bounds."""

from __future__ import annotations

import pytest

from streamspec.reference_impl import routing
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.routing import Asked, Refused, header, split_binding, split_variant

BINDINGS = ("sse", "ndjson", "json_array")


def route(method: str, path: str, query: str, resume: int | None = 0) -> Asked | Refused:
    return routing.route(ROLES, method, path, query, lambda _: resume)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/", {"n": 30, "period_ms": 4}),
        ("/finite", {"n": 100, "errors": 0}),
        ("/endless", {"period_ms": 5, "first_item_ms": 0}),
        ("/failing", {"after": 3}),
        ("/prompt", {"gap_ms": 300}),
        ("/large", {"n": 1000, "item_bytes": 1000}),
        ("/idle", {"heartbeat_ms": 0, "silent_ms": 600_000}),
        ("/empty", {}),
        ("/text", {}),
        ("/resumable", {"n": 20, "period_ms": 5, "after": 0}),
    ],
)
def test_each_role_has_its_defaults(path: str, values: dict[str, int]) -> None:
    asked = route("GET", path, "")
    assert isinstance(asked, Asked)
    assert (asked.role.path, asked.values) == (path, values)


def test_numbers_are_taken_from_the_query_and_strange_names_are_not_minded() -> None:
    asked = route("GET", "/", "n=7&run=abc&period_ms=0")
    assert isinstance(asked, Asked)
    assert asked.values == {"n": 7, "period_ms": 0}


@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "1_0", " 7", "+7", "٣", "1000001", "9" * 5000])
def test_a_number_outside_its_bounds_is_a_400_with_one_line(value: str) -> None:
    refused = route("GET", "/finite", f"n={value}")
    assert isinstance(refused, Refused)
    assert refused.status == 400
    assert refused.body() == b"n must be a whole number from 0 to 1000000\n"


def test_the_edges_of_a_number_are_within_it() -> None:
    for value in (0, 1_000_000):
        asked = route("GET", "/finite", f"n={value}")
        assert isinstance(asked, Asked)
        assert asked.values["n"] == value


def test_too_many_fields_are_a_400() -> None:
    refused = route("GET", "/finite", "&".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"))
    assert isinstance(refused, Refused)
    assert refused.status == 400


@pytest.mark.parametrize("path", ["", "/nope", "/finite/", "//", "/Finite"])
def test_an_unknown_path_is_a_404_whatever_the_method(path: str) -> None:
    for method in ("GET", "POST"):
        refused = route(method, path, "")
        assert isinstance(refused, Refused)
        assert refused.status == 404


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "get"])
def test_another_method_is_a_405_that_allows_get(method: str) -> None:
    refused = route(method, "/finite", "")
    assert isinstance(refused, Refused)
    assert (refused.status, dict(refused.all_headers())["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/broken/x/", ("x", "/")),
        ("/broken/x/finite", ("x", "/finite")),
        ("/broken/x", ("", "/broken/x")),
        ("/broken//finite", ("", "/broken//finite")),
        ("/finite", ("", "/finite")),
        ("/", ("", "/")),
        ("/raffel-envelopes/script/ws", ("/raffel-envelopes", "/script/ws")),
        ("/raffel-docs-envelopes/server", ("/raffel-docs-envelopes", "/server")),
        ("/raffel/finite", ("", "/raffel/finite")),
        ("/raffel-docs/finite", ("", "/raffel-docs/finite")),
    ],
)
def test_a_variant_is_the_first_step_of_a_path_under_broken(path: str, split: tuple[str, str]) -> None:
    assert split_variant(path) == split


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/ndjson/finite", ("ndjson", "/finite")),
        ("/ndjson/", ("ndjson", "/")),
        ("/sse/finite", ("sse", "/finite")),
        ("/json_array/finite", ("json_array", "/finite")),
        ("/finite", ("sse", "/finite")),
        ("/", ("sse", "/")),
        ("", ("sse", "")),
        ("/ndjson", ("sse", "/ndjson")),
        ("/NDJSON/finite", ("sse", "/NDJSON/finite")),
        ("//finite", ("sse", "//finite")),
        ("/sse/ndjson/finite", ("sse", "/ndjson/finite")),
    ],
)
def test_a_binding_is_the_first_step_of_a_path(path: str, split: tuple[str, str]) -> None:
    assert split_binding(path, BINDINGS) == split


def test_a_field_that_comes_in_pieces_is_one() -> None:
    headers = (("accept-encoding", "br"), ("host", "x"), ("accept-encoding", "gzip"))
    assert header(headers, "accept-encoding") == "br, gzip"
    assert header(headers, "last-event-id") == ""


def test_a_resumable_stream_goes_on_behind_what_the_client_has() -> None:
    asked = route("GET", "/resumable", "n=5", resume=3)
    assert isinstance(asked, Asked)
    assert asked.values["after"] == 3
    assert asked.total == 2


def test_an_unknown_place_to_resume_at_is_a_412() -> None:
    refused = route("GET", "/resumable", "", resume=None)
    assert isinstance(refused, Refused)
    assert refused.status == 412
    assert isinstance(route("GET", "/finite", "", resume=None), Asked)
