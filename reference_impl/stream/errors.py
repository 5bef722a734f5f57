"""What a stream may fail with: a code by name, the exception that carries it, and how any failure becomes one.

Each function makes a new exception: one that is raised in many tasks would collect all their tracebacks. Never
here: numbers (two of the source systems disagree on them from 7 up, seeds 2.2) or a wire.
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


def shown(failure: BaseException) -> StreamError:
    """What the consumer may know of a failure. Only one that names a code of ours meant its text for strangers."""
    try:
        code = _code_of(failure)
        if code is not None:
            message = getattr(failure, "message", None)
            return StreamError(code, message if isinstance(message, str) else str(failure))
    except Exception:  # noqa: BLE001, S110 -- an exception whose own attributes raise must still end its stream
        pass
    return StreamError(Code.INTERNAL, "the handler failed")


def _code_of(failure: BaseException) -> Code | None:
    code = getattr(failure, "code", None)
    name = code.name if isinstance(code, enum.Enum) else code
    if not isinstance(name, str) or name not in Code.__members__:
        return None
    # A failure that says OK is confused, and nothing else is known of it.
    return Code.UNKNOWN if name == Code.OK else Code(name)


def cancelled(reason: str = "") -> StreamError:
    return StreamError(Code.CANCELLED, reason or "stream was cancelled")


def closed(code: Code = Code.UNAVAILABLE) -> StreamError:
    """The refusal of a call that comes after an ending."""
    return StreamError(code, "stream is closed")


def expired() -> StreamError:
    """What a consumer finds after a deadline."""
    return StreamError(Code.TIMED_OUT, "the stream's deadline has passed")


def send_timed_out(timeout_s: float) -> StreamError:
    return StreamError(Code.TIMED_OUT, f"the consumer was not ready within {timeout_s:g} s")
