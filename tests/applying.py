"""Where a rule applies to a variant of the reference, and where its fault is: computed from what that variant declares
of itself, by the plan of a run, and from the seams that it replaces. Never here: a test, traffic, or a verdict."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from streamspec.harness import embedded_target, scripting, serving
from streamspec.harness.assembly import Settings, all_drivers, all_rules, all_scenarios
from streamspec.harness.core.contract import features_of
from streamspec.harness.core.plan import plan
from streamspec.harness.core.ports import Request
from streamspec.reference_impl import conformance
from streamspec.reference_impl.seams import Seams, asks_for_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.seams import Features
    from streamspec.reference_impl.variant import Variant

HTTP: Final = ("sse", "ndjson", "json_array")
IN_MESSAGES: Final = ("ws", "tcp", "grpc")  # a stream is asked for in a message, and both sides may speak
BINDINGS: Final = (*HTTP, *IN_MESSAGES)
# The seams that not every stream passes, whatever it is carried by; those of envelopes are of `ws` and `tcp`.
SEAMS: Final = {
    **dict.fromkeys(("around", "code", "codes", "is_over", "resume", "roles", "wire"), HTTP),
    **dict.fromkeys(("carry", "choose", "envelope", "most_streams", "survives", "takes_over", "wish"), ("ws", "tcp")),
    **dict.fromkeys(("around_sockets", "text", "written", "goodbye"), ("ws",)),
    **dict.fromkeys(("frame", "heard", "most_frame_bytes", "frame_s"), ("tcp",)),
    **dict.fromkeys(("half_close", "inlet", "input_over", "on_cancel_word"), IN_MESSAGES),
    "relay": ("grpc",),
}
# Of clients that a reference knows which asks who they are.
TOKENS: Final = ("the-token-of-a-matrix", "another-token-of-a-matrix")
CREDENTIALS, OTHERS = ((("Authorization", f"Bearer {token}"),) for token in TOKENS)
DECLARED: Final = ("features", "lossy")  # what it says of itself is no fault


@dataclass(frozen=True, slots=True)
class _Said:
    """What decides which rules apply to a variant: how it tells what it can do."""

    features: Callable[[Features], Features]
    lossy: str
    guarded: bool


def applies(variant: Variant, binding: str) -> bool:
    """Whether some case over this binding promises the rule that this variant breaks."""
    seams = variant.seams
    said = _Said(seams.features, seams.lossy, asks_for_credentials(seams))
    return variant.kills in _promised(binding, said)


def promised(binding: str) -> frozenset[str]:
    """The rules that apply to the good reference over this binding."""
    good = Seams()
    return _promised(binding, _Said(good.features, good.lossy, guarded=False))


def replaced(seams: Seams) -> tuple[str, ...]:
    """The seams that are not as they are in the good reference, and are no declaration."""
    good = Seams()
    names = (field.name for field in fields(Seams) if field.name not in DECLARED)
    return tuple(name for name in names if getattr(seams, name) != getattr(good, name))


def reached(seams: Seams) -> frozenset[str]:
    """The bindings over which a stream passes some of these seams."""
    found = (
        tuple(binding.name for binding in seams.bindings) if name == "bindings" else SEAMS.get(name, BINDINGS)
        for name in replaced(seams)
    )
    return frozenset(binding for bindings in found for binding in bindings)


@cache
def _promised(binding: str, said: _Said) -> frozenset[str]:
    """The rules that the plan promises of such a target, which we may start and ask to end."""
    there = {"tcp": ":1", "grpc": ":1/reference.Streams"}
    told = conformance.features(protected=said.guarded, isolated=said.guarded, lossy=said.lossy, elsewhere=there)
    features = features_of(said.features(told))
    if binding not in features.streams:
        return frozenset()
    drivers = all_drivers()
    base = "http://reference.invalid/script"
    look = Request(base, headers=CREDENTIALS if said.guarded else ())
    other = OTHERS if said.guarded else ()
    settings = Settings(look, script=base, binding=binding, profile="", spawn="serve", grace_ms=1, other=other)
    if binding in HTTP:  # where roles of its own say more
        settings = replace(
            settings,
            look=replace(look, url=f"http://reference.invalid/{embedded_target.path(binding)}"),
            roles=embedded_target.roles(binding),
            tells=embedded_target.TELLS,
            claims=embedded_target.CLAIMS,
            auth="bearer" if said.guarded else "",
        )
    target = scripting.before_the_probe(settings, serving.declared(settings, drivers), features, drivers)
    driver = next(driver for driver in drivers if driver.name == binding)
    target = replace(target, carrier=driver.carrier, closes=driver.closes)  # what a probe would find
    target = scripting.after_the_probe(settings, target, features, drivers)
    cases = plan(all_scenarios(), all_rules(), target, seed=0).cases
    return frozenset(rule for case in cases for rule in case.promises)
