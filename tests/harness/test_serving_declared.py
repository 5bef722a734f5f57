"""What we say that we can read, before anything was seen of a target."""

from __future__ import annotations

import pytest

from streamspec.harness.assembly import Settings
from streamspec.harness.core.ports import Request
from streamspec.harness.discovery import all_drivers
from streamspec.harness.serving import declared


def accepted(binding: str, url: str = "http://127.0.0.1/feed") -> list[str]:
    """Each type of the Accept header of the look."""
    look = declared(Settings(Request(url), binding=binding), all_drivers()).look
    return [part for name, value in look.headers if name == "Accept" for part in value.split(", ")]


def test_an_unknown_target_is_told_once_of_each_type_that_comes_over_http() -> None:
    types = accepted("")
    assert set(types) == {"text/event-stream", "application/x-ndjson", "application/json"}
    assert len(types) == len(set(types))


@pytest.mark.parametrize(
    ("binding", "types"), [("sse", ["text/event-stream"]), ("json_array", ["application/json"]), ("ws", [])]
)
def test_a_declared_binding_is_asked_for_alone(binding: str, types: list[str]) -> None:
    assert [part for part in accepted(binding) if part] == types


def test_what_comes_over_no_http_is_asked_for_without_types() -> None:
    assert accepted("", "ws://127.0.0.1/feed") == []
