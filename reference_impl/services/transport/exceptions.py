"""What a stream transport raises: `StreamException` with one of the thirteen `StreamErrorCode`s, and what has no place.

Numbers are the transport's own and are compared with nobody's: six of them mean something else in gRPC (seeds 2.2),
where a code is known by its name. Never here: when any of them is raised.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.grpc_names import status_of
from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.stream.errors import StreamError

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
MOST_CAUSES: Final = 64  # of an exception, each the cause of the one before, that are looked through


class StreamErrorCode(enum.IntEnum):
    """The thirteen codes, with the transport's numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    TIMED_OUT = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    UNAUTHENTICATED = 7
    UNAUTHORIZED = 8
    RESOURCE_EXHAUSTED = 9
    UNIMPLEMENTED = 10
    INTERNAL = 11
    UNAVAILABLE = 12

    @staticmethod
    def from_code(number: int) -> StreamErrorCode:
        """The code of this number, UNKNOWN where there is none."""
        try:
            return StreamErrorCode(number)
        except ValueError:
            return StreamErrorCode.UNKNOWN

    @staticmethod
    def from_grpc(status: str) -> StreamErrorCode:
        """The code of gRPC's status of this name, UNKNOWN where there is none."""
        return next((code for code in StreamErrorCode if code.grpc_name == status), StreamErrorCode.UNKNOWN)

    @property
    def grpc_name(self) -> str:
        """The name of gRPC's status."""
        return status_of(Code[self.name])


class StreamException(Exception):
    """The failure of a stream, or the refusal of a call. `message` and `metadata` are for the other side as well, the
    cause is not. What of a message has no UTF-8 stands in it as an escape. Raises `ValueError` for OK."""

    def __init__(
        self,
        error_code: StreamErrorCode,
        message: str,
        cause: BaseException | None = None,
        metadata: Mapping[str, str] = NOTHING,
    ) -> None:
        if error_code is StreamErrorCode.OK:
            raise ValueError("OK is not an error")
        message = payload.writable(str(message))
        super().__init__(error_code, message)
        self.error_code: Final = error_code
        self.message: Final = message
        self.metadata: Final = MappingProxyType(dict(metadata))
        self.__cause__ = cause

    def __str__(self) -> str:
        return f"{self.error_code.name}: {self.message}"

    @property
    def code(self) -> Code:
        """The code as every stream beneath knows it, by name."""
        return Code[self.error_code.name]

    @staticmethod
    def cancelled(message: str, cause: BaseException | None = None) -> StreamException:
        return StreamException(StreamErrorCode.CANCELLED, message, cause)

    @staticmethod
    def unavailable(message: str, cause: BaseException | None = None) -> StreamException:
        return StreamException(StreamErrorCode.UNAVAILABLE, message, cause)

    @staticmethod
    def internal(message: str, cause: BaseException | None = None) -> StreamException:
        return StreamException(StreamErrorCode.INTERNAL, message, cause)

    @staticmethod
    def resource_exhausted(message: str, cause: BaseException | None = None) -> StreamException:
        return StreamException(StreamErrorCode.RESOURCE_EXHAUSTED, message, cause)

    @staticmethod
    def unauthenticated(message: str, cause: BaseException | None = None) -> StreamException:
        return StreamException(StreamErrorCode.UNAUTHENTICATED, message, cause)


class UnsupportedOperationException(Exception):
    """A call that this kind of channel does not have."""


class NotSerialisable(TypeError):
    """A response, a header or metadata that no writer knows: the handler's mistake."""


def of(refused: StreamError, message: str = "", metadata: Mapping[str, str] = NOTHING) -> StreamException:
    """A failure of the stream beneath, under the transport's name."""
    return StreamException(StreamErrorCode[refused.code.name], message or refused.message, metadata=metadata)


def classified(failure: BaseException) -> StreamException:
    """What the consumer may know of a failure. A lack of memory anywhere among its causes is RESOURCE_EXHAUSTED; of
    whatever names no code of ours it is told INTERNAL, and no text that was not meant for strangers."""
    if isinstance(failure, StreamException):
        return failure
    cause: BaseException | None = failure
    for _ in range(MOST_CAUSES):
        if cause is None:
            break
        if isinstance(cause, MemoryError):
            return StreamException.resource_exhausted("there was not enough memory", failure)
        cause = cause.__cause__ or cause.__context__
    shown = errors.shown(failure)
    return StreamException(StreamErrorCode[shown.code.name], shown.message, failure)
