"""Scripted servers: items in their thousands, of every size, with every digit, of several streams at once.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Act, Ask, Await, Open, Read, Script, Session
from streamspec.harness.core.steps import Complete, Gate, Generate, Send, Step, Wait

_TO_ITS_END: Final[tuple[Act, ...]] = (Ask(), Read(items=0, budget="finite_ms"))
_ONE: Final = Read(items=1, budget="item_ms")
_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three


def _played(name: str, *steps: Step) -> Session:
    return Session(f"script-{name}", SCRIPT, _TO_ITS_END, steps=steps)


COUNTED: Final = Scenario(
    id="conformance/script-counted",
    sentence="read a thousand counted items to their end, and as many thousands as the effort says",
    script=Script(
        (
            _played("thousand", Generate(1_000), Complete()),
            _played("thousands", Generate(100, per_cycle=True), Complete()),
        )
    ),
    promises=("OI-01", "OI-02", "OI-03"),
    by_hand="run the command above through `| grep -c n`, and count",
    order=4,
)

DIRECTIONS: Final = Scenario(
    id="conformance/script-one-in",
    sentence="ask once for no item, for one, and for several of two kinds",
    script=Script(
        (
            _played("none", Complete()),
            _played("one", Generate(1), Complete()),
            _played("several", Send(('{"a":[1,true]}', '"text"')), Generate(3), Send(("null",)), Complete()),
        )
    ),
    promises=("DR-01",),
    by_hand="run the commands of the replay: the items of the script come, in its order, and no others",
    order=4,
)

_SMALL: Final = _played("size-small", Send(('""', "0", "{}")), Generate(1, 1), Complete())

SIZES: Final = Scenario(
    id="conformance/script-sizes",
    sentence="read items of about no, one, 16 Ki and 64 Ki octets",
    script=Script(
        (
            _SMALL,
            _played("size-16k", Generate(1, 16_383), Generate(1, 16_384), Generate(1, 16_385), Complete()),
            _played("size-64k", Generate(1, 65_535), Generate(1, 65_536), Complete()),
            _played("size-64k-more", Generate(1, 65_537), Complete()),
        )
    ),
    promises=("OI-07",),
    by_hand="run the commands of the replay through `| wc -c`",
    order=4,
)

SIZES_TO_THE_LIMIT: Final = Scenario(
    id="conformance/script-sizes-to-the-limit",
    sentence="read items of nearly as many octets as are declared to be the most",
    script=Script(
        (
            _SMALL,
            _played("size-below", Generate(1, -64, from_limit=True), Complete()),
            _played("size-most", Generate(1, -1, from_limit=True), Generate(1, 0, from_limit=True), Complete()),
        )
    ),
    promises=("OI-07",),
    needs=("feature:limit_bytes",),
    by_hand="run the commands of the replay through `| wc -c`",
    order=5,
)


def _too_large(n: int, by_bytes: int) -> Session:
    steps = (Generate(1), Gate("large"), Generate(1, by_bytes, from_limit=True), Complete())
    acts = (Ask(), Read(1, "item_ms", needed=True), Open("large"), Read(0, "failing_ms", quiet=True))
    return Session(f"script-over-{n}", SCRIPT, acts, beside="script-neighbour", steps=steps)


_NEIGHBOUR: Final = Session(
    "script-neighbour",
    SCRIPT,
    (Ask(), _ONE, *(Await(f"script-over-{n}", 4) for n in _ROUNDS), Read(5, "item_ms")),
    steps=(Generate(every_ms=20),),
)

TOO_LARGE: Final = Scenario(
    id="conformance/script-too-large",
    sentence="let three handlers send an item above the declared limit, beside a stream of small ones",
    script=Script((_NEIGHBOUR, _too_large(1, 1), _too_large(2, 65_536), _too_large(3, 1))),
    promises=("OI-08",),
    needs=("concurrent", "feature:limit_bytes"),
    by_hand="run the commands of the replay, and open the gate: an error comes, and nothing of the large item",
    order=7,
    exclusive=True,
)

_DIGITS: Final = (
    *("9007199254740993", "-9007199254740993", "123456789012345678901234567890", "1e400", "-1E-400", "-0", "1.10"),
    "0.1000000000000000055511151231257827021181583404541015625",
)

NUMBERS: Final = Scenario(
    id="conformance/script-numbers",
    sentence="read numbers that no double holds",
    script=Script((_played("numbers", Send(tuple(f'{{"number":{digits}}}' for digits in _DIGITS)), Complete()),)),
    promises=("OI-12",),
    needs=("feature:numbers=text",),
    by_hand="run the command above: each number comes as it stands in the script",
    order=4,
)


def _tagged(tag: str, beside: str) -> Session:
    """Items that name their stream, with pauses, so that those of others come between them."""
    steps = [step for k in range(6) for step in (Send((f'{{"of":"{tag}","k":{k}}}',)), Wait(20))]
    return Session(f"script-of-{tag}", SCRIPT, _TO_ITS_END, beside=beside, steps=(*steps, Complete()))


AT_ONCE: Final = Scenario(
    id="conformance/script-at-once",
    sentence="read five streams at once whose items name their stream",
    script=Script(tuple(_tagged(tag, "script-of-a" if tag != "a" else "") for tag in "abcde")),
    promises=("OI-14",),
    needs=("concurrent",),
    by_hand="run the commands of the replay all at once: no stream shows an item of another",
    order=4,
)


def _gated(n: int) -> Session:
    acts = (Ask(), _ONE, Open("next"), Read(items=0, budget="item_ms"))
    steps = (Generate(1), Gate("next"), Generate(1), Complete())
    return Session(f"script-gated-{n}", SCRIPT, acts, beside="script-gated-1" if n > 1 else "", steps=steps)


GATED: Final = Scenario(
    id="conformance/script-gated",
    sentence="let a handler send its second item only when the first has been seen, three times",
    script=Script(tuple(_gated(n) for n in _ROUNDS)),
    promises=("CJ-05", "ND-10", "SSE-08"),
    needs=("concurrent",),
    by_hand="run the command above: an item comes, and the next one when its gate is opened",
    order=4,
)


def _headed(name: str, *steps: Step, beside: str = "") -> Session:
    acts = (Ask(budget="look_ms"), Open("first"), Read(items=0, budget="item_ms"))
    return Session(f"script-headed-{name}", SCRIPT, acts, beside=beside, steps=steps)


HEADED: Final = Scenario(
    id="conformance/script-headed",
    sentence="open a stream whose handler has nothing to send yet, three times, and one that has",
    script=Script(
        (
            _headed("control", Generate(1), Complete()),
            *(_headed(f"{n}", Gate("first"), Generate(1), Complete(), beside="script-headed-control") for n in _ROUNDS),
        )
    ),
    promises=("SSE-07",),
    needs=("concurrent",),
    by_hand="run the command above with `curl -i`: the head comes before the gate is opened",
    order=4,
)
