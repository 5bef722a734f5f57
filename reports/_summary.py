"""A run in one line, and what to add to see more of it: what stands around the rules in every report for people.

`hint` is the one place where a need becomes words of the command line. Inert text: colour and markup are each
report's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import contract, profile
from streamspec.harness.core.case import CLAIMS, TELLABLE
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.objects import BINDING, FEATURES
from streamspec.harness.core.run import counts, known_count
from streamspec.harness.core.script import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.run import Run, Section

# What a person can add so that a need is met.
HINTS: Final = {
    "seq": "--role finite.seq='$.FIELD' (the field of an item that counts)",
    "error-channel": "--profile NAME (a dialect whose stream has a word for failure)",
    "terminal": "--profile NAME (a dialect whose stream says inside how it ended)",
    "feature:json-items": "--profile NAME (a dialect whose items are JSON)",
    "concurrent": "a server that serves two streams at once",
    "get": "a look by GET, without Authorization",
    "proxy:cut_at": "our own proxy, which cuts where it is told (no --toxiproxy)",
    "wire": "a URL (these rules read the octets of a server)",
    "object": "--object MODULE:FACTORY (a stream object of this process)",
    "object:asyncio": "an object whose operations are awaited",
    "object:threads": "an object whose operations block their thread",
    "process": "--spawn COMMAND or --pid N (the target's process)",
    "process:spawn": "--spawn COMMAND (the target, started anew)",
    "process:grace": "--grace-ms N (how long its open streams may take when it is asked to end)",
    "http": "a target over HTTP",
    "http1": "a target over HTTP/1.1",
    "carrier:websocket": "a target over WebSocket (ws://…, or --binding ws with --script)",
    "carrier:framed": "a target over length-framed TCP (tcp://…, or --binding tcp with --script)",
    "carrier:http2": "a target over HTTP/2 (grpc://…, --binding grpc with --script)",
    "mux": "a binding whose connections carry several streams (grpc; ws and tcp with a profile that has an [envelope])",
    "window": "a binding whose streams have a window each (grpc)",
    "cancel-word": "a binding with a word for a client's cancel (grpc; an [envelope] with cancel)",
    "half-close": "a binding in which a client can half-close (grpc; an [envelope] with end)",
    "script": "--script URL (an adapter that plays scripts: docs/contract.md)",
    **dict.fromkeys(("auth", "auth:look"), "--auth bearer and -H 'Authorization: …'"),
    "auth:other": "--other-credentials 'Authorization: …' (those of another client)",
    **{f"feature:{name}": f"--claim {name} (a server that also serves {means})" for name, means in CLAIMS.items()},
    **{f"feature:{name}": f"an object with {offered}" for name, offered in FEATURES.items()},
    **{f"feature:{name}": f"--profile NAME (a dialect in which {says})" for name, says in profile.FEATURES.items()},
    **{f"told:{name}": f"--tell {name}=URL#FIELD ({means})" for name, means in TELLABLE.items()},
    **{
        f"told:{name}": f"an adapter whose witness tells {name}: {TELLABLE[name]} (docs/contract.md)"
        for name in contract.WITNESS_ONLY
    },
}


def hint(need: str, *, in_process: bool = False) -> str:
    """How to meet a need, in the words of the command line; some words an object and an adapter have in common."""
    if "|" in need:
        return " or ".join(hint(either, in_process=in_process) for either in need.split("|"))
    if need.startswith("direction:"):
        return f"an adapter that offers the direction {need.partition(':')[2]} (docs/contract.md)"
    if need in contract.FEATURES and not in_process:
        return f"an adapter that offers {need.partition(':')[2]} (docs/contract.md)"
    if need in HINTS:
        return HINTS[need]
    name, _, rest = need.partition(":")
    if name == "role":
        said = "" if "=" in rest else "=VALUE" if "." in rest else "=/path"
        return f"--role {rest}{said}"
    return need


def _of_this_kind(need: str, *, in_process: bool) -> str:
    """The alternatives of a need that this kind of target could meet; all of them where it could meet none."""
    fitting = [either for either in need.split("|") if _fits(either, in_process=in_process)]
    return "|".join(fitting) or need


def _fits(need: str, *, in_process: bool) -> bool:
    kind, _, name = need.partition(":")
    of_objects = kind == "object" or (kind == "feature" and name in FEATURES)
    return of_objects is in_process or (of_objects and need in contract.FEATURES)


def tally(run: Run) -> str:
    """How many rules have each outcome, worst first; broken ones whose failures are all known stand apart."""
    found = counts(run)
    parts = [f"{found[outcome]} {outcome.value.lower()}" for outcome in Outcome if found[outcome]]
    parts += [f"{known} known"] if (known := known_count(run)) else []
    return ", ".join(parts) or "no rule was judged"


def rows(section: Section) -> list[tuple[str, str]]:
    """What was counted or measured, and how much it was."""
    return [(printable(f.what), printable(f"{_number(f.value)} {f.unit}".rstrip())) for f in section.figures]


def _number(value: float | str) -> str:
    """With three decimals, which of a millisecond are as much as anybody can measure."""
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def missing_of(run: Run, needs: tuple[str, ...]) -> str:
    """What to add so that these needs are met, in one line."""
    return hints(needs, in_process=run.about.binding == BINDING)


def hints(needs: Sequence[str], *, in_process: bool) -> str:
    """The same, of a target in this process or of a server."""
    return "; ".join(hint(_of_this_kind(need, in_process=in_process), in_process=in_process) for need in needs)


def to_add(run: Run) -> list[tuple[str, str]]:
    """What to add, and the rules that wait for it; what is said of one role stands together. A rule that waits for an
    adapter waits for no more: what the adapter must offer is told when there is one."""
    in_process = run.about.binding == BINDING
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for skip in run.skips:
        missing = (SCRIPT,) if SCRIPT in skip.missing and not in_process else skip.missing
        for need in (_of_this_kind(need, in_process=in_process) for need in missing):
            needs, rules = found.setdefault(need.partition(".")[0], ({}, {}))
            needs[need] = None
            rules[skip.rule] = None
    return [
        (printable(" ".join(hint(need, in_process=in_process) for need in sorted(needs))), printable(", ".join(rules)))
        for needs, rules in found.values()
    ]
