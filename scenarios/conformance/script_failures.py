"""Scripted servers: handlers that fail, with each code, with messages that are hard to carry, or before they began.

Beside each stands a failure that is nothing special, as the control. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Act, Ask, Read, Script, Session
from streamspec.harness.core.steps import Fail, Generate, Refuse, Step

_WHOLE: Final[tuple[Act, ...]] = (Ask(), Read(items=0, budget="look_ms"))
_BY_HAND: Final = (
    "run the commands of the replay one after another, and compare what each shows with what its script says"
)
_CODES: Final = (
    *("CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "TIMED_OUT", "NOT_FOUND", "ALREADY_EXISTS", "UNAUTHENTICATED"),
    *("UNAUTHORIZED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"),
)
_PLAIN: Final = "as the script says"
_MESSAGES: Final = {
    "plain": _PLAIN,
    "tab": "a\ttab",
    "line-feed": "one\ntwo",
    "carriage-return": "one\rtwo",
    "both": "one\r\ntwo",
    "basic-plane": "\u2116 \u2603 \u6f22\u5b57",
    "astral": "\U0001d11e and \U0001f30a",
}
# What a stream would read as its own, where a message is put into it as it stands: in each binding, as plain text and
# inside the quotes of a JSON string. The item is INJECTED of the rule.
_ITEM: Final = '{"injected":1}'
_INJECTIONS: Final = {
    "event": f"x\n\ndata: {_ITEM}\n\nevent: end\ndata: {{}}\n\n",
    "event-by-returns": f"x\r\rdata: {_ITEM}\r\r",
    "event-in-quotes": f'x"}}\n\ndata: {_ITEM}\n\nevent: end\ndata: {{"a":"',
    "line": f'x\n{_ITEM}\n{{"type":"end"}}\n',
    "line-in-quotes": f'x"}}\n{_ITEM}\n{{"type":"end","a":"',
    "element-in-quotes": f'x"}},{_ITEM},{{"a":"',
}


def _told(name: str, *steps: Step) -> Session:
    return Session(f"script-{name}", SCRIPT, _WHOLE, steps=steps)


CODES: Final = Scenario(
    id="conformance/script-codes",
    sentence="let a handler fail with each code",
    script=Script(tuple(_told(code.lower().replace("_", "-"), Generate(1), Fail(code, _PLAIN)) for code in _CODES)),
    promises=("CN-15", "ER-02"),
    by_hand=_BY_HAND,
    order=4,
)

MESSAGES: Final = Scenario(
    id="conformance/script-messages",
    sentence="let a handler fail with messages that have tabs, line ends, and letters of every plane",
    script=Script(
        tuple(_told(name, Generate(1), Fail("INTERNAL", message)) for name, message in _MESSAGES.items()),
    ),
    promises=("ER-05",),
    by_hand=_BY_HAND,
    order=4,
)

INJECTIONS: Final = Scenario(
    id="conformance/script-injections",
    sentence="let a handler fail with messages that look like items and ends of a stream",
    script=Script(
        (
            _told("plain", Generate(3), Fail("INTERNAL", _PLAIN)),
            *(_told(name, Generate(3), Fail("INTERNAL", message)) for name, message in _INJECTIONS.items()),
        )
    ),
    promises=("ER-06",),
    by_hand=_BY_HAND,
    order=4,
)

REFUSED: Final = Scenario(
    id="conformance/script-refused",
    sentence="let a handler refuse its stream before it begins, in three ways",
    script=Script(
        (
            _told("invalid-argument", Refuse("INVALID_ARGUMENT")),
            _told("not-found", Refuse("NOT_FOUND")),
            _told("unavailable", Refuse("UNAVAILABLE")),
        )
    ),
    promises=("ER-03",),
    by_hand="run the commands of the replay one after another: none is answered with a status below 400",
    order=4,
)
