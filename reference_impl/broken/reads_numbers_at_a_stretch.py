"""A number that was not all there when it was read.

Never here: a second defect.
"""

from __future__ import annotations

import re

from streamspec.reference_impl.grpc_parts import Relay, of_wishes
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

MOST_ARRIVALS = 3
_COUNT = re.compile(r'("n":\s*\d)\d+')


def _cut(text: str, arrivals: int) -> str:
    return _COUNT.sub(r"\1", text) if arrivals > MOST_ARRIVALS else text


VARIANT = Variant(
    name="reads-numbers-at-a-stretch",
    sentence="A count is taken by its first digit alone where the message that asks for it did not come all at once.",
    where="app",
    on=("grpc", "ws", "tcp"),
    kills="OI-05",
    because=("items, 1 to ", "in segments of 1 octets"),
    seams=Seams(wish=_cut, relay=Relay(hear=of_wishes(_cut))),
)
