"""Discovery: plugins are constants found by their type, in the order of file and line; nothing registers itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.errors import InternalError, UsageError
from streamspec.harness.core.ports import Driver, Renderer, Transport
from streamspec.harness.core.rule import Rule
from streamspec.harness.discovery import constants, object_factory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package of plugins, forgotten afterwards."""
    root = tmp_path / "plugins_of_a_test"
    root.mkdir()
    (root / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "plugin_type", sys.modules[__name__])
    yield root
    for name in [name for name in sys.modules if name.startswith("plugins_of_a_test")]:
        del sys.modules[name]


def names() -> list[str]:
    return [plugin.name for plugin in constants("plugins_of_a_test", Plugin)]


def test_constants_come_in_the_order_of_file_and_line(package: Path) -> None:
    (package / "b.py").write_text("from plugin_type import Plugin\nZ = Plugin('b1')\nA = Plugin('b2')\n")
    (package / "a.py").write_text("from plugin_type import Plugin\nX = Plugin('a1')\n")
    assert names() == ["a1", "b1", "b2"]


def test_a_file_is_all_that_has_to_be_added(package: Path) -> None:
    (package / "a.py").write_text("from plugin_type import Plugin\nX = Plugin('a')\nNOT_ONE = 'x'\nKIND = Plugin\n")
    assert names() == ["a"]


def test_a_constant_that_another_file_imports_is_one_plugin(package: Path) -> None:
    (package / "a.py").write_text("from plugins_of_a_test.b import X\nSAME = X\n")
    (package / "b.py").write_text("from plugin_type import Plugin\nX = Plugin('b')\n")
    assert names() == ["b"]


def test_private_files_and_plugins_in_lists_are_no_plugins(package: Path) -> None:
    (package / "_helper.py").write_text("raise RuntimeError('never imported')\n")
    (package / "a.py").write_text("from plugin_type import Plugin\nX = Plugin('a')\nALL = [Plugin('b')]\n")
    assert names() == ["a"]


def test_a_factory_is_found_by_its_name_however_deep(package: Path) -> None:
    (package / "a.py").write_text("class Streams:\n    class Deep:\n        make = dict\n")
    assert object_factory("plugins_of_a_test.a:Streams.Deep.make") is dict


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("mine.make", "write package.module:factory"),
        (":make", "write package.module:factory"),
        ("mine:", "write package.module:factory"),
        ("no_such_module_anywhere:make", "cannot be imported .ModuleNotFoundError"),
        ("plugins_of_a_test.fails:make", "cannot be imported .ZeroDivisionError"),
        ("asyncio:Queeu", "did you mean Queue"),
        ("asyncio:Queue.nothing", "nothing"),
        ("sys:maxsize", "a int cannot be called"),
        ("..relative:make", "cannot be imported"),
    ],
)
def test_a_factory_that_cannot_be_had_is_refused_with_the_reason(package: Path, word: str, why: str) -> None:
    (package / "fails.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match=why):
        object_factory(word)


def test_an_empty_folder_is_a_broken_installation(package: Path) -> None:
    (package / "a.py").write_text("X = 1\n")
    with pytest.raises(InternalError, match="plugins_of_a_test holds no Plugin"):
        names()


def test_a_plugin_that_cannot_be_imported_is_not_passed_over(package: Path) -> None:
    (package / "a.py").write_text("import a_module_that_nobody_has\n")
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
        names()


@pytest.mark.parametrize(
    ("folder", "kind", "some"),
    [
        ("harness.rules", Rule, {"LC-01", "OI-02", "SSE-13", "CJ-02", "CN-21", "ER-01"}),
        ("scenarios.conformance", Scenario, {"conformance/look", "conformance/siblings"}),
        ("harness.drivers", Driver, {"sse"}),
        ("harness.transports", Transport, {"http1"}),
        ("reports", Renderer, {"text", "json"}),
    ],
)
def test_the_rooms_are_found(folder: str, kind: type, some: set[str]) -> None:
    found: tuple[Any, ...] = constants(f"streamspec.{folder}", kind)
    known = [getattr(plugin, "id", None) or plugin.name for plugin in found]
    assert some <= set(known)
    assert len(known) == len(set(known))
