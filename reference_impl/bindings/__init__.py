"""How frames and requests look on a wire: one concern a file, a binding found by its type.

Never here: producers, or a stream's rules.
"""

from __future__ import annotations

import importlib
import pkgutil

from streamspec.reference_impl.binding import Binding


def bindings() -> tuple[Binding, ...]:
    """Every binding in this folder, by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Binding))
    return tuple(sorted(found, key=lambda binding: binding.name))
