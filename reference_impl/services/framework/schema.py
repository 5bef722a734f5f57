"""`Schema`: what may pass, as a type that msgspec can check or as a pydantic model.

Both are as strict as JSON is: a text is no number, but in JSON a date is a text. pydantic is not needed: its models are
known by their shape. Never here: what follows from a misfit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from streamspec.reference_impl.services.framework.faults import Misdeclared, Misfit
from streamspec.reference_impl.services.framework.queries import read_query

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED: Final = re.compile(r"field_name='(\w+)'")  # in what pydantic says of a value
_PYDANTIC: Final = ("model_validate_json", "model_json_schema", "model_dump")


class Schema(Protocol):
    """What a builder makes of a model. Each reading raises `Misfit`."""

    def read(self, value: object) -> object:
        """A JSON value, as the model has it, with its defaults."""

    def read_query(self, texts: object) -> object:
        """The texts of a query by name (see `queries`), as the model has them."""

    def read_output(self, value: object) -> object:
        """What a handler sends, checked: something that `to_json` takes."""

    def json_schema(self) -> Mapping[str, Any]:
        """What may be read, as a document of JSON Schema."""

    def output_schema(self) -> Mapping[str, Any]:
        """What is shown of an output."""


def schema_of(model: Any) -> Schema:
    """Raises `Misdeclared` for what is no model, and for one that JSON Schema cannot describe."""
    if isinstance(model, type) and all(callable(getattr(model, name, None)) for name in _PYDANTIC):
        return _pydantic(model)
    try:
        return _Msgspec(model, msgspec.json.Decoder(model), msgspec.json.schema(model))
    except (TypeError, ValueError, NameError) as error:
        raise _no_schema(model, error) from error


def _no_schema(model: Any, error: Exception) -> Misdeclared:
    said = " ".join(str(error).split())
    return Misdeclared(f"{getattr(model, '__name__', model)!r} is no schema: {said}")


def to_json(value: object) -> bytes:
    """Whatever a handler may send, on one line. Raises `Misfit` where that is not possible."""
    try:
        octets = msgspec.json.encode(value, enc_hook=_dumped)
        # Only JSON that is passed on as it is (`msgspec.Raw`) has line ends.
        return msgspec.json.format(octets, indent=-1) if b"\n" in octets or b"\r" in octets else octets
    except (TypeError, ValueError, RecursionError) as error:
        raise Misfit("", f"it cannot be written as JSON: {error}") from error


def _dumped(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"there is no JSON for a {type(value).__name__}")
    return dump(mode="json", by_alias=True)


@dataclass(frozen=True, slots=True)
class _Msgspec:
    _type: Any
    _decoder: msgspec.json.Decoder[Any]
    _document: Mapping[str, Any]

    def read(self, value: object) -> object:
        try:
            return msgspec.convert(value, self._type, str_keys=True)
        except (msgspec.ValidationError, RecursionError) as error:
            raise _misfit(str(error)) from None
        except UnicodeEncodeError:  # a lone surrogate: JSON can escape one, and no text has it
            raise Misfit("", "a text that no text can be") from None

    def read_query(self, texts: object) -> object:
        return self.read(read_query(texts, self._document))

    def read_output(self, value: object) -> object:
        # Not `convert`: that lets an instance of the type pass as it is, and nobody has checked what is in that.
        text = to_json(value)
        try:
            return self._decoder.decode(text)
        except (msgspec.ValidationError, RecursionError) as error:
            raise _misfit(str(error)) from None

    def json_schema(self) -> Mapping[str, Any]:
        return self._document

    def output_schema(self) -> Mapping[str, Any]:
        return self._document


def _misfit(said: str) -> Misfit:
    """Msgspec says `... - at `$.limit``, or nothing of a place where the value itself is wrong."""
    text, at, place = said.rpartition(" - at `$")
    return Misfit(place.rstrip("`").removeprefix("."), text) if at else Misfit("", said)


def _pydantic(model: Any) -> Schema:
    try:
        document, shown = model.model_json_schema(), model.model_json_schema(mode="serialization")
    except Exception as error:
        # pydantic has errors of several families for what it cannot describe, and none of them is ours to import.
        raise _no_schema(model, error) from error
    return _Pydantic(model, document, shown)


@dataclass(frozen=True, slots=True)
class _Pydantic:
    _model: Any
    _document: Mapping[str, Any]
    _shown: Mapping[str, Any]

    def read(self, value: object) -> object:
        text = to_json(value)
        try:
            return self._model.model_validate_json(text, strict=True)
        except ValueError as error:
            raise _pydantic_misfit(error) from None

    def read_query(self, texts: object) -> object:
        return self.read(read_query(texts, self._document))

    def read_output(self, value: object) -> object:
        instance = value if isinstance(value, self._model) else self.read(value)
        # It may have been changed, or made without a check; and by its own class it would show more than ours has. To
        # read it again is no check: what a model shows need not be what it reads.
        try:
            shown = self._model.__pydantic_serializer__.to_python(
                instance, mode="json", by_alias=True, warnings="error"
            )
        except ValueError as error:
            named = _NAMED.search(str(error))
            raise Misfit(named[1] if named else "", "a value that is not what is declared") from error
        _check_whole(instance)
        _check_numbers(shown)
        return shown

    def json_schema(self) -> Mapping[str, Any]:
        return self._document

    def output_schema(self) -> Mapping[str, Any]:
        return self._shown


def _check_whole(value: Any, field: str = "") -> None:
    """Raises `Misfit` where an instance, or one inside it, has no value for one of its fields."""
    if hasattr(type(value), "__pydantic_serializer__") and hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            if name not in value.__dict__:
                raise Misfit(_inner(field, name), "Field required")
            _check_whole(value.__dict__[name], _inner(field, name))
    elif type(value) in {list, tuple, dict}:
        for place, part in value.items() if type(value) is dict else enumerate(value):
            _check_whole(part, _inner(field, str(place)))


def _check_numbers(shown: object, field: str = "") -> None:
    """Raises `Misfit` for a number that JSON does not have, in whose place it would have null."""
    if isinstance(shown, float) and not math.isfinite(shown):
        raise Misfit(field, "a number that JSON does not have")
    if isinstance(shown, list | dict):
        for place, part in shown.items() if isinstance(shown, dict) else enumerate(shown):
            _check_numbers(part, _inner(field, str(place)))


def _inner(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _pydantic_misfit(error: ValueError) -> Misfit:
    """The first of what pydantic complains about, without the value itself."""
    errors = getattr(error, "errors", None)
    if errors is None:
        raise error
    first = errors(include_url=False, include_context=False, include_input=False)[0]
    return Misfit(".".join(map(str, first["loc"])), first["msg"])
