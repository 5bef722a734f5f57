"""What the scripted contract is called over gRPC: a service for each mount, its methods, the status of a code; and how
large a call may be.

Pure. Never here: grpcio, which may not be installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.routing import APART
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE: Final = "streamspec"
SERVICE: Final = "Script"
MOST_MESSAGE_BYTES: Final = 4 * 1024 * 1024
MOST_METADATA_BYTES: Final = 16 * 1024  # of one call, each with 32 for itself (RFC 9113 6.5.2)
# By the name of a method, whether the client streams, and whether the server does.
METHODS: Final[Mapping[str, tuple[bool, bool]]] = {
    "Server": (False, True),
    "Client": (True, False),
    "Bidi": (True, True),
    "Unary": (False, False),
}
# Two codes have names of their own in gRPC (doc/statuscodes.md); the others are called alike.
_OTHERWISE: Final[Mapping[Code, str]] = {Code.TIMED_OUT: "DEADLINE_EXCEEDED", Code.UNAUTHORIZED: "PERMISSION_DENIED"}


@dataclass(frozen=True, slots=True)
class Method:
    """`wants` is what its mount is asked for, a direction or a procedure. Where the client streams, the first message
    comes with that if it `tells`, and is an item like the others if not."""

    wants: str
    client_streams: bool
    server_streams: bool
    tells: bool = True


def scripted(method: str) -> Method | None:
    """What plays a script under this name."""
    if method not in METHODS:
        return None
    client_streams, server_streams = METHODS[method]
    # A client of one message has said all that it has to say.
    return Method(method.lower() if client_streams else "server", client_streams, server_streams)


def service_of(mount: str) -> str:
    """The service of a mount: `streamspec.Script` of the good one, `streamspec.protected.Script`,
    `streamspec.broken.bad_chunks.Script` and so on of the others. A package's name has no hyphens."""
    if not mount:
        return f"{PACKAGE}.{SERVICE}"
    if mount in APART:
        return f"{PACKAGE}.{mount.removeprefix('/').replace('-', '_')}.{SERVICE}"
    return f"{PACKAGE}.broken.{mount.replace('-', '_')}.{SERVICE}"


def status_of(code: Code) -> str:
    """The name of gRPC's status for this code."""
    return _OTHERWISE.get(code, code.value)
