"""A request's JSON body, read field by field: what is wrong is said by the field's name, before anything is done.

Fields that nobody asks for are passed over, as the real services do. Never here: what a field means, or how an error
looks on a wire.
"""

from __future__ import annotations

from typing import Any, NoReturn

from streamspec.reference_impl import payload


class Invalid(Exception):
    """A request that is not accepted: a status, a message for strangers, the field that is wrong, and a word."""

    def __init__(self, message: str, param: str = "", status: int = 400, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code


class Fields:
    """The fields of one object. A field that is null counts as absent."""

    __slots__ = ("_place", "_values")

    def __init__(self, values: dict[str, Any], place: str = "") -> None:
        self._values = values
        self._place = place

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def value(self, name: str) -> object:
        """Whatever is there; None where nothing is."""
        return self._values.get(name)

    def where(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def refuse(self, name: str, what: str, code: str = "") -> NoReturn:
        where = self.where(name)
        raise Invalid(f"'{where}' {what}", where, code=code)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it has to be there, and not empty."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value):
            self.refuse(name, "is a text, and is needed" if default is None else "is a text")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, "is true or false")
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse(name, f"is a whole number from {least} to {most}")
        return value

    def number(self, name: str, least: float, most: float) -> None:
        """A number that has no effect here: it only has to be one."""
        value = self._values.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            self.refuse(name, "is a number")
        if value is not None and not least <= value <= most:
            self.refuse(name, f"is a number from {least:g} to {most:g}")

    def elements(self, name: str, most: int) -> list[Any]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(name, "is a list")
        if len(value) > most:
            self.refuse(name, f"has at most {most} elements, not {len(value)}")
        return value

    def objects(self, name: str, most: int) -> list[Fields]:
        """A list of objects."""
        return [self._object(value, f"{name}[{n}]") for n, value in enumerate(self.elements(name, most))]

    def fields(self, name: str) -> Fields:
        """An object, or an empty one."""
        value = self._values.get(name)
        return Fields({}, self.where(name)) if value is None else self._object(value, name)

    def mapping(self, name: str) -> dict[str, Any]:
        """The same as it is."""
        return self.fields(name)._values  # noqa: SLF001 -- of its own kind

    def texts(self, name: str, most: int, most_chars: int) -> tuple[str, ...]:
        """One text or a list of them, none of them empty."""
        value = self._values.get(name)
        found = [value] if isinstance(value, str) else self.elements(name, most)
        for text in found:
            if not isinstance(text, str) or not 0 < len(text) <= most_chars:
                self.refuse(name, f"is a text or a list of texts, each of 1 to {most_chars} characters")
        return tuple(found)

    def _object(self, value: object, name: str) -> Fields:
        if not isinstance(value, dict):
            self.refuse(name, "is an object")
        return Fields(value, self.where(name))


def fields_of(body: bytes) -> Fields:
    """The object that a body is. Raises `Invalid`."""
    try:
        value = payload.repeatable(body.decode())  # or no prompt could
    except (ValueError, RecursionError):
        raise Invalid("the body is no JSON in UTF-8, or none that could be repeated") from None
    if not isinstance(value, dict):
        raise Invalid("the body is a JSON object")
    return Fields(value)
