"""A person's word as a usage error repeats it: bounded, inert, and without what may be a secret in it.

Here nothing is known of the word but that it was wrong, so more is hidden than where a request is written down
(`redaction`). Never here: words of a target.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus

from streamspec.harness.core.inert import printable
from streamspec.harness.core.redaction import REDACTED, is_secret

CHARS_MAX: Final = 200
# `user:password@`, with or without `NAME=` and `scheme://` ahead of it. What a password is made of nobody has checked:
# it goes on to the last @.
_USER: Final = re.compile(r"(?P<lead>(?:[\w.-]+=)?+(?:[\w+.-]*:?//)?+)[^/@].*@", re.DOTALL)
# A name that something follows: `token=…`, `Authorization Bearer …`, `?api_key=…`.
_NAME: Final = re.compile(r"(?<![^\s:=?&;#/])[^\s:=?&;#/]++(?=[\s:=])")


def shown(word: str) -> str:
    """The word without credentials, and without all that follows the name of a secret."""
    text = _USER.sub(rf"\g<lead>{REDACTED}@", word, count=1) if _USER.match(word) else word
    name = next((match for match in _NAME.finditer(text) if is_secret(unquote_plus(match[0]))), None)
    text = printable(f"{text[: name.end() + 1]}{REDACTED}" if name else text)
    return text if len(text) <= CHARS_MAX else f"{text[:CHARS_MAX]}…"


def quoted(word: str) -> str:
    """The same, in quotes."""
    return f"'{shown(word)}'"
