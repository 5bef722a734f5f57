"""A half-close that ends the talk.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.inlet import Inlet


def _half_close(_inlet: Inlet) -> NoReturn:
    raise errors.cancelled("the client has left")


VARIANT = Variant(
    name="ends-with-its-client",
    sentence="A client that half-closes is taken for one that leaves.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="DR-05",
    because=("items behind the half-close", "the error CANCELLED"),
    also={
        "DR-07": "so that nothing is not an input",
        "TC-01": "what is sent back is not sent whole",
        "TC-07": "what is sent back is not sent whole",
        "WS-04": "what is said and finished is not answered",
    },
    seams=Seams(half_close=_half_close),
)
