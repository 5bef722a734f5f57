"""SSE, OI: whether texts arrive as they were sent, line ends and all, raw in an event stream or inside of JSON.

The texts are those that the user declared. An item keeps the hash of its payload, and of its text a bounded beginning
in visible characters; where that beginning is the whole, the JSON in it can be read back. Never here: a text that is
longer, which proves nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Item, Record
from streamspec.harness.core.inert import printable
from streamspec.harness.core.profile import field_at
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, head, told, written
from streamspec.harness.rules._wire import ROOTS, unread, why_unlike, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamspec.harness.core.history import History

_SHOWN_CHARS: Final = 60
_SHA_DIGITS: Final = 16  # of a hash that an item keeps


def _sha(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:_SHA_DIGITS]


def _texts(h: History) -> tuple[str, ...]:
    """The declared texts, or none."""
    try:
        found = json.loads(str(h.declared("text", "items") or "[]"))
    except ValueError:
        return ()
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
    return json.dumps(short)


# -- what an item's text was -------------------------------------------------------------------------------------------

# What `printable` makes of invisible characters. `\uXXXX` means in JSON what it says; the two others do not occur
# there: behind an odd number of backslashes JSON has neither x nor U.
# Line ends between the tokens of a text, which `printable` shows as escapes: JSON may have them there (RFC 8259 §2).
_BETWEEN: Final = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*+")|\\[nrt]', re.DOTALL)
_ESCAPES: Final = re.compile(r"\\(?:x(?P<short>[0-9a-f]{2})|U(?P<long>[0-9a-f]{8})|.)", re.DOTALL)


def value_of(item: Item) -> Any:
    """The JSON value of an item whose text is kept whole; None when it is not. The beginning of an object, an array or
    a string is never whole itself."""

    def unescaped(match: re.Match[str]) -> str:
        code = match["short"] or match["long"]
        return json.dumps(chr(int(code, 16)))[1:-1] if code else match[0]

    if not item.prefix.startswith(("{", "[", '"')):
        return None
    try:
        text = _BETWEEN.sub(lambda match: match["text"] or " ", item.prefix)
        return json.loads(_ESCAPES.sub(unescaped, text))
    except (ValueError, RecursionError, OverflowError):
        return None


Same = bool | None  # None: this item cannot tell


def _unaltered(field: str) -> Callable[[str, Item], Same]:
    """Whether an item carries this text in this field, exactly."""

    def same(text: str, item: Item) -> Same:
        value = value_of(item)
        return None if value is None else field_at(value, field) == text

    return same


def _as_lines(text: str, item: Item) -> Same:
    """Whether an event carries this text as it stands, CR and CRLF as LF. A line end at its end may be lost."""
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    return item.sha in {_sha(form.encode(errors="surrogatepass")) for form in (wanted, wanted.removesuffix("\n"))}


# -- the texts in the order in which they were sent --------------------------------------------------------------------


def _found(texts: Sequence[str], items: Sequence[Record], same: Callable[[str, Item], Same]) -> tuple[int, int, bool]:
    """How many texts were found in order, where the search for the next one began, and whether some item there cannot
    tell. Items between them may be anything: a greeting, a record about the stream."""
    at = 0
    for number, text in enumerate(texts):
        blind = False
        for place in range(at, len(items)):
            event = items[place].event
            answer = same(text, event) if isinstance(event, Item) else False
            blind = blind or answer is None
            if answer:
                at = place + 1
                break
        else:
            return number, at, blind
    return len(texts), at, False


def _is_anywhere(text: str, items: Sequence[Record], same: Callable[[str, Item], Same]) -> bool:
    return any(isinstance(r.event, Item) and same(text, r.event) is True for r in items)


def _arrive(h: History, texts: Sequence[str], same: Callable[[str, Item], Same]) -> Iterator[Finding]:
    for session in h.sessions("text"):
        items = standing.items(h, session)
        end = standing.whole(h, session) or next(iter(standing.theirs(h, Completed, session)), None)
        found, at, blind = _found(texts, items, same)
        if reason := why_unlike(h, session):
            yield unknown(reason)
        elif found == len(texts) and items:
            yield held(items[0], items[at - 1])
        elif not end or not standing.seen_whole(h, session):
            yield unknown("text was not seen whole")
        elif skipped := unread(h, session):
            yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
        elif _is_anywhere(texts[found], items[:at], same):
            yield unknown("the texts came in another order than they were declared in", items[:1])
        elif blind:
            yield unknown(f"{_shown(texts[found])} may be among items whose text we do not keep whole", items[at:][:1])
        else:
            came = items[at].event if at < len(items) else None
            got = printable(came.prefix, _SHOWN_CHARS) if isinstance(came, Item) else "no item more"
            expected = f"{_shown(texts[found])}, the text number {found + 1}"
            yield broken(items[at:][:1] or items[-1:], end, expected=expected, got=got or "an empty text")


def _of_json(texts: tuple[str, ...], **around: int) -> tuple[Item, ...]:
    payloads = [json.dumps({**around, "text": text}, ensure_ascii=False) for text in texts]
    return tuple(Item(n, len(p.encode()), _sha(p.encode()), printable(p, 200), 100 * n) for n, p in enumerate(payloads))


def _of_sse(*texts: str) -> tuple[Item, ...]:
    return tuple(
        Item(n, len(t.encode()), _sha(t.encode()), printable(t, 200), 100 * n, "message") for n, t in enumerate(texts)
    )


_TEXTS: Final = ("a\nb", "c\r\nd\re\n", "", "\u2028 \0 \ufeff \x85 \U0001f300 \\x41 \\u0041")
_DECLARED: Final[dict[str, str | int | bool]] = {"text.items": json.dumps(_TEXTS)}
_IN_FIELD: Final[dict[str, str | int | bool]] = _DECLARED | {"text.field": "$.text"}
_GREETING: Final = Item(0, 2, "0", "{}", 0, "connected")


def texts_in_events(h: History) -> Iterator[Finding]:
    """Where the texts stand in a field of JSON, line ends are escaped and another rule has what is altered."""
    texts = _texts(h)
    if not texts:
        return
    field = h.declared("text", "field")
    if not isinstance(field, str):
        # A text without characters may be no event at all: HTML §9.2.6 leaves that to how its sender spells nothing.
        filled = [text for text in texts if text]
        yield from _arrive(h, filled, _as_lines) if filled else [unknown("only empty texts were declared")]
        return
    for finding in _arrive(h, texts, _unaltered(field)):
        said = unknown("the texts stand in JSON, and OI-04 judges what was altered in them")
        yield said if finding.stance == "broken" else finding


SSE_05 = Rule(
    id="SSE-05",
    level=Level.MUST,
    sentence="A text with line ends is sent as several data lines: it comes back with CR and CRLF as LF.",
    source="HTML §9.2.5, §9.2.6",
    why="What stands behind a raw line end is read as a field, or as another event: the rest of the text is lost.",
    needs=("role:text.items",),
    after=("SSE-01",),
    on=("sse",),
    check=texts_in_events,
    good=(
        written(
            *told("text", ASK, head(), *_of_sse("a\nb", "c\nd\ne\n", "", _TEXTS[3]), ENDED, EOF), declared=_DECLARED
        ),
        # a line end at the end may be lost, an empty text may be no event, and a greeting comes ahead
        written(
            *told("text", ASK, head(), _GREETING, *_of_sse("a\nb", "c\nd\ne", _TEXTS[3]), *CLOSE), declared=_DECLARED
        ),
        written(*told("text", ASK, head(), *_of_sse("a\nb"), EOF), declared=_DECLARED),
        # unaltered, and in another order than declared
        written(*told("text", ASK, head(), *_of_sse("c\nd\ne\n", "a\nb", _TEXTS[3]), ENDED, EOF), declared=_DECLARED),
        # inside of JSON
        written(*told("text", ASK, head(), *_of_json(_TEXTS), ENDED, EOF), declared=_IN_FIELD),
    ),
    bad=(
        written(*told("text", ASK, head(), *_of_sse("a", "c", "", _TEXTS[3]), ENDED, EOF), declared=_DECLARED),
        written(*told("text", ASK, head(), *_of_sse("a b", "c d e", "", _TEXTS[3]), ENDED, EOF), declared=_DECLARED),
        written(*told("text", ASK, head(), *_of_sse("a\nb", "c\nd\ne\n", ""), ENDED, EOF), declared=_DECLARED),
    ),
)


def texts_in_json(h: History) -> Iterator[Finding]:
    """Decoded values are compared, never octets: how a character is escaped is the sender's choice."""
    texts, field = _texts(h), h.declared("text", "field")
    if texts and isinstance(field, str):
        yield from _arrive(h, texts, _unaltered(field))


