"""The store: a fresh directory a run, files replaced whole, and a torn file is named, never guessed at."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.rule import Level, Rule
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.core.written import ASK, ENDED, EOF, head, item, told, written
from streamspec.harness.engine import store

if TYPE_CHECKING:
    from pathlib import Path

STREAM = written(*told("finite", ASK, head(), item(0), ENDED, EOF))
RULE = Rule("XX-01", Level.MUST, "", "", "", lambda _: (), (), ())
ABOUT = About("http://x/", "sse", "declared", "plain", (("finite", "http://x/f"),), 7, "streamspec 0", "now")


def named(case: str) -> History:
    return History(replace(STREAM.header, case=case), STREAM.records)


def a_run(place: Path) -> Run:
    path = store.save_history(place, named("a/b@sse"))
    results = (
        Result("a/b@sse", ("XX-01",), (Verdict("XX-01", Outcome.PASS),), STREAM, str(path)),
        Result("a/c@sse", ("XX-01",), (), None, "", "the target was not back after a/b@sse"),
    )
    return Run(ABOUT, (RULE,), results, (Skip("XX-02", ("terminal", "seq")),), 1.5, "SIGINT", "")


def changed(place: Path, **values: Any) -> None:
    path = place / store.RUN_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# -- directories -----------------------------------------------------------------------------------------------------


def test_a_run_gets_a_directory_that_nobody_else_reads(tmp_path: Path) -> None:
    place = store.new_directory(tmp_path / "deep" / "runs", "20260101T000000Z")
    assert place == tmp_path / "deep" / "runs" / "20260101T000000Z"
    assert place.stat().st_mode & 0o777 == 0o700
    assert list(place.iterdir()) == []


def test_runs_stay_out_of_version_control(tmp_path: Path) -> None:
    store.new_directory(tmp_path / "runs", "a")
    assert (tmp_path / "runs" / ".gitignore").read_text() == "*\n"


def test_a_gitignore_of_yours_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    store.new_directory(tmp_path, "a")
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_two_runs_of_one_second_do_not_meet(tmp_path: Path) -> None:
    places = [store.new_directory(tmp_path, "a") for _ in range(3)]
    assert [place.name for place in places] == ["a", "a-1", "a-2"]


def test_last_points_to_the_last_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        place = store.new_directory(tmp_path, name)
        assert (tmp_path / "last").resolve() == place
    assert str((tmp_path / "last").readlink()) == "b"  # relative, so that the folder can be moved
    assert not list(tmp_path.glob(".last-*"))


def test_a_root_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.write_text("")
    with pytest.raises(UsageError, match=f"cannot store runs in {root}: "):
        store.new_directory(root, "a")
    with pytest.raises(UsageError, match="cannot store runs in"):
        store.new_directory(root / "deeper", "a")


def test_a_hundred_collisions_are_a_usage_error(tmp_path: Path) -> None:
    for name in ("a", *(f"a-{n}" for n in range(1, 100))):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="too many of them are named a"):
        store.new_directory(tmp_path, "a")


def test_a_last_that_is_no_link_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "last").mkdir()
    with pytest.raises(UsageError, match="cannot store runs in"):
        store.new_directory(tmp_path, "a")


# -- histories -------------------------------------------------------------------------------------------------------


def test_a_history_is_read_as_it_was_stored(tmp_path: Path) -> None:
    path = store.save_history(tmp_path, named("conformance/look@sse"))
    assert path == tmp_path / "conformance_look@sse.ndjson"
    assert store.load_history(path) == named("conformance/look@sse")


@pytest.mark.parametrize("case", ["../../etc/passwd", "/etc/passwd", "a\0b", "a\nb", "..", "", "~", "a b;c"])
def test_a_file_never_leaves_its_directory(tmp_path: Path, case: str) -> None:
    path = store.save_history(tmp_path, named(case))
    assert path.parent == tmp_path
    assert path.is_file()
    assert store.load_history(path).header.case == case


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = store.save_history(tmp_path, named("a"))
    with path.open() as reader:
        store.save_history(tmp_path, History(replace(STREAM.header, case="a"), ()))
        assert len(reader.readlines()) == 1 + len(STREAM.records)  # who reads has the old one
    assert store.load_history(path).records == ()
    assert [p.name for p in tmp_path.iterdir()] == ["a.ndjson"]  # and nothing else is left


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = store.save_history(tmp_path, named("a"))
    bad = History(replace(STREAM.header, case="a", declared={"x": object()}), ())  # type: ignore[dict-item]  # unwritable
    with pytest.raises(TypeError):
        store.save_history(tmp_path, bad)
    assert store.load_history(path) == named("a")


def test_a_write_that_fails_leaves_no_other_file(tmp_path: Path) -> None:
    bad = History(replace(STREAM.header, case="a", declared={"x": object()}), ())  # type: ignore[dict-item]  # unwritable
    with pytest.raises(TypeError):
        store.save_history(tmp_path, bad)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_gone_is_a_usage_error(tmp_path: Path) -> None:
    """A disk that fills up, a directory that is cleaned away: an `OSError` here would end the run as our bug."""
    with pytest.raises(UsageError, match="cannot"):
        store.save_history(tmp_path / "gone", named("a"))


@pytest.mark.parametrize("keep", [1, 3])
def test_a_torn_history_is_named_with_its_line(tmp_path: Path, keep: int) -> None:
    path = store.save_history(tmp_path, named("a"))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: keep - 1]) + lines[keep - 1][:20])
    with pytest.raises(UsageError, match=rf"a\.ndjson, line {keep}: "):
        store.load_history(path)


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\x00", b"\x00" * 100, b"<html>", b'{"history":1}\n'])
def test_what_is_no_history_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"x\.ndjson"):
        store.load_history(path)


def test_a_line_without_end_is_not_read_without_end(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(b'"' + b"x" * (store.LINE_BYTES_MAX + 10))
    with pytest.raises(UsageError, match=r"x\.ndjson, line 1"):
        store.load_history(path)


@pytest.mark.parametrize("name", ["gone.ndjson", "."])
def test_a_history_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot read "):
        store.load_history(tmp_path / name)


# -- run.json --------------------------------------------------------------------------------------------------------


def test_a_run_is_read_as_it_was_stored(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    store.save_run(tmp_path, run)
    stored = store.load_run(tmp_path)
    assert stored.about == ABOUT
    assert stored.rules == ("XX-01",)
    assert stored.skips == run.skips
    assert (stored.duration_s, stored.stopped, stored.problem) == (1.5, "SIGINT", "")
    assert stored.cases == (
        store.StoredCase("a/b@sse", ("XX-01",), "a_b@sse.ndjson", ""),
        store.StoredCase("a/c@sse", ("XX-01",), "", "the target was not back after a/b@sse"),
    )


def test_a_stored_run_can_be_moved(tmp_path: Path) -> None:
    place = tmp_path / "one"
    place.mkdir()
    store.save_run(place, a_run(place))
    assert str(tmp_path) not in json.dumps([c.file for c in store.load_run(place.rename(tmp_path / "two")).cases])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "{}", '{"run": 1}', '{"run": 1, "about": {}}', "\ud800", '"' + "x" * 1000],
)
def test_what_is_no_stored_run_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / store.RUN_FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=r"run\.json: not a stored run") as caught:
        store.load_run(tmp_path)
    assert len(str(caught.value)) < 400


def test_a_directory_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*run\.json: No such file"):
        store.load_run(tmp_path)


def test_another_version_is_named_as_such(tmp_path: Path) -> None:
    store.save_run(tmp_path, a_run(tmp_path))
    changed(tmp_path, run=2)
    with pytest.raises(UsageError, match="version 2 of the format, and this streamspec reads 1"):
        store.load_run(tmp_path)


def test_another_version_is_named_as_such_though_its_fields_differ(tmp_path: Path) -> None:
    (tmp_path / store.RUN_FILE).write_text('{"run": 2, "everything": "else"}')
    with pytest.raises(UsageError, match="version 2 of the format"):
        store.load_run(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"duration_s": "long"},
        {"rules": "LC-01"},
        {"stopped": 3},
        {"about": None},
        {"cases": [{"case": "a"}]},
        {"skips": [{"rule": "a"}]},
        {"cases": [{"case": "a", "promises": [], "file": 7, "note": ""}]},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_stored_run_with_impossible_values_is_named(tmp_path: Path, values: dict[str, Any]) -> None:
    store.save_run(tmp_path, a_run(tmp_path))
    changed(tmp_path, **values)
    with pytest.raises(UsageError, match=r"run\.json: not a stored run"):
        store.load_run(tmp_path)


@pytest.mark.parametrize("file", ["../elsewhere.ndjson", "/etc/passwd", "a/b.ndjson"])
def test_a_stored_run_names_files_of_its_own_directory_only(tmp_path: Path, file: str) -> None:
    """A run directory may be somebody else's: it must not make us read (and quote) another file."""
    store.save_run(tmp_path, a_run(tmp_path))
    changed(tmp_path, cases=[{"case": "a", "promises": [], "file": file, "note": ""}])
    with pytest.raises(UsageError, match=r"run\.json"):
        store.load_run(tmp_path)


def test_a_run_is_stored_without_its_verdicts(tmp_path: Path) -> None:
    store.save_run(tmp_path, a_run(tmp_path))
    assert "PASS" not in (tmp_path / store.RUN_FILE).read_text()
