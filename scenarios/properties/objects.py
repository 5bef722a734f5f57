"""What is drawn for stream objects: who calls what in which order, with which options.

Lists of acts, so that whatever fails gets smaller by leaving acts out. Never here: a run, or an expectation. Whatever
is drawn is legal to do to a stream; the rules say what must come of it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.property import Property
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.objects import ObjectTarget

SENDERS: Final = ("ann", "ben", "cat")
RECEIVERS: Final = ("rex", "sue")
DRAINER: Final = "zoe"  # receives what is left, at the end
ACTS_MAX: Final = 20
WAITS_MAX: Final[Mapping[str, int]] = MappingProxyType({"asyncio": ACTS_MAX, "threads": 4})  # real time with threads
JITTER: Final = (0, 1, 3, 8)
CAPACITIES: Final = (1, 2, 3, 5, 16)
PASSES_MS: Final = (1, 60, 200)
LIMITS_MS: Final = (5, 150, 1_000)
# How often an act is drawn, and the feature that it needs. Sends and receives most, endings least: after an end little
# is left to go wrong.
WEIGHTS: Final = (
    ("send", 9, ""),
    ("receive", 9, ""),
    ("pass", 1, ""),
    ("observe", 1, ""),
    ("drop", 4, "abandon"),
    ("pause", 2, "pause"),
    ("resume", 2, "pause"),
    ("iterate", 1, "iterate"),
    ("complete", 1, "complete"),
    ("error", 1, "error"),
    ("cancel", 1, "cancel"),
    ("produce", 1, "produce"),
    ("feed", 1, "feed"),
)
QUEUE_WEIGHTS: Final = (
    ("receive", 6, ""),
    ("drop", 5, "abandon"),
    ("send", 1, ""),
    ("pause", 1, "pause"),
    ("resume", 1, "pause"),
    ("complete", 1, "complete"),
)
QUEUE_ACTS_MAX: Final = 8
_LIMITS: Final = (("send_timeout_ms", "send-timeout"), ("deadline_ms", "deadline"), ("idle_ms", "idle"))


def _drawn(target: ObjectTarget) -> Any:
    """Whatever callers can do, in any order."""
    from hypothesis import strategies as st

    features = target.features
    senders = SENDERS if "concurrent-senders" in features else SENDERS[:1]
    jitter = st.sampled_from(JITTER)
    few = st.integers(1, 5)
    more = st.sampled_from((False, False, False, True))

    def call(op: str, by: Sequence[str], **said: Any) -> Any:
        return st.builds(Call, st.just(op), st.sampled_from(by), jitter=jitter, **said)

    known = {
        "send": call("send", senders, n=few, on=more),
        "receive": call("receive", RECEIVERS, n=few, on=more),
        "pass": st.builds(Pass, st.sampled_from(PASSES_MS)),
        "observe": call("observe", ("end",)),
        "drop": call("drop", ("script",), arg=st.sampled_from((*senders, *RECEIVERS))),
        "pause": call("pause", ("end",)),
        "resume": call("resume", ("end",)),
        "iterate": call("iterate", RECEIVERS, n=few),
        "complete": call("complete", ("end", senders[0])),
        "error": call("error", ("end", senders[0]), arg=st.just("NOT_FOUND")),
        "cancel": call("cancel", ("end", RECEIVERS[0])),
        "produce": call("produce", ("maker",), arg=st.sampled_from(("completes", "returns", "raises")), n=st.just(2)),
        "feed": call("feed", ("feeder",), arg=st.sampled_from(("ends", "raises")), n=st.just(2)),
    }
    words = [word for word, weight, feature in WEIGHTS if not feature or feature in features for _ in range(weight)]
    act = st.tuples(st.sampled_from(words).flatmap(known.__getitem__), st.booleans())
    first = st.builds(Call, st.just("send"), st.sampled_from(senders), n=st.integers(1, 8))
    waiting = st.lists(first, max_size=len(senders), unique_by=lambda call: call.by)
    return st.builds(
        _scenario,
        _options(target.features),
        st.booleans() if "listeners" in features else st.just(value=False),
        waiting,  # into a full stream: what waits there is what most goes wrong
        st.lists(act, min_size=1, max_size=ACTS_MAX),
        st.booleans(),
        st.just(target),
    )


def _options(features: frozenset[str]) -> Any:
    from hypothesis import strategies as st

    found: dict[str, Any] = {}
    if "capacity" in features:
        found["capacity"] = st.sampled_from((*CAPACITIES, 0) if "rendezvous" in features else CAPACITIES)
    limits = {option: st.sampled_from((*(None,) * 9, *LIMITS_MS)) for option, feature in _LIMITS if feature in features}
    return st.fixed_dictionaries({**found, **limits}).map(_said)


def _said(options: Mapping[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in options.items() if value is not None}


def _scenario(
    options: Mapping[str, int],
    listens: bool,  # noqa: FBT001 -- drawn
    waiting: Sequence[Act],
    acts: Sequence[tuple[Act, bool]],
    drains: bool,  # noqa: FBT001 -- drawn
    target: ObjectTarget,
) -> Scenario:
    heard = (Call("listen", SENDERS[0], arg="a"),) if listens else ()
    # One after another and surely so, or nobody could say who has waited longest.
    full = tuple(act for send in waiting for act in (send, Settle()))
    drawn = _bounded(acts, WAITS_MAX[target.kind])
    session = Session(
        "object", OBJECT, (*heard, *full, *drawn, *_finale(target.features, drains=drains)), options=options
    )
    return Scenario(CALLS.id, CALLS.sentence, Script((session,)), promises=())


def _bounded(acts: Sequence[tuple[Act, bool]], waits_max: int) -> tuple[Act, ...]:
    """Each act, with quiet behind it where that was drawn; no more waits than a script may have."""
    found: list[Act] = []
    waits = 0
    for act, settles in acts:
        for one in (act, *([Settle()] if settles else [])):
            waits += isinstance(one, Settle | Pass)
            if waits <= waits_max or not isinstance(one, Settle | Pass):
                found.append(one)
    return tuple(found)


def _finale(features: frozenset[str], *, drains: bool) -> tuple[Act, ...]:
    """Quiet, so that who still waits is seen to wait; or first the end, and all that is left is received."""
    resume = (Call("resume", "end"),) if "pause" in features else ()
    if not drains or "complete" not in features:
        return (Settle(), *resume, Settle()) if resume else (Settle(),)
    asked_again = (Call("receive", DRAINER, n=0), Call("receive", DRAINER, n=2, on=True))
    return (Settle(), *resume, Call("complete", "end"), *asked_again, Settle())


def _in_a_queue(target: ObjectTarget) -> Any:
    """A full stream before which sends wait, one behind the other; then who leaves, and who is let go."""
    from hypothesis import strategies as st

    features = target.features
    senders = SENDERS if "concurrent-senders" in features else SENDERS[:1]
    jitter = st.sampled_from(JITTER)
    known = {
        "receive": st.builds(Call, st.just("receive"), st.sampled_from(RECEIVERS), n=st.integers(1, 2), jitter=jitter),
        "drop": st.builds(Call, st.just("drop"), st.just("script"), arg=st.sampled_from(senders), jitter=jitter),
        "pause": st.just(Call("pause", "end")),
        "resume": st.just(Call("resume", "end")),
        "send": st.builds(Call, st.just("send"), st.sampled_from(senders), jitter=jitter),
        "complete": st.just(Call("complete", "end")),
    }
    words = [word for word, weight, need in QUEUE_WEIGHTS if not need or need in features for _ in range(weight)]
    act = st.tuples(st.sampled_from(words).flatmap(known.__getitem__), st.sampled_from((True, True, False)))
    return st.builds(
        _queued,
        st.integers(1, 3),
        st.permutations(senders),
        st.lists(act, min_size=1, max_size=QUEUE_ACTS_MAX),
        st.just(target),
    )


def _queued(capacity: int, senders: Sequence[str], acts: Sequence[tuple[Act, bool]], target: ObjectTarget) -> Scenario:
    first, *others = senders
    full = (Call("send", first, n=capacity + 1), Settle())
    # One after another and surely so, or nobody could say who has waited longest.
    behind = tuple(act for sender in others for act in (Call("send", sender), Settle()))
    drawn = (*full, *behind, *_bounded(acts, WAITS_MAX[target.kind]), Settle())
    session = Session("object", OBJECT, drawn, options={"capacity": capacity})
    return Scenario(QUEUES.id, QUEUES.sentence, Script((session,)), promises=())


CALLS: Final = Property(
    "properties/object-calls", "whatever several callers do to a stream object, in whatever order", ("object",), _drawn
)
QUEUES: Final = Property(
    "properties/object-queues",
    "whoever waits before a full stream object, and leaves or is let go",
    ("object", "feature:capacity"),
    _in_a_queue,
)
