"""The JSON of a response on one line, and how many octets that is: `by_definition`, and sooner where that is certain.

`written` says of every value what `by_definition` says of it, to the octet. Never here: what a batch is, or weighs.
"""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.transport.exceptions import NotSerialisable

if TYPE_CHECKING:
    from collections.abc import Callable

# msgspec writes these as `payload` does. It makes something else of floats (1e16, NaN), of names that are no texts, and
# of much that JSON does not know (a set, a date).
_ALIKE: Final = frozenset[type]({str, int, bool, type(None)})
_DEEPEST: Final = 8  # in which they are looked for; JSON itself knows how deep is too deep
_encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode


def written(response: Any) -> tuple[str, int]:
    """JSON on one line, and its octets in UTF-8. Raises `NotSerialisable`."""
    try:
        if _is_alike(response, _DEEPEST):
            octets = _encode(response)
            return octets.decode(), len(octets)
    except (ValueError, OverflowError, RuntimeError):  # of half a surrogate pair, of digits, of a dict that changes
        pass  # the definition has a name for it
    return by_definition(response)


def by_definition(response: Any) -> tuple[str, int]:
    """The same, of what has a `to_json`, of a dataclass, or of what JSON knows."""
    try:
        if (to_json := getattr(response, "to_json", None)) is not None:
            text = payload.to_json(to_json())
        elif is_dataclass(response) and not isinstance(response, type):
            text = payload.to_json(asdict(response))
        else:
            text = payload.to_json(response)
    except (TypeError, ValueError, RecursionError):
        raise NotSerialisable(f"a {type(response).__name__} is no JSON, and has no to_json()") from None
    return text, size_of(text)


def size_of(text: str) -> int:
    """Octets in UTF-8. Raises `NotSerialisable`."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise NotSerialisable("half a surrogate pair has no UTF-8") from None


def _is_alike(value: Any, deepest: int) -> bool:
    """Whether these are all that is in it: exactly, for a class of one's own may write itself as anything."""
    kind = type(value)
    if kind is dict:
        for name, each in value.items():
            if type(name) is not str or not (type(each) in _ALIKE or (deepest and _is_alike(each, deepest - 1))):
                return False
        return True
    if kind is list:
        return all(type(each) in _ALIKE or (deepest and _is_alike(each, deepest - 1)) for each in value)
    return kind in _ALIKE
