"""The compression of header blocks, both ways (RFC 7541), by the library `hpack`. Imported when HTTP/2 is spoken, and
no sooner: it comes with an extra.

Never here: what a field means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError, OversizedHeaderListError

from streamspec.harness.transports.http2_fields import UnreadableBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLE_BYTES: Final = 4_096  # SETTINGS_HEADER_TABLE_SIZE, its default: ours, and the most that we use of theirs


class Tables:
    """The two tables of one connection. A list of fields is at most `head_bytes` long, as RFC 9113 §6.5.2 counts."""

    def __init__(self, head_bytes: int) -> None:
        self._decoder = Decoder(max_header_list_size=head_bytes)
        self._decoder.max_allowed_table_size = _TABLE_BYTES
        self._encoder = Encoder()

    def read(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """The fields of a block. Raises `UnreadableBlock`."""
        try:
            found = self._decoder.decode(block, raw=True)
        except OversizedHeaderListError as error:
            raise UnreadableBlock(str(error), too_long=True) from error
        except (HPACKError, ValueError, LookupError) as error:
            raise UnreadableBlock(str(error) or type(error).__name__) from error
        return [(bytes(field[0]), bytes(field[1])) for field in found]

    def write(self, fields: Sequence[tuple[bytes, bytes, bool]]) -> bytes:
        """The block of these fields; those marked stand in no table."""
        return self._encoder.encode(fields)

    def peer_allows(self, table_bytes: int) -> None:
        """What the peer's setting says of our own table."""
        self._encoder.header_table_size = min(table_bytes, _TABLE_BYTES)
