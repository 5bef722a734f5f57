"""Bearer tokens: what a request shows, and whose it is.

Never here: whether one is needed, or a refusal.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from streamspec.reference_impl.routing import header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.reference_impl.binding import Headers


def bearer(headers: Headers) -> bytes | None:
    """The token that a request shows; None where it shows none of this scheme (RFC 6750 2.1)."""
    scheme, _, given = header(headers, "authorization").partition(" ")
    return given.strip().encode() if scheme.lower() == "bearer" else None


def client_of(given: bytes, right: Iterable[bytes]) -> str | None:
    """Which client this is, by the place of his token; None for somebody else. Every one is looked at, in a time that
    says nothing of them."""
    fits = [hmac.compare_digest(given, one) for one in right]
    return f"client {fits.index(True) + 1}" if any(fits) else None
