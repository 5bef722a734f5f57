"""The house as design 3 draws it: four rooms, found through four links, each with its doors and nothing dead."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Sources = Any  # tests/house/conftest.py: tuple[Source, ...]; test folders are no packages
ROOMS = ("harness", "reference_impl", "scenarios", "reports")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
HEAVY = ("locust", "gevent", "hypothesis", "pytest", "uvicorn", "msgspec", "rich")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_entered_through_its_link(root: Path, room: str) -> None:
    link = root / "src" / "streamspec" / room
    assert link.is_symlink()
    assert str(link.readlink()) == f"../../{room}"
    assert link.resolve() == root / room
    assert (root / room / "__init__.py").is_file()


def test_the_package_holds_links_and_nothing_else(root: Path) -> None:
    here = {path.name for path in (root / "src" / "streamspec").iterdir()} - {"__pycache__"}
    assert here == {"__init__.py", "py.typed", *ROOMS}


def test_the_command_line_is_light() -> None:
    code = f"import sys, streamspec.harness.cli; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == []


def test_importing_the_core_needs_the_standard_library_only() -> None:
    code = (
        "import pkgutil, importlib, sys, streamspec.harness.core as core\n"
        "[importlib.import_module(f'{core.__name__}.{m.name}') for m in pkgutil.iter_modules(core.__path__)]\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(tops & {'click', 'rich', 'msgspec', 'uvicorn', 'h11', 'asyncio', 'socket'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == []


def test_every_module_says_what_lives_here_and_what_must_never(sources: Sources) -> None:
    """A docstring of at least two sentences or lines."""
    short = [s.name for s in sources if not says_enough(ast.get_docstring(s.tree) or "")]
    assert short == []


def says_enough(docstring: str) -> bool:
    lines = [line for line in docstring.splitlines() if line.strip()]
    return len(lines) >= 2 or len(re.findall(r"[.:;?!](?:\s|$)", docstring)) >= 2


@pytest.mark.parametrize(
    ("docstring", "enough"),
    [
        ("", False),
        ("Things.", False),
        ("Things. No I/O here.", True),
        ("Things: no I/O here.", True),
        ("Things\nof two lines", True),
        ("Version 1.2 of it.", False),
    ],
)
def test_what_is_enough(docstring: str, *, enough: bool) -> None:
    assert says_enough(docstring) is enough


def test_no_module_is_longer_than_can_be_read(sources: Sources) -> None:
    long = {s.name: n for s in sources if (n := len(s.text.splitlines())) > MODULE_LINES_MAX}
    assert long == {}


def test_no_function_is_longer_than_a_page(sources: Sources) -> None:
    long = {
        f"{s.name}.{node.name}": n
        for s in sources
        for node in ast.walk(s.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (n := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert long == {}


# Found by their type (`harness.discovery`, `broken.variants`, `bindings.bindings`), or run by name: nobody has to
# import them.
PLUGIN_FOLDERS = re.compile(
    r"streamspec\.(harness\.(rules|drivers|transports|toxics|adapters|commands)|scenarios\.\w+|reports"
    r"|reference_impl\.(broken|bindings))\.\w+"
)
DOORS = {
    *("streamspec.harness.cli", "streamspec.harness.pytest_plugin"),
    *("streamspec.reference_impl.__main__", "streamspec.reference_impl.objects"),
    *("streamspec.harness.load_child", "streamspec.harness.errand_child", "streamspec.harness.load.locustfile"),
    *(f"streamspec.reference_impl.services.{name}.__main__" for name in ("agent", "orders", "patterns")),
}


def imported_by(source: Any) -> set[str]:
    return imported_in(source.tree)


def imported_in(tree: ast.Module) -> set[str]:
    """Every module that is named in an import; `from a import b` names both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_module_is_dead(root: Path, sources: Sources) -> None:
    """What an example shows to users of a service is in use."""
    used = {name for source in sources for name in imported_by(source) if name != source.name}
    for example in (root / "examples" / "services").rglob("*.py"):
        used |= imported_in(ast.parse(example.read_text(encoding="utf-8")))
    packages = {s.name for s in sources if s.path.name == "__init__.py"}
    dead = {s.name for s in sources} - used - packages - DOORS
    assert sorted(name for name in dead if not PLUGIN_FOLDERS.fullmatch(name)) == []


def test_every_door_is_a_module(sources: Sources) -> None:
    names = {s.name for s in sources}
    assert {door for door in DOORS if door != "streamspec.harness.pytest_plugin"} <= names


def test_print_is_the_doors(sources: Sources) -> None:
    calls = {
        s.name
        for s in sources
        for node in ast.walk(s.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert calls <= DOORS


def test_one_module_of_the_harness_imports_by_name(sources: Sources) -> None:
    """`discovery` is the only importlib of the judging side, apart from reading data files."""
    users = {s.name for s in sources if "importlib" in imported_by(s)}
    assert {name for name in users if name.startswith("streamspec.harness")} == {"streamspec.harness.discovery"}


def test_no_module_has_state_of_its_own(sources: Sources) -> None:
    """A module-level list, dict or set that a function could change (design 2.4: no import-time side effects)."""
    changing = {
        f"{s.name}.{target.id}"
        for s in sources
        for node in s.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Set | ast.ListComp | ast.SetComp)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert changing == set()
