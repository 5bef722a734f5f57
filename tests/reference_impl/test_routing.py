"""From a request line to a role: paths, methods, and numbers within bounds."""

from __future__ import annotations

import pytest

from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.routing import Asked, Refused, route, split_variant


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/", {"n": 30, "period_ms": 4}),
        ("/finite", {"n": 100}),
        ("/endless", {"period_ms": 5}),
        ("/failing", {"after": 3}),
        ("/prompt", {"gap_ms": 300}),
    ],
)
def test_each_role_has_its_defaults(path: str, values: dict[str, int]) -> None:
    asked = route(ROLES, "GET", path, "")
    assert isinstance(asked, Asked)
    assert (asked.role.path, asked.values) == (path, values)


def test_numbers_are_taken_from_the_query_and_strange_names_are_not_minded() -> None:
    asked = route(ROLES, "GET", "/", "n=7&run=abc&period_ms=0")
    assert isinstance(asked, Asked)
    assert asked.values == {"n": 7, "period_ms": 0}


@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "1_0", " 7", "+7", "٣", "1000001", "9" * 5000])
def test_a_number_outside_its_bounds_is_a_400_with_one_line(value: str) -> None:
    refused = route(ROLES, "GET", "/finite", f"n={value}")
    assert isinstance(refused, Refused)
    assert refused.status == 400
    assert refused.body() == b"n must be a whole number from 0 to 1000000\n"


def test_the_edges_of_a_number_are_within_it() -> None:
    for value in (0, 1_000_000):
        asked = route(ROLES, "GET", "/finite", f"n={value}")
        assert isinstance(asked, Asked)
        assert asked.values == {"n": value}


def test_too_many_fields_are_a_400() -> None:
    refused = route(ROLES, "GET", "/finite", "&".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"))
    assert isinstance(refused, Refused)
    assert refused.status == 400


@pytest.mark.parametrize("path", ["", "/nope", "/finite/", "//", "/Finite"])
def test_an_unknown_path_is_a_404_whatever_the_method(path: str) -> None:
    for method in ("GET", "POST"):
        refused = route(ROLES, method, path, "")
        assert isinstance(refused, Refused)
        assert refused.status == 404


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "get"])
def test_another_method_is_a_405_that_allows_get(method: str) -> None:
    refused = route(ROLES, method, "/finite", "")
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
    ],
)
def test_a_variant_is_the_first_step_of_a_path_under_broken(path: str, split: tuple[str, str]) -> None:
    assert split_variant(path) == split