_LONG: Final[dict[str, str | int | bool]] = {"text.items": json.dumps(["x" * 300]), "text.field": "$.text"}

OI_04 = Rule(
    id="OI-04",
    level=Level.MUST,
    sentence="A text inside of JSON arrives unaltered: line ends, NUL, U+2028, U+FEFF, characters of every plane.",
    source="RFC 8259 §7, §8",
    why="A character that was dropped or replaced is another text, and no consumer can see that.",
    needs=("role:text.items", "role:text.field"),
    after=(*ROOTS, "ND-03"),
    check=texts_in_json,
    good=(
        written(
            *told("text", ASK, chunked("ndjson"), *_of_json(_TEXTS, n=1), ENDED, EOF),
            declared=_IN_FIELD,
            binding="ndjson",
        ),
        written(
            *told("text", ASK, chunked("json_array"), _GREETING, *_of_json(_TEXTS), Completed(999), ENDED, EOF),
            declared=_IN_FIELD,
            binding="json_array",
        ),
        # longer than what we keep
        written(
            *told("text", ASK, chunked("ndjson"), *_of_json(("x" * 300,)), ENDED, EOF), declared=_LONG, binding="ndjson"
        ),
        # what was altered was no UTF-8 on its way: that is the cause
        written(
            *told("text", ASK, chunked("ndjson"), Deviation("ndjson.utf8", 9), *_of_json(_TEXTS), ENDED, EOF),
            declared=_IN_FIELD,
            binding="ndjson",
        ),
    ),
    bad=(
        written(
            *told("text", ASK, chunked("ndjson"), *_of_json(("a b", *_TEXTS[1:])), ENDED, EOF),
            declared=_IN_FIELD,
            binding="ndjson",
        ),
        written(
            *told("text", ASK, chunked("json_array"), *_of_json((*_TEXTS[:3], "\0")), Completed(999), ENDED, EOF),
            declared=_IN_FIELD,
            binding="json_array",
        ),
        written(
            *told("text", ASK, chunked("ndjson"), *_of_json(_TEXTS[:3]), ENDED, EOF),
            declared=_IN_FIELD,
            binding="ndjson",
        ),
    ),
)
