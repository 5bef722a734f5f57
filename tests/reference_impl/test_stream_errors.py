"""How any failure becomes a stream's error: with one of the thirteen codes and its text, or saying nothing."""

from __future__ import annotations

import enum

import pytest

from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.errors import Code, StreamError, shown


class _Status(enum.Enum):
    """Somebody else's enum of codes: numbers of their own, names as ours."""

    NOT_FOUND = 44
    ABORTED = 10


class _Coded(Exception):
    def __init__(self, code: object, text: str = "the text", message: object = None) -> None:
        super().__init__(text)
        self.code = code
        self.message = message


class _Anonymous(Exception):
    code = "NOT_FOUND"


class _Hostile(Exception):
    @property
    def code(self) -> str:
        raise RuntimeError("no code for you")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (StreamError(Code.NOT_FOUND, "gone"), "NOT_FOUND: gone"),
        (_Coded("NOT_FOUND", message="gone"), "NOT_FOUND: gone"),
        (_Coded("NOT_FOUND", message=404), "NOT_FOUND: the text"),
        (_Coded(_Status.NOT_FOUND), "NOT_FOUND: the text"),
        (_Anonymous("gone"), "NOT_FOUND: gone"),
        (_Coded("OK"), "UNKNOWN: the text"),
        (_Coded(_Status.ABORTED), "INTERNAL: the handler failed"),
        (_Coded("not_found"), "INTERNAL: the handler failed"),
        (_Coded(5), "INTERNAL: the handler failed"),
        (PermissionError("/srv/items.db"), "INTERNAL: the handler failed"),
        (KeyboardInterrupt(), "INTERNAL: the handler failed"),
        (_Hostile(), "INTERNAL: the handler failed"),
    ],
)
def test_a_failure_shows_as(failure: BaseException, said: str) -> None:
    assert str(shown(failure)) == said


def test_what_is_shown_is_a_fresh_exception_without_a_past() -> None:
    failure = StreamError(Code.NOT_FOUND, "gone")
    failure.__cause__ = ValueError("private")
    copies = [shown(failure), shown(failure)]
    assert len({id(error) for error in (failure, *copies)}) == 3
    assert [copy.__cause__ for copy in copies] == [None, None]


def test_the_streams_own_refusals_have_their_codes() -> None:
    assert [str(error) for error in (errors.cancelled(), errors.cancelled("enough"))] == [
        "CANCELLED: stream was cancelled",
        "CANCELLED: enough",
    ]
    made = (errors.closed(), errors.closed(Code.INTERNAL), errors.expired(), errors.send_timed_out(0.25))
    assert [error.code for error in made] == [Code.UNAVAILABLE, Code.INTERNAL, Code.TIMED_OUT, Code.TIMED_OUT]


def test_there_are_thirteen_codes_and_ok_is_not_an_error() -> None:
    assert len(Code) == 13
    assert all(code.name == code.value for code in Code)
    with pytest.raises(ValueError, match="OK"):
        StreamError(Code.OK, "fine")
