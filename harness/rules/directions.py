"""DR: what goes in which direction; one request in and n items out is what HTTP carries.

Never here: which of several faults of items it is (OI says that first).
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.event import Completed, Failed, Item
from streamspec.harness.core.rule import Level, Rule
from streamspec.harness.core.steps import Complete, Generate, Send
from streamspec.harness.core.written import ASK, ENDED, EOF, RESET, chunked, item
from streamspec.harness.rules._scripted_ends import BADLY, FAIL, GENERATE, THREE, WELL, scripted
from streamspec.harness.rules._scripted_items import the_items_of_its_script
from streamspec.harness.rules._wire import ROOTS

_SCRIPT: Final = (GENERATE, Complete())
_END: Final = (Completed(), ENDED, EOF)
_HELLO: Final = Item(0, 15, "h", '{"hello":"you"}', 0)
_SENT: Final = Item(0, 13, "s", '{"a": [1.0] }', 0)
_MIXED: Final = (Send(('{"a":[1]}',)), Generate(1), Complete())

DR_01 = Rule(
    id="DR-01",
    level=Level.MUST,
    sentence="One request gets the items that were sent to it, n of them in their order, and no others.",
    source="seed 001 'Server streaming RPC'; docs/contract.md 'How it is shown'",
    why="An item that nobody sent, a greeting or a sum, is taken for data by whoever reads items.",
    needs=("script",),
    after=(*ROOTS, "OI-01", "OI-02", "OI-03", "OI-04", "LC-14"),
    check=the_items_of_its_script,
    good=(
        scripted((_SCRIPT, WELL)),
        scripted(((Complete(),), (ASK, chunked("sse"), *_END))),
        # counted over all items of the script; the same value in other words
        scripted((_MIXED, (ASK, chunked("sse"), _SENT, item(1, 2), *_END))),
        # it failed, as its script says or by itself
        scripted(((GENERATE, FAIL), BADLY), (_SCRIPT, (*THREE[:3], Failed("INTERNAL"), ENDED, EOF))),
        scripted((_SCRIPT, (*THREE[:3], RESET))),
        # it may leave items out, as it declares
        scripted((_SCRIPT, (*THREE[:3], *_END)), declared={"declares.lossy": "skipped"}),
    ),
    bad=(
        scripted((_SCRIPT, (ASK, chunked("sse"), _HELLO, item(1, 1), item(2, 2), item(3, 3), *_END))),
        scripted((_SCRIPT, (*THREE, _HELLO, *_END))),
        scripted(((Complete(),), (ASK, chunked("ndjson"), item(0), *_END)), binding="ndjson"),
        scripted((_MIXED, (ASK, chunked("sse"), item(0, 1), item(1, 2), *_END))),
    ),
)
