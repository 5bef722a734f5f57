"""The reference's broken twins: one defect a file, each file one `Variant`, found by its type.

Never here: a list of them, or a file with two defects.
"""

from __future__ import annotations

import importlib
import pkgutil

from streamspec.reference_impl.variant import Variant


def variants() -> tuple[Variant, ...]:
    """Every variant in this folder, by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Variant))
    return tuple(sorted(found, key=lambda variant: variant.name))
