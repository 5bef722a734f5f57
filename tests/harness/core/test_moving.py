"""A target at another port: everything of it comes along, or nothing does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from virtual_bench import bench
from virtual_target import Scripted

from streamspec.harness.core.case import Role, Tell
from streamspec.harness.core.moving import moved
from streamspec.harness.core.ports import Request

BASE = replace(
    bench(Scripted(lambda *_: [])).target,
    look=Request("http://127.0.0.1:80/events?n=1"),
    roles={"finite": Role("finite", Request("http://127.0.0.1:80/finite"))},
    tells=(Tell("produced", Request("http://127.0.0.1:80/told"), "$.n"),),
)


def test_every_request_comes_along() -> None:
    there = moved(BASE, 8123)
    assert there
    assert there.look.url == "http://127.0.0.1:8123/events?n=1"
    assert there.roles["finite"].request.url == "http://127.0.0.1:8123/finite"
    assert there.tells[0].request.url == "http://127.0.0.1:8123/told"


def test_a_port_that_was_left_out_is_given() -> None:
    plain = replace(BASE, look=Request("http://[::1]/"), roles={}, tells=())
    there = moved(plain, 8123)
    assert there
    assert there.look.url == "http://[::1]:8123/"


@pytest.mark.parametrize(
    "fixed",
    [
        replace(BASE, roles={"finite": Role("finite", Request("http://127.0.0.1:81/finite"))}),
        replace(BASE, tells=(Tell("produced", Request("http://localhost:80/told"), "$.n"),)),
        replace(BASE, look=replace(BASE.look, headers=(("host", "example.test"),))),
    ],
)
def test_a_target_that_is_in_two_places_stays(fixed: object) -> None:
    assert moved(fixed, 8123) is None  # type: ignore[arg-type]
