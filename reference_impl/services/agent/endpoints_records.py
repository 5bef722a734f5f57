"""Records that differ in a few texts only: their JSON is written once, and each is put together around its texts.

Never here: what is in a record.
"""

from __future__ import annotations

from streamspec.reference_impl import payload


def around(record: object, *names: str) -> tuple[str, ...]:
    """The JSON of a record, without its empty texts of these names: what is before the first of them, what is between
    them, in the order in which they stand there, and what is behind the last."""
    rest = payload.to_json(record)
    pieces = []
    for name in names:
        # Within a text this cannot be found: there each quotation mark has a backslash before it.
        before, found, rest = rest.partition(f'"{name}":""')
        assert found, "the record has an empty text of this name"
        pieces.append(f'{before}"{name}":')
    return (*pieces, rest)
