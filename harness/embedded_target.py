"""What the embedded reference declares of itself: the words with which a run without a target judges it.

Written down a second time on purpose: judge and judged share no code, and a wrong list must not agree with itself.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

# Over these it plays scripts, and its features say where; gRPC is an extra (`available`).
SCRIPTED: Final = ("ws", "tcp", "grpc")
BINDINGS: Final = ("sse", "ndjson", "json_array", *SCRIPTED)
PROFILE: Final = "streamspec"
SERVER: Final = f"{shlex.quote(sys.executable)} -m streamspec.reference_impl --port {{port}}"  # with its variants
COMMAND: Final = f"{SERVER} --good-alone"
TELLS: Final = tuple(
    f"{name}=told#$.{name}" for name in ("offered", "produced", "sending", "open", "ended", "cancelled", "cleanups")
)
GRACE_MS: Final = 2_000  # within which it ends its open streams when it is asked to end
CLAIMS: Final = ("http10",)
SCRIPT: Final = "script"  # where it plays scripts, below its root or a variant's
TOGETHER: Final = 6  # cases at once on one server: it bears more, and two processors do not
INSTANCES: Final = 3  # for each binding: one alone would have to wait out every case that has to be alone
# The texts of its text role, whose payload over SSE is the text as it stands, else a field of a JSON object.
TEXTS: Final = (
    "plain",
    "a carriage return:\rhere",
    "a line feed:\nhere",
    "both:\r\nhere",
    "a line end at the end\n",
    "an empty line:\n\nhere",
    " a blank ahead",
    "separators of lines and paragraphs:\u2028\u2029\u0085here",
    "a null:\0here",
    "beyond the basic plane: \U0001d11e \U0001f30a",
    "no byte order mark:\ufeffhere",
)
_ROLES: Final = (
    *("finite=finite?n=25", "finite.items=25", "finite.seq=$.n"),
    *("endless=endless?period_ms=5&first_item_ms=60", "endless.first_item_ms=60", "endless.seq=$.n"),
    *("failing=failing?after=3", "failing.items_before=3", "failing.seq=$.n"),
    *("prompt=prompt?gap_ms=150", "prompt.gap_ms=150", "prompt.seq=$.n"),
    *("large=large?n={n}&item_bytes=16000", "large.item_bytes=16000", "large.seq=$.n"),
    *("empty=empty", "text=text", f"text.items={json.dumps(TEXTS)}"),
    *("unknown=no-such-stream", "invalid=finite?n=many", "unsupported=upload"),
)
_BEATS: Final = ("idle=idle?heartbeat_ms=200", "idle.heartbeat_ms=200")
_RESUMES: Final = (
    *("resumable=resumable?n=20&period_ms=5", "resumable.seq=$.n"),
    *("resumable.guarantee=exactly-once", "resumable.signals_unknown=yes", "resumable.final=204"),
)


def available() -> tuple[str, ...]:
    """The bindings that can be judged with what is installed here."""
    extra = all(find_spec(name) is not None for name in ("grpc", "grpc_reflection", "grpc_health", "hpack"))
    return tuple(binding for binding in BINDINGS if extra or binding != "grpc")


def path(binding: str) -> str:
    """Where the reference speaks this binding, below its root or a variant's."""
    return "" if binding == "sse" else f"{binding}/"


def roles(binding: str) -> tuple[str, ...]:
    """The words of its roles, relative to the look of this binding. An array has no word for a heartbeat, and only
    events of SSE carry ids."""
    match binding:
        case "sse":
            return (*_ROLES, *_BEATS, *_RESUMES)
        case "ndjson":
            return (*_ROLES, "text.field=$.text", *_BEATS)
        case _:
            return (*_ROLES, "text.field=$.text", "idle=idle")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the reference that alone can show certain rules: below which path, in which dialect, with which roles,
    or as an adapter (`plays`); and whether it wants credentials."""

    name: str
    path: str
    rules: frozenset[str]
    binding: str = "ndjson"
    profile: str = PROFILE
    roles: tuple[str, ...] = ()
    plays: bool = False
    guarded: bool = False


PARTS: Final = (
    Part(
        "guarded",
        "protected/script",
        frozenset({"AU-01", "AU-03", "AU-05", "RC-04"}),
        binding="sse",
        plays=True,
        guarded=True,
    ),
    Part(
        "guarded",
        "protected/script",
        frozenset({"AU-04"}),
        binding="ws",
        plays=True,
        guarded=True,
    ),
    Part("lossy", "lossy/script", frozenset({"BP-17"}), plays=True),
    Part("fin", "fin-half-closes/script", frozenset({"TC-08"}), binding="tcp", plays=True),
    Part("raffel", "raffel-envelopes/script", frozenset({"MX-01"}), binding="ws", profile="raffel", plays=True),
    Part(
        "guide",
        "guide/",
        frozenset({"ND-09", "OI-09", "OI-10", "OI-11"}),
        profile="guide",
        roles=("finite=finite?n=25&errors=10", "finite.items=25", "finite.seq=$.n"),
    ),
)
