"""gRPC: calls that end well, that fail, that are refused, and one whose message is too large.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, SCRIPT, Act, Ask, Finish, Read, Say, Script, Session, Write
from streamspec.harness.core.steps import Collect, Complete, Fail, Generate, Step

_TO_ITS_END: Final = Read(items=0, budget="item_ms")
_BY_HAND: Final = "run the replay: its messages, one by one, are what a client of your own would send"
_SMALL_BYTES: Final = 1_000
_LARGE_BYTES: Final = 4_300_000  # more than 4 MiB, the limit of most servers that were told no other

LOOK_ONCE: Final = Scenario(
    id="conformance/grpc-look",
    sentence="call the method, and read for at most 2 s or 100 messages",
    script=Script((Session("look-1", LOOK, (Ask(), Read(items=100, budget="look_ms"))),)),
    promises=("GR-01", "GR-02", "GR-12"),
    needs=("carrier:http2",),
)


def _played(name: str, *steps: Step) -> Session:
    return Session(f"script-{name}", SCRIPT, (Ask(), _TO_ITS_END), steps=steps)


# Words that must not stand as they are in a field of HTTP.
_WORDS: Final = 'half % of "it"\nis lost: \u2028 \u00e9 \U0001d11e'

ENDS: Final = Scenario(
    id="conformance/grpc-ends",
    sentence="let calls end with messages and without any, well and with a failure, and read each to its end",
    script=Script(
        (
            _played("ends", Generate(3), Complete()),
            _played("empty", Complete()),
            _played("fails", Generate(3), Fail("INTERNAL", _WORDS)),
            _played("refused", Fail("NOT_FOUND", _WORDS)),
        )
    ),
    promises=("GR-01", "GR-02", "GR-12"),
    needs=("carrier:http2",),
)


def _said(name: str, *acts: Act) -> Session:
    return Session(f"script-{name}", SCRIPT, (Ask(), *acts), steps=(Collect(),), direction="client")


TOO_LARGE: Final = Scenario(
    id="conformance/grpc-too-large",
    sentence="send a message of 1,000 octets, and then one of more than 4 MiB",
    script=Script(
        (
            _said("small", Say(1, _SMALL_BYTES), Finish(), _TO_ITS_END),
            # refused at its prefix, as often as not, and then nobody takes the rest
            _said("large", Say(1, _LARGE_BYTES, meanwhile=True), Read(items=0, budget="look_ms")),
        )
    ),
    promises=("GR-10",),
    needs=("carrier:http2",),
    by_hand=_BY_HAND,
    order=4,
)


# Those of the interop tests of gRPC (custom_metadata). Binary values are base64 there, and need no padding.
_METADATA: Final = (
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", "q6ur"),
    ("x-grpc-test-echo-trailing-bin", "AP8sDQo"),
)

FLAGGED: Final = Scenario(
    id="conformance/grpc-flagged",
    sentence="send a message as it is, and then one that is flagged as compressed, in calls that name no encoding",
    script=Script(
        (
            _said("small", Say(1, _SMALL_BYTES), Finish(), _TO_ITS_END),
            _said("flagged", Write("h2-flagged-message"), Finish(), _TO_ITS_END),
        )
    ),
    promises=("GR-13",),
    needs=("carrier:http2",),
    by_hand=_BY_HAND,
    order=4,
)

METADATA: Final = Scenario(
    id="conformance/grpc-metadata",
    sentence="send metadata with a call, one of them text, one binary that stands twice, and read what comes back",
    script=Script(
        (Session("script-echoes", SCRIPT, (Ask(metadata=_METADATA), _TO_ITS_END), steps=(Generate(1), Complete())),)
    ),
    promises=("GR-09",),
    needs=("carrier:http2",),
)
