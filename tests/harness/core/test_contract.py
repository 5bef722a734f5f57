"""What an adapter says that it can do: read strictly, each misfit with its place, and only what we know is a need."""

from __future__ import annotations

from typing import Any

import pytest

from streamspec.harness.core.case import TELLABLE
from streamspec.harness.core.contract import BINDINGS, FEATURES, WITNESS, Features, features_of

PAGE: dict[str, Any] = {
    "contract": 1,
    "streams": {"sse": "sse", "ndjson": "ndjson"},
    "profile": "plain",
    "steps": ["send", "generate", "wait", "gate", "fail", "complete"],
    "options": ["heartbeat_ms"],
    "witness": ["state", "sent", "sending", "cancel_seen", "cleanups"],
    "declares": {"limit_bytes": 1048576},
}  # as docs/contract.md has it


def with_(**changed: Any) -> dict[str, Any]:
    return {**PAGE, **changed}


def misfits(data: Any) -> str:
    with pytest.raises(ValueError, match=r"^features") as error:
        features_of(data)
    return str(error.value)


def test_the_page_s_own_example_is_read() -> None:
    found = features_of(PAGE)
    assert dict(found.streams) == {"sse": "sse", "ndjson": "ndjson"}
    assert found.steps == {"send", "generate", "wait", "gate", "fail", "complete"}
    assert found.witness == ("state", "sent", "sending", "cancel_seen", "cleanups")
    assert found.declares == {"limit_bytes": 1_048_576}


def test_what_is_declared_is_needs_and_facts() -> None:
    declares = {"resume": "at-least-once", "codes": True, "explicit_end": False, "auth": "bearer", "lossy": "missed"}
    found = features_of(with_(steps=["fail"], declares=declares))
    assert found.needs() == {
        *("script", "auth", "feature:fail", "feature:heartbeat_ms", "feature:codes", "feature:lossy"),
        *("feature:resume", "feature:resume=at-least-once", "feature:auth", "feature:auth=bearer"),
    }
    assert found.facts() == {
        "script.fail": True,
        "script.heartbeat_ms": True,
        "declares.resume": "at-least-once",
        "declares.codes": True,
        "declares.auth": "bearer",
        "declares.lossy": "missed",
    }


def test_every_need_that_an_adapter_can_meet_is_of_the_closed_list() -> None:
    everything = {"resume": "exactly-once", "explicit_end": True, "codes": True, "limit_bytes": 1, "numbers": "text"}
    more = {"lossy": "n", "auth": "bearer", "expiry": "end", "isolated": True, "signals_unknown": True}
    found = features_of(with_(declares=everything | more))
    assert found.needs() - {"script", "auth"} <= set(FEATURES)


def test_every_figure_of_a_witness_can_be_told() -> None:
    assert set(WITNESS) <= set(TELLABLE)


@pytest.mark.parametrize("key", ["steps", "options", "witness"])
def test_names_that_nobody_knows_are_left_out(key: str) -> None:
    found = features_of(with_(**{key: ["teleport", *PAGE[key], PAGE[key][0]]}))
    assert found == features_of(PAGE)


def test_streams_and_promises_that_nobody_knows_are_left_out() -> None:
    found = features_of(with_(streams={"smoke": "g", **PAGE["streams"]}, declares={"haste": 3, **PAGE["declares"]}))
    assert found == features_of(PAGE)


def test_the_first_binding_is_the_first_of_ours_that_is_offered() -> None:
    streams = {name: f":{9000 + place}" if name in {"tcp", "grpc"} else name for place, name in enumerate(BINDINGS)}
    streams = dict(reversed(streams.items()))
    assert tuple(features_of(with_(streams=streams)).streams) == BINDINGS


def test_an_adapter_may_say_no_more_than_its_streams() -> None:
    assert features_of({"contract": 1, "streams": {"ndjson": "a/b"}}) == Features({"ndjson": "a/b"})


def test_another_version_is_told_as_that_and_nothing_else() -> None:
    told = misfits({"contract": 2, "strömt": True})
    assert told == "features.contract: it speaks version 2 of the contract, and we speak 1"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([], "features: an object is needed"),
        (with_(contract="1"), "features.contract: 1 is needed"),
        (with_(contract=True), "features.contract: 1 is needed"),
        ({"streams": {"sse": "s"}}, "features.contract: 1 is needed"),
        (with_(profil="plain"), "features.profil: unknown"),
        (with_(profile=3), "features.profile: the name of a profile is needed"),
        (with_(streams=["sse"]), "features.streams: an object is needed"),
        (with_(streams={}), "features.streams: one of sse, ndjson, json_array, ws, tcp, grpc is needed"),
        (with_(streams={"smoke": "s"}), "features.streams: one of sse"),
        (with_(streams={"grpc": "g"}), "features.streams.grpc: a port of the same host is needed, like :9000"),
        (with_(streams={"tcp": "example.test:9000"}), "features.streams.tcp: a port of the same host"),
        (with_(streams={"tcp": ":0"}), "features.streams.tcp: a port of the same host"),
        (with_(streams={"tcp": ":9000/../admin"}), "features.streams.tcp: a port of the same host"),
        (with_(streams={"ws": "/ws"}), "features.streams.ws: a path below the base URL is needed"),
        (with_(directions="bidi"), "features.directions: a list of names is needed"),
        (with_(streams={"sse": ""}), "features.streams.sse: a path below the base URL is needed"),
        (with_(streams={"sse": "/sse"}), "features.streams.sse: a path"),
        (with_(streams={"sse": "../admin"}), "features.streams.sse: a path"),
        (with_(streams={"sse": "a?b=c"}), "features.streams.sse: a path"),
        (with_(streams={"sse": "http://elsewhere/"}), "features.streams.sse: a path"),
        (with_(streams={"sse": 1}), "features.streams.sse: a path"),
        (with_(steps="send"), "features.steps: a list of names is needed"),
        (with_(steps=["send", "wait", 3]), "features.steps[2]: a name is needed"),
        (with_(options={"idle_ms": True}), "features.options: a list of names is needed"),
        (with_(witness=[None]), "features.witness[0]: a name is needed"),
        (with_(declares=[]), "features.declares: an object is needed"),
        (with_(declares={"resume": True}), "features.declares.resume: exactly-once or at-least-once is needed"),
        (with_(declares={"codes": "yes"}), "features.declares.codes: true or false is needed"),
        (with_(declares={"limit_bytes": 0}), "features.declares.limit_bytes: a whole number from 1 is needed"),
        (with_(declares={"limit_bytes": True}), "features.declares.limit_bytes: a whole number from 1"),
        (with_(declares={"lossy": ""}), "features.declares.lossy: the name of a field is needed"),
        (with_(declares={"auth": "basic"}), "features.declares.auth: bearer is needed"),
        (with_(declares={"expiry": ["end"]}), "features.declares.expiry: continue or end is needed"),
    ],
)
def test_what_misfits_is_named_with_its_place(data: Any, told: str) -> None:
    assert told in misfits(data)


def test_everything_that_misfits_is_named_at_once() -> None:
    told = misfits(with_(steps=[1], witness=3, profile=""))
    assert told.count("; ") == 2


def test_the_target_s_words_are_shown_inert() -> None:
    assert "\x1b" not in misfits(with_(**{"\x1b[31m" * 50: 1}))
