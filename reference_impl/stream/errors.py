"""What a stream may fail with: a code by name, and the exception that carries it.

Never here: numbers (two of the source systems disagree on them from 7 up, seeds 2.2) or a wire.
"""

from __future__ import annotations

import enum


class Code(enum.StrEnum):
    """The thirteen codes, compared by name."""

    OK = "OK"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    TIMED_OUT = "TIMED_OUT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNAUTHORIZED = "UNAUTHORIZED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"


class StreamError(Exception):
    """A stream's failure, or a stream's refusal of a call: a code and a message that is safe to show."""

    def __init__(self, code: Code, message: str) -> None:
        if code is Code.OK:
            raise ValueError("OK is not an error")
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
