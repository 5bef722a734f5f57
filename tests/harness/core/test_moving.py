"""A target at another port: everything of it comes along, or nothing does."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from virtual_bench import bench
from virtual_target import Scripted

from streamspec.harness.core.case import Role, Tell
from streamspec.harness.core.contract import Features
from streamspec.harness.core.moving import moved
from streamspec.harness.core.ports import Request
from streamspec.harness.core.scripted import Scripted as Adapter

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


def played(binding: str, place: str) -> object:
    """The target, with an adapter whose streams over this binding are there."""
    return replace(BASE, scripted=Adapter("http://127.0.0.1:80/script", Features({binding: place}, "plain"), binding))


@pytest.mark.parametrize(("binding", "place"), [("ndjson", "nd"), ("ws", "ws")])
def test_the_streams_of_an_adapter_come_along(binding: str, place: str) -> None:
    there = moved(played(binding, place), 8123)  # type: ignore[arg-type]
    assert there
    assert there.scripted
    assert urlsplit(there.scripted.request.url).netloc == "127.0.0.1:8123"


@pytest.mark.parametrize(("binding", "place"), [("tcp", ":80/here"), ("tcp", ":81"), ("grpc", ":81/a.Service")])
def test_where_an_adapter_names_the_port_of_its_streams_it_is_to_be_asked_again(binding: str, place: str) -> None:
    """Its streams would be asked for at the one port, and what they experienced at the other."""
    assert moved(played(binding, place), 8123) is None  # type: ignore[arg-type]


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
