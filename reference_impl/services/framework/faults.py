"""What can be wrong: with a declaration, with a value that a schema does not allow, and with what a handler sent.

Never here: a schema, or how a failure looks on a wire.
"""

from __future__ import annotations

from typing import Final

from streamspec.reference_impl.payload import writable
from streamspec.reference_impl.stream.errors import Code

LONGEST_CHARS: Final = 300  # of what is said about a value: it may quote the client


class Misdeclared(ValueError):
    """A stream, a router or a file that cannot be served as it was declared. Raised at start, never by a request."""


class Misfit(Exception):
    """A value that its schema does not allow: which field (empty: the value itself), and why."""

    def __init__(self, field: str, text: str) -> None:
        said = writable(f"{field}: {text}" if field else text)
        self.message = said if len(said) <= LONGEST_CHARS else f"{said[:LONGEST_CHARS]}..."
        self.field = field
        super().__init__(self.message)


class Unfit(Exception):
    """A handler sent what its output schema does not allow, or nothing that could be a stream.

    Its text is for the operator, in whose log it goes; a client learns `message`.
    """

    code = Code.INTERNAL
    message = "the handler sent something that it must not send"
