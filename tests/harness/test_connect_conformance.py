"""The profile `connect-conformance`: its digits are the messages that they are meant to be, and what the service
answers to them, as its proto tells it, is what each role declares."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from conformance_messages import asked, made, numbered, served
from google.protobuf.message import DecodeError

from streamspec.harness.config import look_of, roles, words_of_roles
from streamspec.harness.core.case import Role
from streamspec.harness.core.event import Completed, Event, Failed, Item, Opened, Trailers
from streamspec.harness.core.hexadecimal import octets_of
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Request
from streamspec.harness.drivers._grpc_messages import prefixed
from streamspec.harness.drivers.grpc import GrpcDecoder
from streamspec.harness.profile_file import profile

PROFILE: Final = profile("connect-conformance")
LOOK: Final = look_of(PROFILE.roles, Request("grpc://127.0.0.1:50051"))
ROLES: Final = {"look": Role("look", LOOK), **roles(words_of_roles(PROFILE.roles), LOOK)}
SERVICE: Final = "/connectrpc.conformance.v1.ConformanceService"
LAUNCHER: Final = Path(__file__).parents[2] / "examples/servers/connect-conformance-go/serve.py"

GRPC, HTTP_2 = 2, 2  # of the enumerations Protocol and HTTPVersion (config.proto)
ABORTED: Final = 10
SERVER_RECEIVE_LIMIT: Final = 200 * 1024  # what the suite allows a request to have, always
WINDOW_BYTES: Final = 65_535
WHY: Final = "as it was asked: ½ %"

MEANT: Final = {
    "look": asked([*numbered([1]), bytes(20_000), bytes(20_000), *numbered([2])], 100),
    "finite": asked(numbered(range(1, 101))),
    "endless": asked([b""] * 4000, 20),
    "prompt": asked(numbered([1, 2]), 150),
    "empty": asked(),
    "failing": asked(numbered([1, 2, 3]), error=made("Error", code=ABORTED, message=WHY)),
}


def request(role: str) -> bytes:
    return octets_of(ROLES[role].request.body.decode())


def answer(role: str) -> list[Event]:
    """What our decoder reads in the service's answer."""
    decoder = GrpcDecoder(PROFILE, str(ROLES[role].attributes.get("seq", "")), LIMITS)
    decoder.begin(Opened(200, "", "HTTP/2", (("content-type", "application/grpc+proto"),)))
    out: list[Event] = []
    for said in served(request(role)):
        if isinstance(said, bytes):
            out += decoder.feed(prefixed(said))
            continue
        status, message = said
        out += decoder.trailers(Trailers((("grpc-status", str(status)), ("grpc-message", quote(message, safe=" ,:")))))
    return out


@pytest.mark.parametrize("role", MEANT)
def test_its_digits_are_the_message_that_is_meant(role: str) -> None:
    assert request(role) == MEANT[role]
    assert ROLES[role].request.url.endswith(f":50051{SERVICE}/ServerStream")
    assert len(MEANT[role]) < SERVER_RECEIVE_LIMIT


def test_every_role_has_been_looked_at() -> None:
    assert set(ROLES) - set(MEANT) == {"unknown", "invalid"}


def test_a_finite_answer_counts_though_its_first_item_echoes_the_request() -> None:
    *items, end = answer("finite")
    assert [item.seq for item in items if isinstance(item, Item)] == list(range(1, 101))
    assert len(items) == ROLES["finite"].attributes["items"] == 100
    assert isinstance(end, Completed)
    first, second = items[:2]
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert first.size > len(MEANT["finite"]) > second.size


def test_a_failing_answer_fails_behind_its_items_with_a_text_that_needs_its_encoding() -> None:
    *items, end = answer("failing")
    assert [item.seq for item in items if isinstance(item, Item)] == [1, 2, 3]
    assert len(items) == ROLES["failing"].attributes["items_before"] == 3
    assert isinstance(end, Failed)
    assert (end.code, end.message) == ("ABORTED", WHY)


def test_an_empty_answer_has_no_item_and_succeeds() -> None:
    assert [type(event) for event in answer("empty")] == [Completed]


def test_a_prompt_answer_waits_as_long_as_is_declared_ahead_of_its_second_item() -> None:
    assert [item.seq for item in answer("prompt") if isinstance(item, Item)] == [1, 2]
    told = made("ServerStreamRequest")
    told.ParseFromString(request("prompt"))
    assert told.response_definition.response_delay_ms == ROLES["prompt"].attributes["gap_ms"]


def test_a_look_ends_with_an_item_that_begins_beyond_a_window() -> None:
    *_, last, end = answer("look")
    assert isinstance(last, Item)
    assert last.offset > WINDOW_BYTES
    assert isinstance(end, Completed)


def test_an_invalid_request_is_cut() -> None:
    assert ROLES["invalid"].request.url.endswith(f"{SERVICE}/ServerStream")
    with pytest.raises(DecodeError):
        list(served(request("invalid")))


def test_what_is_unknown_is_what_the_service_leaves_unimplemented() -> None:
    assert ROLES["unknown"].request.url.endswith(f"{SERVICE}/Unimplemented")


def test_the_example_server_is_asked_for_as_the_suite_asks() -> None:
    meant = made("ServerCompatRequest", protocol=GRPC, http_version=HTTP_2, message_receive_limit=SERVER_RECEIVE_LIMIT)
    assert runpy.run_path(str(LAUNCHER))["REQUEST"] == meant.SerializeToString()
