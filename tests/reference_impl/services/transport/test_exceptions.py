"""Thirteen codes with the transport's numbers, known to gRPC by name; and what strangers are told of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.services.transport import StreamErrorCode, StreamException
from streamspec.reference_impl.services.transport.exceptions import classified
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable

# Name, number, name in gRPC, number there.
TABLE = (
    ("OK", 0, "OK", 0),
    ("CANCELLED", 1, "CANCELLED", 1),
    ("UNKNOWN", 2, "UNKNOWN", 2),
    ("INVALID_ARGUMENT", 3, "INVALID_ARGUMENT", 3),
    ("TIMED_OUT", 4, "DEADLINE_EXCEEDED", 4),
    ("NOT_FOUND", 5, "NOT_FOUND", 5),
    ("ALREADY_EXISTS", 6, "ALREADY_EXISTS", 6),
    ("UNAUTHENTICATED", 7, "UNAUTHENTICATED", 16),
    ("UNAUTHORIZED", 8, "PERMISSION_DENIED", 7),
    ("RESOURCE_EXHAUSTED", 9, "RESOURCE_EXHAUSTED", 8),
    ("UNIMPLEMENTED", 10, "UNIMPLEMENTED", 12),
    ("INTERNAL", 11, "INTERNAL", 13),
    ("UNAVAILABLE", 12, "UNAVAILABLE", 14),
)


@pytest.mark.parametrize(("name", "number", "grpc_name", "_grpc_number"), TABLE)
def test_a_code_has_its_number_and_its_name_in_grpc(name: str, number: int, grpc_name: str, _grpc_number: int) -> None:
    code = StreamErrorCode.from_code(number)
    assert (code.name, code.grpc_name) == (name, grpc_name)
    assert StreamErrorCode.from_grpc(grpc_name) is code


def test_there_are_no_other_codes() -> None:
    assert [code.name for code in StreamErrorCode] == [name for name, *_ in TABLE] == list(Code.__members__)


def test_grpcs_own_numbers_are_those_of_the_table() -> None:
    grpc = pytest.importorskip("grpc")
    assert {name: grpc.StatusCode[name].value[0] for _, _, name, _ in TABLE} == {row[2]: row[3] for row in TABLE}


@pytest.mark.parametrize("number", [-1, 13, 16, 1_000_000])
def test_an_unknown_number_is_unknown(number: int) -> None:
    assert StreamErrorCode.from_code(number) is StreamErrorCode.UNKNOWN


@pytest.mark.parametrize("status", ["ABORTED", "", "TIMED_OUT"])
def test_an_unknown_status_is_unknown(status: str) -> None:
    assert StreamErrorCode.from_grpc(status) is StreamErrorCode.UNKNOWN


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (StreamException.cancelled, StreamErrorCode.CANCELLED),
        (StreamException.unavailable, StreamErrorCode.UNAVAILABLE),
        (StreamException.internal, StreamErrorCode.INTERNAL),
        (StreamException.resource_exhausted, StreamErrorCode.RESOURCE_EXHAUSTED),
        (StreamException.unauthenticated, StreamErrorCode.UNAUTHENTICATED),
    ],
)
def test_a_factory_makes_its_code_and_keeps_the_cause(
    make: Callable[..., StreamException], code: StreamErrorCode
) -> None:
    cause = OSError("why")
    failure = make("what", cause)
    assert (failure.error_code, failure.message, failure.__cause__) == (code, "what", cause)
    assert str(failure) == f"{code.name}: what"


def test_ok_is_no_exception() -> None:
    with pytest.raises(ValueError, match="OK is not an error"):
        StreamException(StreamErrorCode.OK, "fine")


def test_a_message_that_has_no_utf_8_is_shown_with_an_escape() -> None:
    assert StreamException.internal("no \ud800, but №").message == "no \\ud800, but №"


def test_metadata_are_a_copy_that_nobody_changes() -> None:
    given = {"shard": "3"}
    failure = StreamException(StreamErrorCode.INTERNAL, "what", metadata=given)
    given["shard"] = "4"
    assert failure.metadata == {"shard": "3"}
    with pytest.raises(TypeError):
        failure.metadata["shard"] = "5"  # type: ignore[index]


def test_a_lack_of_memory_anywhere_among_the_causes_is_resource_exhausted() -> None:
    deep: Exception = RuntimeError("outside")
    inner = ValueError("inside")
    deep.__cause__ = inner
    inner.__context__ = MemoryError("8 GiB")
    told = classified(deep)
    assert (told.error_code, told.message) == (StreamErrorCode.RESOURCE_EXHAUSTED, "there was not enough memory")


def test_causes_that_go_in_a_circle_are_looked_through_all_the_same() -> None:
    circle = RuntimeError("round")
    circle.__cause__ = circle
    assert classified(circle).error_code is StreamErrorCode.INTERNAL


def test_what_names_no_code_is_internal_and_its_text_stays_here() -> None:
    told = classified(PermissionError("password 'correct horse' refused"))
    assert (told.error_code, told.message) == (StreamErrorCode.INTERNAL, "the handler failed")


def test_a_stream_exception_is_told_as_it_is() -> None:
    failure = StreamException(StreamErrorCode.ALREADY_EXISTS, "twice")
    assert classified(failure) is failure
