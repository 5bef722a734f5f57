"""A message for nobody that ends the connection.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.variant import Variant


def _survives(code: Code) -> bool:
    return code is not Code.NOT_FOUND


VARIANT = Variant(
    name="hangs-up-on-strangers",
    sentence="A message for a stream that nobody has opened ends the connection.",
    where="app",
    on=("ws", "tcp"),
    kills="MX-04",
    because=("a connection that goes on", "it ended"),
    seams=Seams(survives=_survives),
)
