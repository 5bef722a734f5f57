"""`streamspec.toml` says what options say; what it cannot mean is refused with file, key and what would be right."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.target_file import TargetFile, from_table, merged, read

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
[target]
url = "http://127.0.0.1:{port}/events"
spawn = "python app.py {port}"
binding = "ndjson"
profile = "guide"
method = "POST"
data = "@ask.json"
headers = { X-Tenant = "a b" }
claims = ["http10"]
grace_ms = 2000
auth = "bearer"
script = { url = "/streamspec" }

[target.roles]
finite = { path = "/orders", items = 100, seq = "$.n" }
endless = "/ticks"
text = { path = "/texts", items = ["one", "two\\nlines"] }
resumable = { path = "/feed", signals_unknown = true }

[target.tells]
produced = { url = "/stats", field = "$.produced", per = "stream" }

[run]
rules = ["LC", "OI-01"]
effort = "full"
strict = true
seed = 7
"""


def parsed(text: str) -> TargetFile:
    return from_table(tomllib.loads(text), "streamspec.toml")


def test_every_key_becomes_the_word_of_its_option() -> None:
    assert parsed(WHOLE) == TargetFile(
        place="streamspec.toml",
        url="http://127.0.0.1:{port}/events",
        spawn="python app.py {port}",
        binding="ndjson",
        profile="guide",
        method="POST",
        data="@ask.json",
        headers=("X-Tenant: a b",),
        roles=(
            "finite=/orders",
            "finite.items=100",
            "finite.seq=$.n",
            "endless=/ticks",
            "text=/texts",
            'text.items=["one", "two\\nlines"]',
            "resumable=/feed",
            "resumable.signals_unknown=yes",
        ),
        tells=("produced=/stats#$.produced", "produced.per=stream"),
        claims=("http10",),
        grace_ms=2_000,
        script="/streamspec",
        auth="bearer",
        rules=("LC", "OI-01"),
        effort="full",
        strict=True,
        seed=7,
    )


def test_an_empty_file_says_nothing() -> None:
    assert parsed("") == TargetFile(place="streamspec.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[targets]", "unknown key targets (there are target, run, pytest); did you mean target?"),
        ("[target]\nroels = 1", "unknown key target.roels"),
        ("[run]\neffrt = 'full'", "unknown key run.effrt"),
        ("target = 1", "target is a table, written [target]"),
        ("[target]\nurl = 1", 'target.url = "…" is a text'),
        ("[target]\nheaders = { A = 1 }", 'target.headers.A = "…" is a text'),
        ("[target]\nheaders = 'A: b'", "target.headers is a table"),
        ("[target.roles]\nfinite = 1", 'target.roles.finite needs path = "/…"'),
        ("[target.roles]\nfinite = { items = 1 }", 'target.roles.finite needs path = "/…"'),
        ("[target.roles]\nfinite = { path = '/', items = 1.5 }", "target.roles.finite.items: a text, a whole number"),
        ("[target.tells]\nopen = { field = '$.open' }", 'target.tells.open needs url = "/…"'),
        ("[target]\nscript = '/s'", "target.script is a table, written [target.script]"),
        ("[target.script]\nuri = '/s'", "unknown key target.script.uri (there are url); did you mean url?"),
        ("[target.script]\nurl = 1", 'target.script.url = "…" is a text'),
        ("[run]\nstrict = 1", "run.strict is true or false"),
        ("[run]\nseed = true", "run.seed is a whole number"),
        ("[run]\nrules = 'LC'", 'run.rules = ["…"] is a list of texts'),
    ],
)
def test_what_it_cannot_mean_is_named(text: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parsed(text)
    assert str(refused.value).startswith("streamspec.toml: ")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '"token=hunter2" = 1',
        '[target]\n"Authorization: hunter2" = 1',
        '[target.headers]\n"Authorization: hunter2" = 1',
        '[target.roles]\n"/x?token=hunter2" = 1',
        "[target.roles]\nfinite = { path = '/', 'token=hunter2' = 1.5 }",
    ],
)
def test_a_key_that_has_a_secret_in_it_is_named_without(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parsed(text)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "streamspec.toml"
    path.write_text("[target\nurl = 1\n")
    with pytest.raises(UsageError, match=r"streamspec\.toml: .*line 1"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.toml: No such file"):
        read(tmp_path / "gone.toml")


def test_what_the_command_line_says_is_not_taken_from_the_file() -> None:
    assert merged(("finite=/a", "finite.items=3"), ("finite=/b",)) == ("finite.items=3", "finite=/b")
    assert merged(("X-A: 1", "X-B: 2"), ("x-a: 3",), mark=":") == ("X-B: 2", "x-a: 3")
