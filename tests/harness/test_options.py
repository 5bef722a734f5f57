"""Options and `streamspec.toml` together: which target is meant; what cannot be meant is refused before any traffic."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from streamspec.harness import config
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Ask, Read, Script, Session
from streamspec.harness.core.written import ASK, CLOSE, head, item, retold, told, written
from streamspec.harness.core.written_calls import played, send
from streamspec.harness.options import replay_settings, run_settings

if TYPE_CHECKING:
    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.history import History

UNSAID: dict[str, Any] = {
    **dict.fromkeys(("profile", "binding", "spawn", "method", "data", "cacert", "config", "object_", "effort"), ""),
    **dict.fromkeys(("roles", "tells", "headers", "rules", "claims", "outputs"), ()),
    **dict.fromkeys(("insecure", "no_config", "strict", "http2"), False),
    "pid": 0,
    "grace_ms": 0,
    "script": "",
    "auth": "",
    "other_credentials": "",
    "instances": None,
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
    assert (settings().look.url, settings().binding) == ("", "")
    assert settings(binding="ndjson").binding == "ndjson"


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


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("http://127.0.0.1:8000/ask", "POST"),
        ("https://127.0.0.1:8000/ask", "POST"),
        ("ws://127.0.0.1:8000/ask", "GET"),
        ("wss://127.0.0.1:8000/ask", "GET"),
    ],
)
def test_data_is_posted_but_a_websocket_is_opened_by_get(url: str, method: str) -> None:
    made = settings(url, data="{}", roles=(f"finite={url}", "finite.data=[]"))
    assert (made.look.method, made.look.body) == (method, b"{}")
    assert settings(url, data="{}", method="PUT").look.method == "PUT"


def test_a_port_is_found_for_a_target_that_is_started() -> None:
    made = settings("http://127.0.0.1:{port}/events", spawn="serve --port {port}")
    port = made.look.url.rpartition(":")[2].partition("/")[0]
    assert int(port) > 0
    assert made.spawn == "serve --port {port}"  # the place of the port stays: it may be started at another, too


def test_a_target_that_is_started_is_asked_at_its_root_unless_said_otherwise() -> None:
    assert settings(spawn="serve {port}").look.url.endswith("/")


def test_that_credentials_are_needed_is_of_the_file_or_of_the_options(here: Path) -> None:
    (here / "streamspec.toml").write_text('[target]\nurl = "http://127.0.0.1:80/"\nauth = "bearer"\n')
    assert settings().auth == "bearer"
    assert settings("http://127.0.0.1:80/", auth="bearer").auth == "bearer"
    assert settings("http://127.0.0.1:80/").auth == ""


def test_the_credentials_of_another_client_are_never_shown() -> None:
    made = settings("http://127.0.0.1:80/", other_credentials="Authorization: Bearer theirs")
    assert made.other == (("Authorization", "Bearer theirs"),)
    assert "theirs" not in repr(made)
    with pytest.raises(UsageError, match=r"^--other-credentials says something of a target, and no URL was given"):
        settings(other_credentials="Authorization: Bearer theirs")


def test_a_stored_case_of_another_client_wants_his_credentials_again() -> None:
    act = Ask(after="resumable-1", credentials="other")
    history = retold(stored(), lambda session: replace(session, acts=(act, *session.acts)))
    with pytest.raises(UsageError, match="with --other-credentials"):
        replay_settings(history, "", UNSAID)
    made = replay_settings(history, "", UNSAID | {"other_credentials": "Authorization: Bearer theirs"})
    assert made.other == (("Authorization", "Bearer theirs"),)


def test_what_a_target_claims_and_its_grace_are_of_the_file_or_of_the_options(here: Path) -> None:
    (here / "streamspec.toml").write_text('[target]\nspawn = "serve {port}"\nclaims = ["http10"]\ngrace_ms = 3000\n')
    assert (settings().claims, settings().grace_ms) == (("http10",), 3_000)
    assert settings(grace_ms=5).grace_ms == 5


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        ("http://127.0.0.1:{port}/", {}, "--spawn starts"),
        ("http://127.0.0.1:80/", {"spawn": "serve {port}"}, "the URL needs it too"),
        ("http://127.0.0.1:80/", {"spawn": "serve", "pid": 1}, "only one of them"),
        ("", {"roles": ("finite=/f",)}, "--role says something of a target, and no URL was given"),
        ("", {"tells": ("open=/s#$.n",)}, "--tell says something of a target, and no URL was given"),
        ("", {"pid": 1}, "--pid says something of a target"),
        ("", {"auth": "bearer"}, "--auth says something of a target, and no URL was given"),
        ("", {"claims": ("http10",)}, "--claim says something of a target, and no URL was given"),
        ("", {"grace_ms": 1}, "--grace-ms says something of a target, and no URL was given"),
        ("", {"object_": "a:b", "grace_ms": 1}, "--grace-ms: either a server is judged or an object"),
        ("http://127.0.0.1:80/", {"grace_ms": 1}, "nobody else's is asked to end"),
        ("http://127.0.0.1:80/", {"spawn": "serve", "grace_ms": 600_001}, "a whole number up to 600000"),
        ("http://127.0.0.1:80/", {"object_": "a:b"}, "either a server is judged or an object"),
        ("", {"object_": "a:b", "spawn": "serve"}, "--spawn: either a server is judged or an object"),
        ("http://127.0.0.1:80/", {"insecure": True}, "about https:// targets"),
    ],
)
def test_what_cannot_be_meant_is_refused(url: str, said: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings(url, **said)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:{port}/?token=hunter2", {}),
        ("http://127.0.0.1:80/?token=hunter2", {"object_": "a:b"}),
        ("http://127.0.0.1:80/", {"data": "@gone?token=hunter2"}),
        ("https://127.0.0.1:80/", {"cacert": "gone?token=hunter2"}),
        ("http://127.0.0.1:80/ ?token=hunter2", {}),
        ("http://127.0.0.1:80/", {"method": "X-Token: hunter2"}),
        ("http://127.0.0.1:80/", {"headers": ("Authorization hunter2",)}),
    ],
)
def test_what_is_refused_is_named_without_the_secrets_in_it(url: str, said: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        settings(url, **said)
    assert "hunter2" not in str(refused.value)


def test_what_is_refused_of_a_file_is_named_without_the_secrets_in_it(here: Path) -> None:
    (here / "streamspec.toml").write_text('[target]\nurl = "http://ann:hunter2@[::1/"\n')
    with pytest.raises(UsageError, match=r"^target ") as refused:
        settings()
    assert "hunter2" not in str(refused.value)


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


def of_an_object() -> History:
    return played(send(0, 1), declared={"object": "mine:stream", "feature.rendezvous": True, "feature.capacity": True})


def test_the_stored_calls_of_an_object_are_played_on_it_or_on_another() -> None:
    history = of_an_object()
    made = replay_settings(history, "", UNSAID)
    assert (made.object, made.claims, made.replay) == ("mine:stream", ("rendezvous",), history)
    other = replay_settings(history, "", UNSAID | {"object_": "other:stream"})
    assert (other.object, other.replay) == ("other:stream", history)


def test_the_calls_of_an_object_are_not_played_on_a_server_nor_the_other_way_round() -> None:
    with pytest.raises(UsageError, match="either a server is judged or an object"):
        replay_settings(of_an_object(), "http://127.0.0.1:8000/", UNSAID)
    with pytest.raises(UsageError, match="--object: this history is a server's"):
        replay_settings(stored(), "", UNSAID | {"object_": "mine:stream"})


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


# -- scripted targets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said", "look", "script"),
    [
        ("", {"script": "http://127.0.0.1:8/s/"}, "http://127.0.0.1:8/s", "http://127.0.0.1:8/s"),
        ("http://127.0.0.1:8/a/b", {"script": "/s"}, "http://127.0.0.1:8/a/b", "http://127.0.0.1:8/s"),
        ("http://127.0.0.1:8/a/b", {"script": "s"}, "http://127.0.0.1:8/a/b", "http://127.0.0.1:8/a/s"),
        ("http://127.0.0.1:8/a", {"script": "http://127.0.0.1:8/s"}, "http://127.0.0.1:8/a", "http://127.0.0.1:8/s"),
    ],
)
def test_an_adapter_is_of_the_target_s_server_and_may_be_all_of_the_target(
    url: str, said: dict[str, Any], look: str, script: str
) -> None:
    made = settings(url, **said)
    assert (made.look.url, made.script) == (look, script)


def test_an_adapter_of_a_target_that_is_started_is_at_its_port() -> None:
    for said in ("/s", "http://127.0.0.1:{port}/s"):
        made = settings(spawn="serve {port}", script=said)
        assert made.look.url == made.script
        port = urlsplit(made.script).port
        assert port
        assert made.script == f"http://127.0.0.1:{port}/s"


def test_an_adapter_s_profile_counts_where_none_is_named() -> None:
    assert settings(script="http://127.0.0.1:8/s").profile == ""
    assert settings(script="http://127.0.0.1:8/s", profile="plain").profile == "plain"
    assert settings("http://127.0.0.1:8/").profile == "plain"


def test_an_adapter_can_be_named_in_the_file(here: Path) -> None:
    (here / "streamspec.toml").write_text('[target]\nspawn = "serve {port}"\n[target.script]\nurl = "/s"\n')
    assert settings().script.endswith("/s")
    assert settings(script="http://127.0.0.1:8/t").script == "http://127.0.0.1:8/t"
    assert settings(script="http://127.0.0.1:8/t").spawn == ""


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        ("", {"script": "/s"}, "a URL with http:// or https:// is needed"),
        (
            "http://127.0.0.1:8/",
            {"script": "http://127.0.0.1:9/s"},
            "--script http://127.0.0.1:9/s: it is an endpoint of",
        ),
        ("http://127.0.0.1:8/", {"script": "/s?a=b"}, "--script http://127.0.0.1:8/s?a=b: a base URL has no query"),
        ("", {"script": "http://127.0.0.1:8/s", "data": "x"}, "with --script alone the adapter says it"),
        ("", {"script": "http://127.0.0.1:8/s", "object_": "a:b"}, "--script: either a server is judged or an object"),
    ],
)
def test_what_an_adapter_cannot_be_is_refused(url: str, said: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        settings(url, **said)
    assert told in str(error.value)


def of_an_adapter(base: str = "http://127.0.0.1:8/s") -> History:
    history = written(*told("finite", ASK, head(), item(0, 1), *CLOSE), declared={"script": base, "finite.items": 100})
    requests = {
        **{name: Request(f"{base}/sse?run={{run}}&script=x") for name in ("look", "finite", "script")},
        "endless": Request("http://127.0.0.1:8/mine"),
    }
    return replace(history, header=replace(history.header, requests=requests))


def test_a_stored_case_of_an_adapter_is_asked_of_the_adapter_again() -> None:
    made = replay_settings(of_an_adapter(), "", UNSAID)
    assert (made.look.url, made.script, made.roles) == (
        "http://127.0.0.1:8/s",
        "http://127.0.0.1:8/s",
        ("endless=/mine",),
    )


def test_or_of_one_that_is_met_elsewhere_today() -> None:
    elsewhere = replay_settings(of_an_adapter(), "http://127.0.0.1:9/", UNSAID)
    assert (elsewhere.look.url, elsewhere.script) == ("http://127.0.0.1:9/s", "http://127.0.0.1:9/s")
    moved = replay_settings(of_an_adapter(), "http://127.0.0.1:9/", UNSAID | {"script": "/t"})
    assert moved.script == "http://127.0.0.1:9/t"


def test_how_often_a_target_is_started_is_left_open_unless_it_is_said() -> None:
    assert [settings(instances=said).instances for said in (None, 1, 4)] == [0, 1, 4]


# -- an object and a baseline in the file ------------------------------------------------------------------------------


def test_the_file_may_name_an_object_whose_module_lies_beside_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (here / "sub").mkdir()
    file = here / "sub" / "streamspec.toml"
    file.write_text('[target]\nobject = "mine:make"\nclaims = ["rendezvous"]\n[run]\nrules = ["OI"]\n')
    made = settings(config=str(file))
    assert (made.object, made.claims, made.rules, made.look.url) == ("mine:make", ("rendezvous",), ("OI",), "")
    assert sys.path[0] == str(here / "sub")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('url = "http://127.0.0.1:1/"', "http://127.0.0.1:1/: either a server is judged or an object"),
        ('spawn = "serve"', "--spawn: either a server is judged or an object"),
    ],
)
def test_a_file_names_a_server_or_an_object(here: Path, more: str, said: str) -> None:
    (here / "streamspec.toml").write_text(f'[target]\nobject = "mine:make"\n{more}\n')
    with pytest.raises(UsageError, match=said):
        settings()


def test_an_object_and_a_file_cannot_both_be_meant(here: Path) -> None:
    (here / "t.toml").write_text("")
    with pytest.raises(UsageError, match="--object and --config both say what is judged"):
        settings(object_="mine:make", config="t.toml")


def test_a_baseline_of_the_file_lies_beside_it_and_an_option_wins(here: Path) -> None:
    (here / "sub").mkdir()
    file = here / "sub" / "streamspec.toml"
    file.write_text('[target]\nurl = "http://127.0.0.1:1/"\n[run]\nbaseline = "b.toml"\n')
    assert settings(config=str(file)).baseline == here / "sub" / "b.toml"
    assert settings(config=str(file), baseline="mine.toml").baseline == Path("mine.toml")
    assert settings("http://127.0.0.1:1/").baseline is None


def test_http2_is_asked_for_in_every_request(tmp_path: Path) -> None:
    said = settings("http://127.0.0.1:80/", http2=True)
    assert said.look.version == "2"
    file = tmp_path / "streamspec.toml"
    file.write_text('[target]\nurl = "http://127.0.0.1:80/"\nhttp2 = true\n')
    assert settings(config=str(file)).look.version == "2"
    assert settings("http://127.0.0.1:80/").look.version == "1.1"
