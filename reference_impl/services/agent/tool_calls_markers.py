"""Markers in text that is still coming: where the first one stands, or where something stands that may yet become one.

Never here: which markers there are, or what one means.
"""

from __future__ import annotations

import re

Elements = tuple[str, ...]  # of regular expressions, one for each element of a marker: each may be cut behind


def letters(text: str) -> Elements:
    """A fixed text, which may be cut behind each of its characters."""
    return tuple(re.escape(character) for character in text)


def marker(*alternatives: Elements) -> re.Pattern[str]:
    """A pattern whose first match is where text has to wait: at a whole marker, whose match has a group `whole`, or at
    the beginning of one that only the end of the text cuts off. In text before that match nothing begins a marker,
    whatever follows: so the cuts in which text comes change nothing.

    What ends a marker has to be of one length, or more of the text would find a longer one.
    """
    whole = "|".join("".join(elements) for elements in alternatives)
    begun = "|".join(_begun(elements) for elements in alternatives)
    return re.compile(f"(?P<whole>{whole})|(?:{begun})\\Z")


def _begun(elements: Elements) -> str:
    """The first element, perhaps the second behind it, and so on."""
    pattern = ""
    for element in reversed(elements[1:-1]):
        pattern = f"(?:{element}{pattern})?"
    return elements[0] + pattern
