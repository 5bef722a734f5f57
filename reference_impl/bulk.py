"""Text that no coding can shrink: a compressor on the way would otherwise look like a queue without a bound.

Never here: chance. The same place gives the same text in every process.
"""

from __future__ import annotations

import base64
import functools
import random
from typing import Final

LONGEST_TEXT_CHARS: Final = 1_048_576
_POOL_BYTES: Final = 3_145_728  # as base64 four times the longest text
_SEED: Final = 16


@functools.cache
def _pool() -> str:
    noise = random.Random(_SEED).randbytes(_POOL_BYTES)  # noqa: S311 -- noise, no secret
    return base64.b64encode(noise, b"Az").decode()  # letters and digits only: what a contract says of a `pad`


def text(n: int, chars: int) -> str:
    """The n-th of consecutive texts of so many characters: no two within reach of a compressor overlap."""
    pool = _pool()
    start = (n - 1) * chars % (len(pool) - chars)
    return pool[start : start + chars]
