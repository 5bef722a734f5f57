"""What an adapter declares in a dialect that has fewer words than ours: the same, but for what could not be said in it.

Pure. Never here: what the adapter can do (`conformance`), or how a dialect looks on a wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.seams import Features

CARRIED: Final = ("ws", "tcp")  # where an adapter speaks in envelopes
# Options and promises without a word for them.
_UNSAID: Final = frozenset({"heartbeat_ms", "credit", "priority", "starvation_bound"})


def declared(said: Features, profile: str, directions: Sequence[str]) -> Features:
    """These features, in the envelopes of that profile, which has no words for signs of life, credit and priorities."""
    streams, options, declares = said["streams"], said["options"], said["declares"]
    assert isinstance(streams, dict) and isinstance(options, list) and isinstance(declares, dict)  # noqa: PT018
    return {
        **said,
        "profile": profile,
        "directions": list(directions),
        "streams": {name: place for name, place in streams.items() if name in CARRIED},
        "options": [name for name in options if name not in _UNSAID],
        "declares": {name: value for name, value in declares.items() if name not in _UNSAID},
    }
