"""Streams of a process: one producer sends, one consumer receives, side by side. Never here: servers."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.load import Load
from streamspec.harness.core.script import OBJECT, Call

ITEMS: Final = 50

WHOLE = Load(
    name="object",
    sentence=f"send {ITEMS} items through a stream and complete it, and receive to its end, many a second",
    role=OBJECT,
    acts=(Call("send", "producer", n=ITEMS), Call("complete", "producer"), Call("receive", "consumer", n=0)),
    promises=("OI-01", "OI-02", "OI-03"),
    needs=("object", "feature:complete"),
)

# What cannot be completed is received from as often as was sent to it.
ENDLESS = Load(
    name="object-endless",
    sentence=f"send {ITEMS} items through a stream, and receive as many, many a second",
    role=OBJECT,
    acts=(Call("send", "producer", n=ITEMS), Call("receive", "consumer", n=ITEMS)),
    promises=("OI-01", "OI-03"),
    needs=("object",),
)
