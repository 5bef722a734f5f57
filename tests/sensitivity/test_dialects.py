"""Dialects beside our own: the reference speaks them and is green under their profiles, and what breaks an ending there
is killed by the rules about endings (decision 13)."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, lines
from streamspec.reference_impl import raffel_docs_envelopes, raffel_envelopes
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES: Final = ("LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "ER-04", "ER-07", "ER-08", "DR-09", "OI", "SSE", "ND")
SLOW: Final = ("endless", "prompt", "large", "idle", "resumable", "text")  # what a dialect changes nothing of
DIALECTS: Final = {  # profile: path, binding
    "raffel": ("raffel", "sse"),
    "raffel-docs": ("raffel-docs", "sse"),
    "ndjson-bulk": ("guide-bulk", "ndjson"),
}
ENVELOPES: Final = {"raffel": raffel_envelopes.SEAMS, "raffel-docs": raffel_docs_envelopes.SEAMS}
# In envelopes: of all that follows the endings, ids, what both sides say, and what is asked for that is not there.
SHARED: Final = ("LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "OI-01", "OI-02", "OI-03", "WS-01", "WS-02")
# What only one of the two can say: ids of its own messages and a word for a cancel, or what a client says.
SAID: Final = {"raffel": ("MX-01", "MX-03", "MX-04", "CN-03"), "raffel-docs": ("DR-02", "DR-03", "DR-12")}
# Where a connection goes on, an end that is missing is silence, of which nobody can tell what it is.
SEEN: Final = (("ends-twice", "LC-01"), ("talks-after-end", "LC-02"), ("hides-failure", "LC-07"))
ENDINGS: Final = (*SEEN, ("forgets-terminal", "LC-14"))


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


def judged(base: str, profile: str, *rules: str) -> Run:
    path, binding = DIALECTS[profile]
    said = tuple(word for word in embedded_target.roles(binding) if not word.startswith(SLOW))
    if profile == "ndjson-bulk":
        said = tuple(word.replace("finite?n=25", "finite?n=25&errors=10") for word in said)
    look = Request(f"{base}/{path}/")
    settings = Settings(look=look, roles=said, binding=binding, profile=profile, rules=rules)
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize(
    ("profile", "green"),
    [
        ("raffel", {"LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "ER-04", "OI-01", "OI-02", "OI-03", "SSE-24"}),
        ("raffel-docs", {"LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "ER-04", "OI-01", "OI-02", "OI-03", "SSE-24"}),
        ("ndjson-bulk", {"LC-01", "LC-02", "LC-07", "LC-14", "OI-01", "OI-02", "OI-09", "OI-10", "OI-11", "ND-09"}),
    ],
)
def test_the_reference_is_green_in_this_dialect(reference: str, profile: str, green: set[str]) -> None:
    run = judged(reference, profile, *RULES)
    assert run.problem == ""
    seen = {line.rule.id: line.outcome for line in lines(run)}
    assert {rule for rule, outcome in seen.items() if outcome not in {Outcome.PASS, Outcome.SKIP}} == set()
    assert green | {"ER-07", "ER-08", "DR-09"} <= {rule for rule, outcome in seen.items() if outcome is Outcome.PASS}


def scripted(base: str, on: str, *rules: str) -> Settings:
    return Settings(look=Request(base), script=base, binding=on, profile="", rules=rules)


@pytest.mark.parametrize("profile", list(ENVELOPES))
@pytest.mark.parametrize("on", ["ws", "tcp"])
def test_the_reference_is_green_in_raffels_envelopes(reference: str, profile: str, on: str) -> None:
    rules = (*SHARED, *SAID[profile])
    settings = scripted(f"{reference}/{profile}-envelopes/script", on, *rules)
    run = asyncio.run(run_target(settings, lambda *_: None))
    assert (run.problem, run.about.profile) == ("", profile)
    assert {line.rule.id: line.outcome for line in lines(run)} == dict.fromkeys(rules, Outcome.PASS)


@pytest.mark.parametrize("profile", list(ENVELOPES))
@pytest.mark.parametrize("on", ["ws", "tcp"])
def test_it_is_green_by_its_words_alone(reference: str, profile: str, on: str) -> None:
    """As a user would say it who knows no adapter: a URL, a dialect, and what opens each stream."""
    name = f"{profile}-envelopes"
    url = f"{reference.replace('http', 'ws')}/{name}/script/ws" if on == "ws" else reference.replace("http", "tcp")
    procedure = f"{name}/server" if on == "tcp" else "server"

    def opening(*steps: str) -> str:
        wish = f'{{"run":"alone","script":{{"steps":[{",".join(steps)}]}}}}'
        return f'{{"type":"stream:start","id":{{id}},"procedure":"{procedure}","payload":{wish}}}'

    three, fails = '{"do":"generate","n":3}', '{"do":"fail","code":"INTERNAL"}'
    unknown = opening(three).replace("server", "no")
    roles = (
        *(f"finite={url}", f"finite.data={opening(three)}", "finite.items=3", "finite.seq=$.n"),
        *(f"failing={url}", f"failing.data={opening(three, fails)}", "failing.items_before=3"),
        *(f"unknown={url}", f"unknown.data={unknown}"),
    )
    rules = ("LC-01", "LC-02", "LC-07", "ER-01", "ER-04", "ER-07", "OI-01", "OI-02", "WS-01", "WS-02")
    look = Request(url, "GET", (), opening(three).encode())
    settings = Settings(look=look, roles=roles, binding=on, profile=profile, rules=rules)
    run = asyncio.run(run_target(settings, lambda *_: None))
    assert run.problem == ""
    assert {line.rule.id: line.outcome for line in lines(run)} == dict.fromkeys(rules, Outcome.PASS)


@pytest.mark.parametrize("profile", list(ENVELOPES))
@pytest.mark.parametrize(("variant", "rule"), SEEN)
def test_a_broken_ending_is_killed_in_envelopes_of_every_dialect(profile: str, variant: str, rule: str) -> None:
    [broken] = [found for found in variants() if found.name == variant]
    words = ENVELOPES[profile]
    seams = replace(broken.seams, envelope=words.envelope, said=words.said, features=words.features)

    async def judged_beside(app: App) -> Run:
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = Server(app, url.set_result)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.create_task(server.serve([listener]))
            try:
                base = f"{await url}/broken/{variant}/script"
                return await run_target(scripted(base, "ws", rule), lambda *_: None)
            finally:
                server.stop()
                await serving

    run = asyncio.run(judged_beside(App(ROLES, [replace(broken, seams=seams)])))
    assert run.about.profile == profile
    assert {line.rule.id: line.outcome for line in lines(run)} == {rule: Outcome.FAIL}


@pytest.mark.parametrize("profile", list(DIALECTS))
@pytest.mark.parametrize(("variant", "rule"), ENDINGS)
def test_a_broken_ending_is_killed_in_every_dialect(reference: str, profile: str, variant: str, rule: str) -> None:
    run = judged(f"{reference}/broken/{variant}", profile, rule)
    assert {line.rule.id: line.outcome for line in lines(run)} == {rule: Outcome.FAIL}
