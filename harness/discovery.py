"""Find every plugin by its type: constants of a frozen dataclass in the modules of a plural folder.

The only importlib in the house. It knows the other rooms as strings; it imports a folder when asked for its kind and
nothing before.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TypeVar

from streamspec.harness.core.errors import InternalError

P = TypeVar("P")


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
