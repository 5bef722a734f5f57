"""Streams in files: found in one folder, at start, and refused by name where anything about them is odd."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streamspec.reference_impl.services.framework import files
from streamspec.reference_impl.services.framework.context import Context
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.playing import play
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.reference_impl.services.framework.procedure import Procedure

HANDLER = "async def handler():\n    yield 1\n"
# routes/metrics/live.stream.py, as the document has it.
LIVE = '''
"""Live metrics."""
from __future__ import annotations

import asyncio

import msgspec

meta = {"description": "Stream live metrics", "direction": "server"}


class input_schema(msgspec.Struct):
    interval: float = 1000


class output_schema(msgspec.Struct):
    cpu: float
    memory: float


async def handler(input, ctx):
    while not ctx.signal.aborted:
        yield {"cpu": 0.5, "memory": 12.0}
        await asyncio.sleep(input.interval / 1000)
'''


def written(folder: Path, name: str, text: str = HANDLER) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(folder: Path) -> dict[str, Procedure]:
    return {procedure.name: procedure for procedure in files.procedures_in(folder)}


def refused(folder: Path) -> str:
    with pytest.raises(Misdeclared) as misdeclared:
        files.procedures_in(folder)
    return str(misdeclared.value)


def test_the_sample_of_the_document(tmp_path: Path) -> None:
    written(tmp_path, "metrics/live.stream.py", LIVE)
    procedure = found(tmp_path)["metrics.live"]
    assert (procedure.description, procedure.direction) == ("Stream live metrics", "server")
    assert procedure.content_type is None
    payload: Any = procedure.validated({"interval": "0"}, from_query=True)
    assert payload.interval == 0
    with pytest.raises(StreamError, match="INVALID_ARGUMENT: interval"):
        procedure.validated({"interval": "soon"}, from_query=True)
    context, got = Context("s1"), []

    async def send(output: object) -> None:
        got.append(msgspec.to_builtins(output))
        if len(got) == 2:
            context.signal.abort("enough")

    asyncio.run(asyncio.wait_for(play(procedure, payload, None, context, send), 10))
    assert got == [{"cpu": 0.5, "memory": 12.0}] * 2


def test_the_sample_of_a_content_type(tmp_path: Path) -> None:
    written(tmp_path, "a.stream.py", 'meta = {"contentType": "application/x-ndjson"}\n' + HANDLER)
    written(tmp_path, "b.stream.py", 'meta = {"content_type": "application/x-ndjson", "priority": 4}\n' + HANDLER)
    assert [procedure.content_type for procedure in found(tmp_path).values()] == ["application/x-ndjson"] * 2
    assert found(tmp_path)["b"].priority == 4


def test_names_are_folders_and_files_with_dots_between(tmp_path: Path) -> None:
    for name in ("top.stream.py", "a/b/c.stream.py", "a/b.stream.py"):
        written(tmp_path, name)
    # None of these is a stream.
    for name in ("a/helper.py", "notes.txt", "a/stream.py", "__pycache__/x.stream.py", ".hidden/x.stream.py"):
        written(tmp_path, name, "raise AssertionError('this is run by nobody')")
    assert list(found(tmp_path)) == ["a.b", "a.b.c", "top"]


def test_they_are_registered_with_the_others_or_not_at_all_twice(tmp_path: Path) -> None:
    written(tmp_path, "metrics/live.stream.py")
    router = files.register_files(Router(), tmp_path)
    assert [procedure.name for procedure in router.procedures()] == ["metrics.live"]
    with pytest.raises(Misdeclared, match=r"there is a stream metrics\.live already"):
        files.register_files(router, tmp_path)


def test_reading_them_changes_nothing_of_what_is_imported(tmp_path: Path) -> None:
    written(tmp_path, "read/by_no_other_test.stream.py", LIVE)
    written(tmp_path, "helper.py", "")
    before = (list(sys.path), set(sys.modules), sorted(tmp_path.rglob("*")))
    found(tmp_path)
    assert (list(sys.path), set(sys.modules), sorted(tmp_path.rglob("*"))) == before
    written(tmp_path, "imports.stream.py", "import helper\n" + HANDLER)
    assert "ModuleNotFoundError" in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1\n\nraise ValueError('no database')\n", ":3: ValueError: no database"),
        ("def f():\n    raise KeyError('deep')\n\nf()\n", ":2: KeyError: 'deep'"),
        ("x = 1\ndef broken(:\n", ":2: SyntaxError: "),
        ("x = 1\nimport sys\nsys.exit(3)\n", ":3: SystemExit: 3"),
        ("\0", ":1: SyntaxError: "),
        ("", "it has no handler"),
        ("handler = 5\n", "a handler is a function"),
        ("def handler(a, b, c): ...\n", "a handler takes"),
        ("meta = []\n" + HANDLER, "meta is no mapping"),
        ("meta = {'colour': 'red'}\n" + HANDLER, "meta has 'colour', which nobody knows"),
        ("meta = {'direction': 'up'}\n" + HANDLER, "a direction is one of"),
        ("meta = {'description': 5}\n" + HANDLER, "a description is a text"),
        ("meta = {'priority': 'high'}\n" + HANDLER, "a priority is a whole number"),
        ("meta = {'content_type': 'json'}\n" + HANDLER, "is no media type"),
        ("input_schema = object()\n" + HANDLER, "is no schema"),
        ("output_schema = complex\n" + HANDLER, "is no schema"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    written(tmp_path, "logs/tail.stream.py", text)
    said = refused(tmp_path)
    assert said.startswith("logs/tail.stream.py:")
    assert complaint in said
    assert str(tmp_path) not in said.partition(": ")[0]


def test_octets_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.stream.py").write_bytes(b"x = '\xff'\n")
    assert refused(tmp_path).startswith("bad.stream.py:1: SyntaxError: ")


@pytest.mark.parametrize(
    "name",
    [
        "a b.stream.py",
        ".stream.py",
        "x.y.stream.py",
        "-x.stream.py",
        "é.stream.py",
        "a b/c.stream.py",
        "v1.2/c.stream.py",
    ],
)
def test_an_odd_name_is_refused(tmp_path: Path, name: str) -> None:
    written(tmp_path, name)
    assert refused(tmp_path).startswith(f"{name}: ")


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    outside = written(tmp_path, "outside/secret.stream.py")
    routes = tmp_path / "routes"
    routes.mkdir()
    (routes / "innocent.stream.py").symlink_to(outside)
    assert refused(routes) == "innocent.stream.py: a link that leads out of the folder"
    (routes / "innocent.stream.py").unlink()
    (routes / "folder").symlink_to(outside.parent)
    assert refused(routes) == "folder: a link that leads out of the folder"


def test_a_link_to_nothing_or_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gone.stream.py").symlink_to(tmp_path / "nowhere")
    assert refused(tmp_path) == "gone.stream.py: a link to nothing"
    (tmp_path / "gone.stream.py").unlink()
    (tmp_path / "round").symlink_to(tmp_path)
    assert refused(tmp_path) == "round: a link to a folder"


def test_a_link_within_the_folder_is_a_second_name(tmp_path: Path) -> None:
    (tmp_path / "other.stream.py").symlink_to(written(tmp_path, "one.stream.py"))
    assert list(found(tmp_path)) == ["one", "other"]


def test_the_operators_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    written(tmp_path, "really/here.stream.py")
    (tmp_path / "routes").symlink_to(tmp_path / "really")
    assert list(found(tmp_path / "routes")) == ["here"]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.stream.py")
    assert refused(tmp_path) == "pipe.stream.py: it is no regular file"


def test_a_folder_with_the_name_of_a_file_is_looked_into(tmp_path: Path) -> None:
    written(tmp_path, "odd.stream.py/x.stream.py")
    assert "a dot in 'odd.stream.py'" in refused(tmp_path)


@pytest.mark.parametrize("folder", ["nowhere", "file.txt", "\0"])
def test_a_folder_that_is_none_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file.txt").touch()
    with pytest.raises(Misdeclared, match="folder"):
        files.procedures_in(f"{tmp_path}/{folder}")


def test_limits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILES", 2)
    monkeypatch.setattr(files, "MOST_FILE_BYTES", 64)
    for name in ("a", "b"):
        written(tmp_path, f"{name}.stream.py")
    assert list(found(tmp_path)) == ["a", "b"]
    written(tmp_path, "c.stream.py")
    assert "more than 2 files" in refused(tmp_path)
    (tmp_path / "c.stream.py").unlink()
    written(tmp_path, "b.stream.py", HANDLER + "#" * 64)
    assert refused(tmp_path) == "b.stream.py: more than 64 octets"
    (tmp_path / "b.stream.py").unlink()
    written(tmp_path, "/".join("abcdefghi") + "/x.stream.py")
    assert "more than 8 folders deep" in refused(tmp_path)


def test_a_handler_keeps_what_its_file_defined(tmp_path: Path) -> None:
    written(
        tmp_path,
        "total.stream.py",
        "from __future__ import annotations\nimport dataclasses\n"
        'meta = {"direction": "client"}\nSTART = 10\n'
        "@dataclasses.dataclass\nclass input_schema:\n    n: int = 0\n"
        "async def handler(items):\n    return START + sum([item.n async for item in items])\n",
    )
    procedure, got = found(tmp_path)["total"], []

    async def items() -> Any:
        for n in (1, 2):
            yield {"n": n}

    async def send(output: object) -> None:
        got.append(output)

    asyncio.run(asyncio.wait_for(play(procedure, None, items(), Context("s1"), send), 10))
    assert got == [13]
    with pytest.raises(StreamError) as wrong:
        procedure.validated_item({"n": "1"}, 1)
    assert wrong.value.code is Code.INVALID_ARGUMENT
