"""A request over gRPC: its deadline has a field of its own, and its half of the stream ends as its direction says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.asking import may_stay_unheard, request_of
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import SCRIPT, Ask, Session
from streamspec.harness.core.steps import Complete

if TYPE_CHECKING:
    from streamspec.harness.core.script import Direction

BASE = Request("grpc://127.0.0.1:9/s/Server", "POST", (("a", "b"),), b'{"run":"{run}","script":{script}}')


def asked(base: Request = BASE, direction: Direction = "server", **options: int) -> Request:
    session = Session("s", SCRIPT, (), steps=(Complete(),), options=options, direction=direction)
    return request_of(base, Ask(), session, 1, run="r-1")


def test_a_deadline_is_a_field_and_no_option_of_the_script() -> None:
    request = asked(deadline_ms=250, idle_ms=9)
    assert request.headers == (("a", "b"), ("grpc-timeout", "250m"))
    assert request.body == b'{"run":"r-1","script":{"steps":[{"do":"complete"}],"idle_ms":9}}'


def test_elsewhere_a_deadline_stays_in_the_script() -> None:
    request = asked(Request("ws://127.0.0.1:9/", body=BASE.body), deadline_ms=250)
    assert request.headers == ()
    assert b'"deadline_ms":250' in request.body


@pytest.mark.parametrize(("direction", "ends"), [("server", True), ("unary", True), ("client", False), ("bidi", False)])
def test_a_request_ends_where_no_item_of_ours_will_follow(direction: Direction, ends: bool) -> None:  # noqa: FBT001
    assert asked(direction=direction).ends == ends


@pytest.mark.parametrize(
    ("request_", "unheard"),
    [
        (Request("grpc://h:1/"), False),
        (Request("grpcs://h:1/", ends=False), True),
        (Request("grpc://h:1/", push="reset"), True),
        (Request("http://h/", push="reset", version="2"), True),
        (Request("ws://h/", push="{}"), False),
        (Request("tcp://h:1/", ends=False), False),
    ],
)
def test_a_head_is_due_unless_it_may_wait_for_what_we_say(request_: Request, unheard: bool) -> None:  # noqa: FBT001
    assert may_stay_unheard(request_) == unheard


def test_metadata_of_one_session_stand_behind_those_of_its_target() -> None:
    act = Ask(metadata=(("x-a", "1"), ("x-a", "2")))
    request = request_of(BASE, act, Session("s", SCRIPT, (), steps=(Complete(),)), 1, run="r-1")
    assert request.headers == (("a", "b"), ("x-a", "1"), ("x-a", "2"))
