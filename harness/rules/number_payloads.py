"""OI: numbers in items that a server promises to pass on digit by digit.

RFC 8259 lets every reader have limits of range and precision, so that nobody is held to this who has not promised it.
Never here: what a number is worth.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Item
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.steps import Complete, Send
from streamspec.harness.core.written import ASK, ENDED, EOF, chunked
from streamspec.harness.rules._scripted_ends import ending, scripted
from streamspec.harness.rules._scripted_items import expected, well_ended
from streamspec.harness.rules._wire import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_FIELD: Final = "number"  # of items whose number is looked at


class _Digits(str):
    """A number as it is written: to read it is to lose digits."""

    __slots__ = ()


def _number(text: str) -> str:
    """The digits of the number in an item; empty where it has none."""
    try:
        value: Any = json.loads(text, parse_int=_Digits, parse_float=_Digits)
    except (ValueError, RecursionError):
        return ""
    number = value.get(_FIELD) if isinstance(value, dict) else None
    return str(number) if isinstance(number, _Digits) else ""


def digit_by_digit(h: History) -> Iterator[Finding]:
    for session in well_ended(h):
        steps = h.steps(session)
        wanted = [_number(item) for item in expected(steps) if isinstance(item, str)]
        if not any(wanted):
            continue
        end, came = ending(h, session), standing.items(h, session)
        if end.how != "success":
            yield unknown(end.worded, end.at)
        elif len(came) != len(wanted) or not all(wanted):
            yield unknown("other items came than were sent", came[-1:])
        else:
            texts = [r.event.prefix if isinstance(r.event, Item) else "" for r in came]
            wrong = next((n for n, text in enumerate(texts) if _number(text) != wanted[n]), None)
            if wrong is None:
                yield held(came[0], came[-1])
            else:
                yield broken(came[wrong], expected=wanted[wrong], got=_number(texts[wrong]) or texts[wrong])


_BIG: Final = f"{2**53 + 1}"
_NUMBERS: Final = (_BIG, "1e400", "-0")
_SCRIPT: Final = (Send(tuple(f'{{"{_FIELD}":{digits}}}' for digits in _NUMBERS)), Complete())


def _came(*numbers: str) -> tuple[Item, ...]:
    texts = [f'{{"{_FIELD}": {digits}}}' for digits in numbers]
    return tuple(Item(n, len(text), text[-16:], text, 0) for n, text in enumerate(texts))


_END: Final = (Completed(), ENDED, EOF)
_HEAD: Final = (ASK, chunked("sse"))

OI_12 = Rule(
    id="OI-12",
    level=Level.SHOULD,
    sentence="A number in an item arrives digit by digit: beyond 2^53, beyond a double, -0, and long fractions.",
    source="RFC 8259 §6; declared numbers=text (docs/contract.md)",
    why="An id or an amount that was rounded on its way names somebody else.",
    needs=("script", "feature:numbers=text"),
    after=(*ROOTS, "SSE-24"),
    check=digit_by_digit,
    good=(
        scripted((_SCRIPT, (*_HEAD, *_came(*_NUMBERS), *_END))),
        scripted((_SCRIPT, (*_HEAD, Deviation("json.huge-number", 9), *_came(*_NUMBERS), *_END))),
        # other items, and a stream that failed
        scripted((_SCRIPT, (*_HEAD, *_came("1"), *_END)), (_SCRIPT, (*_HEAD, *_came("9e99"), EOF))),
    ),
    bad=(
        scripted((_SCRIPT, (*_HEAD, *_came(f"{2**53}", "1e400", "-0"), *_END))),
        scripted((_SCRIPT, (*_HEAD, *_came(_BIG, "1e400", "0"), *_END))),
        scripted((_SCRIPT, (*_HEAD, *_came(_BIG, '"1e400"', "-0"), *_END))),
    ),
)
