"""Options and `streamspec.toml` together: which target is meant; what cannot be meant is refused before any traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streamspec.harness import config
from streamspec.harness.assembly import EMBEDDED_ROLES, EMBEDDED_TELLS, Settings
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Ask, Read, Script, Session
from streamspec.harness.core.written import ASK, CLOSE, head, item, told, written
from streamspec.harness.options import replay_settings, run_settings

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.harness.core.history import History

UNSAID: dict[str, Any] = {
    **dict.fromkeys(("profile", "binding", "spawn", "method", "data", "cacert", "config", "object_", "effort"), ""),
    **dict.fromkeys(("roles", "tells", "headers", "rules", "claims", "outputs"), ()),
    **dict.fromkeys(("insecure", "no_config", "strict"), False),
    "pid": 0,
    "seed": None,
    "no_store": True,
    "store": None,
}
FILE = """
[target]
url = "http://127.0.0.1:8000/events"
profile = "guide"
headers = { X-Tenant = "file" }
[target.roles]
finite = { path = "/f", items = 3 }
[run]
effort = "full"
"""


def settings(url: str = "", **said: Any) -> Settings:
    return run_settings(url, UNSAID | said)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_word_the_embedded_reference_is_meant() -> None:
    made = settings()
    assert (made.look.url, made.roles, made.tells) == ("", EMBEDDED_ROLES, EMBEDDED_TELLS)


def test_a_file_that_lies_here_says_what_is_meant(here: Path) -> None:
    (here / "streamspec.toml").write_text(FILE)
    made = settings()
    assert made.look == Request("http://127.0.0.1:8000/events", "GET", (("X-Tenant", "file"),))
    assert (made.profile, made.effort, made.roles) == ("guide", "full", ("finite=/f", "finite.items=3"))


def test_options_win_over_the_file(here: Path) -> None:
    (here / "streamspec.toml").write_text(FILE)
    made = settings(profile="plain", headers=("x-tenant: mine",), roles=("finite.items=4",), effort="soak")
    assert made.look.headers == (("x-tenant", "mine"),)
    assert (made.profile, made.effort, made.roles) == ("plain", "soak", ("finite=/f", "finite.items=4"))


@pytest.mark.parametrize("said", [{"no_config": True}, {"url": "http://127.0.0.1:1/"}, {"spawn": "serve {port}"}])
def test_a_file_that_was_not_asked_for_says_nothing_of_another_target(here: Path, said: dict[str, Any]) -> None:
    (here / "streamspec.toml").write_text(FILE)
    assert settings(**said).profile != "guide"


def test_a_file_that_was_asked_for_counts_beside_a_url(here: Path) -> None:
    (here / "mine.toml").write_text(FILE)
    made = settings("http://127.0.0.1:9000/x", config="mine.toml")
    assert (made.look.url, made.profile) == ("http://127.0.0.1:9000/x", "guide")


def test_what_a_file_names_lies_beside_it(here: Path) -> None:
    (here / "deep").mkdir()
    (here / "deep" / "ask.json").write_text("{}")
    (here / "deep" / "streamspec.toml").write_text(
        '[target]\nurl = "http://127.0.0.1:8000/"\ndata = "@ask.json"\nprofile = "mine.toml"\nspawn = "./serve"\n'
    )
    made = settings(config="deep/streamspec.toml")
    assert (made.look.body, made.look.method, made.profile) == (b"{}", "POST", "deep/mine.toml")
    assert str(made.directory) == "deep"


def test_a_port_is_found_for_a_target_that_is_started() -> None:
    made = settings("http://127.0.0.1:{port}/events", spawn="serve --port {port}")
    port = made.look.url.rpartition(":")[2].partition("/")[0]
    assert int(port) > 0
    assert made.spawn == f"serve --port {port}"


def test_a_target_that_is_started_is_asked_at_its_root_unless_said_otherwise() -> None:
    assert settings(spawn="serve {port}").look.url.endswith("/")


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        ("http://127.0.0.1:{port}/", {}, "--spawn starts"),
        ("http://127.0.0.1:80/", {"spawn": "serve {port}"}, "the URL needs it too"),
        ("http://127.0.0.1:80/", {"spawn": "serve", "pid": 1}, "only one of them"),
        ("", {"roles": ("finite=/f",)}, "--role says something of a target, and no URL was given"),
        ("", {"tells": ("open=/s#$.n",)}, "--tell says something of a target, and no URL was given"),
        ("", {"pid": 1}, "--pid says something of a target"),
        ("", {"claims": ("rendezvous",)}, "no --object was given"),
        ("http://127.0.0.1:80/", {"object_": "a:b"}, "either a server is judged or an object"),
        ("", {"object_": "a:b", "spawn": "serve"}, "--spawn: either a server is judged or an object"),
        ("http://127.0.0.1:80/", {"insecure": True}, "about https:// targets"),
    ],
)
def test_what_cannot_be_meant_is_refused(url: str, said: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings(url, **said)
    assert told in str(refused.value)


def test_an_effort_of_the_file_is_one_of_three(here: Path) -> None:
    (here / "streamspec.toml").write_text('[run]\neffort = "ful"\n')
    with pytest.raises(UsageError, match=r"one of quick, full, soak; did you mean full\?"):
        settings()


# -- replay ----------------------------------------------------------------------------------------------------------


def stored(*headers: tuple[str, str], url: str = "http://127.0.0.1:8000/") -> History:
    from dataclasses import replace

    made = written(*told("finite", ASK, head(), item(0), *CLOSE), declared={"finite.items": 3, "finite.seq": "$.n"})
    requests = {"look": Request(url, headers=headers), "finite": Request("http://127.0.0.1:8000/f")}
    script = Script((Session("finite-1", "finite", (Ask(), Read(items=0, budget="finite_ms"))),))
    return replace(made, header=replace(made.header, requests=requests, script=script, seed=9))


def test_a_stored_case_is_played_on_its_own_target() -> None:
    history = stored(("X-A", "1"))
    made = replay_settings(history, "", UNSAID)
    assert made.look == Request("http://127.0.0.1:8000/", "GET", (("X-A", "1"),))
    assert made.roles == ("finite=/f", "finite.items=3", "finite.seq=$.n")
    assert (made.binding, made.profile, made.seed, made.replay) == ("sse", "plain", 9, history)


def test_a_secret_that_was_not_stored_must_be_said_again() -> None:
    history = stored(("Authorization", "[redacted]"))
    with pytest.raises(UsageError, match=r"say it again with -H 'Authorization: …'"):
        replay_settings(history, "", UNSAID)
    made = replay_settings(history, "", UNSAID | {"headers": ("Authorization: Bearer t",)})
    assert made.look.headers == (("Authorization", "Bearer t"),)


def test_a_stored_case_is_played_on_another_target() -> None:
    made = replay_settings(stored(), "http://127.0.0.1:9000/other", UNSAID)
    assert made.look.url == "http://127.0.0.1:9000/other"
    assert config.roles(made.roles, made.look)["finite"].request.url == "http://127.0.0.1:9000/f"


def test_a_url_with_a_secret_must_be_said_again() -> None:
    with pytest.raises(UsageError, match="say it again, in full"):
        replay_settings(stored(url="http://127.0.0.1:8000/?token=[redacted]"), "", UNSAID)
