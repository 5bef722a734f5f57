"""Find every plugin by its type: constants of a frozen dataclass in the modules of a plural folder. And find the
factory that a user names.

The only importlib in the house. It knows the other rooms as strings; it imports a folder when asked for its kind and
nothing before.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, TypeVar

from streamspec.harness.config import nearest
from streamspec.harness.core.case import Scenario
from streamspec.harness.core.errors import InternalError, UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Adapter, Driver
from streamspec.harness.core.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

P = TypeVar("P")


def all_rules() -> tuple[Rule, ...]:
    """Every rule of the house, by id."""
    return tuple(sorted(constants("streamspec.harness.rules", Rule), key=lambda rule: rule.id))


def all_scenarios() -> tuple[Scenario, ...]:
    return constants("streamspec.scenarios.conformance", Scenario)


def all_drivers() -> tuple[Driver, ...]:
    """Every driver of a wire; last the bindings that end by their own grammar, since nearly every server can answer
    with such a document."""
    return tuple(sorted(constants("streamspec.harness.drivers", Driver), key=lambda driver: driver.closes))


def all_adapters() -> tuple[Adapter, ...]:
    return constants("streamspec.harness.adapters", Adapter)


def constants(package: str, kind: type[P]) -> tuple[P, ...]:
    """Every module-level constant of this type in the package's public modules, in the order of file and line."""
    root = importlib.import_module(package)
    names = sorted(m.name for m in pkgutil.iter_modules(root.__path__) if not m.name.startswith("_"))
    found: dict[int, P] = {}
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        found.update({id(value): value for value in vars(module).values() if isinstance(value, kind)})
    if not found:
        raise InternalError(f"{package} holds no {kind.__name__}: is the installation whole?")
    return tuple(found.values())


def object_factory(word: str) -> Callable[..., Any]:
    """`package.module:factory` as what it names; dots after the colon go deeper. Raises `UsageError`."""
    module_name, colon, path = word.partition(":")
    if not colon or not module_name or not path:
        raise UsageError(f"--object {printable(word)}: write package.module:factory")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        reason = f"{printable(module_name)} cannot be imported ({type(error).__name__}: {printable(str(error))})"
        raise UsageError(f"--object {printable(word)}: {reason}") from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            hint = nearest(name, dir(found))
            raise UsageError(f"--object {printable(word)}: {printable(str(error))}{hint}") from error
    if not callable(found):
        raise UsageError(f"--object {printable(word)}: a {type(found).__name__} cannot be called to make a stream")
    made: Callable[..., Any] = found
    return made
