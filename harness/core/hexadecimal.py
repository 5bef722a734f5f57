"""Messages of a service that nobody here can read, as a person writes them: hexadecimal digits, and what repeats.

Pure. Never here: what a message means.
"""

from __future__ import annotations

import re
from typing import Final

OCTETS_MAX: Final = 4_194_304  # of one message
_GROUP: Final = re.compile(r"(?P<digits>(?:[0-9A-Fa-f]{2})+)(?:\*(?P<times>[1-9][0-9]{0,5}))?")


def octets_of(text: str) -> bytes:
    """The octets of `0a02 1206080110a09c01*4000`: groups of digits, each written once or so many times. Raises
    `ValueError` that says which group is none."""
    found = bytearray()
    for group in text.split():
        match = _GROUP.fullmatch(group)
        if match is None:
            raise ValueError(
                f"{group[:40]!r}: hexadecimal digits are needed, two for each octet (and *N to repeat them)"
            )
        octets, times = bytes.fromhex(match["digits"]), int(match["times"] or 1)
        if len(found) + len(octets) * times > OCTETS_MAX:
            raise ValueError(f"more than {OCTETS_MAX} octets")
        found += octets * times
    return bytes(found)
