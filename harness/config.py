"""From the words of a person (options, TOML files) to settings. The edge where usage errors are made: each names
what is wrong, where, and what would be right. No I/O but reading the files that were named."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urljoin, urlsplit

from streamspec.harness.core.asking import COUNT
from streamspec.harness.core.case import ROLES, TELLABLE, TEXTS, Declared, Role, Tell
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import FEATURES, KINDS, Clause, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streamspec.harness.core.rule import Rule

_PROFILES: Final = "streamspec.harness.profiles"
_PROFILE_BYTES_MAX: Final = 1_048_576
_PROFILE_KEYS: Final = ("name", "sentence", "items", "map", "keep", "features")
_ITEMS: Final = ("any", "json")
_HOST: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z])?\.?")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SEQ: Final = re.compile(r"\$(?:\.[^.\s]+)*")


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for a likely typing error, else empty."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def target_url(text: str) -> str:
    """The URL, checked. Raises `UsageError`."""
    if " " in text or printable(text) != text:
        raise UsageError(f"target {printable(text)!r}: a URL has no blanks or control characters, nor invisible ones")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"target {text}: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise UsageError(f"target {text}: a URL with http:// or https:// is needed")
    if not parts.hostname or port == 0:
        raise UsageError(f"target {text}: it names no host and port to connect to")
    if not _is_host(parts.hostname):
        raise UsageError(f"target {text}: {parts.hostname!r} is no host name and no address")
    if not (parts.path + parts.query).isascii():
        raise UsageError(f"target {text}: a path and a query are ASCII; percent-encode the rest (RFC 3986 §2.1)")
    if parts.username is not None or parts.password is not None:
        raise UsageError("target: credentials do not belong into a URL; use -H 'Authorization: …'")
    return text


def _is_host(host: str) -> bool:
    """A name in letters, digits, dots and hyphens (international ones too), or an address."""
    if ":" in host:
        try:
            return ipaddress.ip_address(host.partition("%")[0]).version == 6
        except ValueError:
            return False
    try:
        return _HOST.fullmatch(host.encode("idna").decode()) is not None
    except UnicodeError:
        return False


def method(word: str) -> str:
    """A request method (RFC 9110 §9.1). Raises `UsageError`."""
    if not _TOKEN.fullmatch(word):
        raise UsageError(f"-X {word!r}: no request method")
    return word


def headers(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`NAME: VALUE` words as pairs. Raises `UsageError`."""
    found: list[tuple[str, str]] = []
    for word in words:
        name, colon, value = word.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise UsageError(f"-H {name!r}: a header is written 'Name: value', in what HTTP can carry (RFC 9110 §5)")
        found.append((name, value.strip()))
    return tuple(found)


def roles(words: Sequence[str], look: Request) -> Mapping[str, Role]:
    """`NAME=PATH` and `NAME.ATTRIBUTE=VALUE` words as roles of the look's server. Raises `UsageError`."""
    paths: dict[str, str] = {}
    attributes: dict[str, dict[str, Declared]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        name, dot, attribute = key.partition(".")
        if not equals or not value:
            raise UsageError(f"--role {word!r}: write NAME=PATH or NAME.ATTRIBUTE=VALUE")
        if name not in ROLES:
            raise UsageError(f"--role {word!r}: no role {name!r} (there are {', '.join(ROLES)}){nearest(name, ROLES)}")
        target = attributes.setdefault(name, {})
        if not dot:
            _once(name in paths, word)
            paths[name] = value
        else:
            _once(attribute in target, word)
            target[attribute] = _attribute(name, attribute, value, f"--role {word!r}")
    for name in attributes:
        if name not in paths:
            raise UsageError(f"--role {name}.…: where is it? Say --role {name}=/path as well")
    return MappingProxyType(
        {name: _role(name, path, attributes[name], look) for name, path in paths.items()},
    )


def _once(again: bool, word: str) -> None:  # noqa: FBT001 -- private
    if again:
        raise UsageError(f"--role {word!r}: said twice")


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _attribute(role: str, attribute: str, value: str, where: str) -> Declared:
    known = ROLES[role].attributes
    if attribute not in known:
        hint = nearest(attribute, known)
        raise UsageError(f"{where}: {role} has no attribute {attribute!r} (it has {', '.join(known)}){hint}")
    kind = known[attribute]
    if kind is str:
        return _field_path(value, where)
    if kind == TEXTS:
        return _texts(value, where)
    if isinstance(kind, tuple):
        if value not in kind:
            raise UsageError(f"{where}: one of {', '.join(kind)} is needed{nearest(value, kind)}")
        return value
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise UsageError(f"{where}: a whole number from 0 to 999999999 is needed")
    return int(value)


def _field_path(value: str, where: str) -> str:
    if not _SEQ.fullmatch(value):
        raise UsageError(f"{where}: the path of a field is needed, like $.n")
    return value


def _texts(value: str, where: str) -> str:
    """A JSON array of texts, checked and kept as it is."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise UsageError(f'{where}: a JSON array of texts is needed, like ["one", "two\\nlines"]')
    return value


def tells(words: Sequence[str], look: Request) -> tuple[Tell, ...]:
    """`NAME=URL#FIELD` and `NAME.per=run|stream` words as what the look's server tells. Raises `UsageError`."""
    places: dict[str, tuple[str, str]] = {}
    per: dict[str, Literal["run", "stream"]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        name, dot, attribute = key.partition(".")
        where = f"--tell {word!r}"
        if name not in TELLABLE:
            known = ", ".join(TELLABLE)
            raise UsageError(f"{where}: nothing is known by {name!r} (there are {known}){nearest(name, TELLABLE)}")
        if dot:
            if attribute != "per" or value not in {"run", "stream"}:
                raise UsageError(f"{where}: write {name}.per=run or {name}.per=stream")
            per[name] = "run" if value == "run" else "stream"
            continue
        url, mark, path = value.partition("#")
        if not equals or not url or not mark:
            raise UsageError(f"{where}: write NAME=URL#FIELD, like produced=/stats#$.produced")
        places[name] = (_same_server(url, look, f"--tell {name}=…"), _field_path(path, where))
    for name in per:
        if name not in places:
            raise UsageError(f"--tell {name}.per=…: where is it told? Say --tell {name}=URL#FIELD as well")
    return tuple(
        Tell(name, Request(url, "GET", _for_tells(look.headers)), path, per.get(name, "run"))
        for name, (url, path) in places.items()
    )


def _for_tells(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The look's headers (they may authorise us), but for what we accept."""
    kept = (pair for pair in headers if pair[0].lower() not in {"accept", "accept-encoding"})
    return (*kept, ("Accept", "application/json"), ("Accept-Encoding", "identity"))


def _same_server(path: str, look: Request, where: str) -> str:
    try:
        url = target_url(urljoin(look.url, path))
    except (UsageError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from error
    if _origin(url) != _origin(look.url):
        raise UsageError(f"{where}: it is an endpoint of the same server")
    return url


def _role(name: str, path: str, attributes: dict[str, Declared], look: Request) -> Role:
    url = _same_server(path, look, f"--role {name}=…")
    if name == "large" and COUNT not in url:
        raise UsageError(f"--role {name}=…: its URL needs {COUNT}, which stands for the number of items")
    request = Request(url, look.method, look.headers, look.body)
    return Role(name, request, MappingProxyType(attributes))


def selected(rules: Sequence[Rule], prefixes: Sequence[str]) -> tuple[Rule, ...]:
    """The rules whose id is, or begins with, one of the prefixes; all without any. Raises `UsageError`."""
    if not prefixes:
        return tuple(rules)
    for prefix in prefixes:
        if not any(_chosen(rule, prefix) for rule in rules):
            known = {rule.id for rule in rules} | {rule.family for rule in rules}
            raise UsageError(f"--rule {prefix}: no such rule or family{nearest(prefix.upper(), known)}")
    return tuple(rule for rule in rules if any(_chosen(rule, prefix) for prefix in prefixes))


def _chosen(rule: Rule, prefix: str) -> bool:
    return prefix.upper() in {rule.id, rule.family}


def profile_names() -> tuple[str, ...]:
    return tuple(sorted(f.name.removesuffix(".toml") for f in files(_PROFILES).iterdir() if f.name.endswith(".toml")))


def profile(name: str) -> Profile:
    """A built-in profile by name, or a TOML file by path. Raises `UsageError` with file and place."""
    if name.endswith(".toml"):
        try:
            with Path(name).open("rb") as file:
                data = file.read(_PROFILE_BYTES_MAX + 1)
        except OSError as error:
            raise UsageError(f"--profile {name}: {error.strerror}") from error
        if len(data) > _PROFILE_BYTES_MAX:
            raise UsageError(f"--profile {name}: larger than {_PROFILE_BYTES_MAX} octets")
        return profile_from_toml(data, name)
    if name not in profile_names():
        known = profile_names()
        raise UsageError(f"--profile {name}: no such profile (there are {', '.join(known)}){nearest(name, known)}")
    return profile_from_toml((files(_PROFILES) / f"{name}.toml").read_bytes(), f"{name}.toml")


def profile_from_toml(data: bytes, place: str) -> Profile:
    """Raises `UsageError` naming `place` and what is wrong there."""
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{place}: {error}") from error
    for key in table:
        if key not in _PROFILE_KEYS:
            raise UsageError(f"{place}: unknown key {key!r}{nearest(key, _PROFILE_KEYS)}")
    items = table.get("items", "any")
    if items not in _ITEMS:
        raise UsageError(f"{place}: items = {items!r}; one of {', '.join(_ITEMS)} is needed")
    rows = table.get("map", [])
    if not isinstance(rows, list):
        raise UsageError(f"{place}: map is a list of tables, written [[map]]")
    clauses = tuple(_clause(row, f"{place}, [[map]] number {n}") for n, row in enumerate(rows, start=1))
    keep, features = _words(table, "keep", place), _words(table, "features", place)
    for feature in features:
        if feature not in FEATURES:
            known = ", ".join(FEATURES)
            raise UsageError(f"{place}: no feature {feature!r} (there are {known}){nearest(feature, FEATURES)}")
    return Profile(_text(table, "name", place), _text(table, "sentence", place), items, clauses, keep, features)


def _words(table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    words = table.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise UsageError(f'{place}: {key} = ["…"] is a list of words')
    return tuple(words)


def _text(table: Mapping[str, Any], key: str, place: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise UsageError(f'{place}: {key} = "…" is missing')
    return value


def _clause(row: Any, place: str) -> Clause:
    when, kind = (row.get("when"), row.get("is")) if isinstance(row, dict) else (None, None)
    for key in row if isinstance(row, dict) else ():
        if key not in {"when", "is"}:
            raise UsageError(f"{place}: unknown key {key!r}{nearest(key, ('when', 'is'))}")
    if not isinstance(when, dict) or not when or not all(isinstance(v, str) for v in when.values()):
        raise UsageError(f'{place}: when = {{ event = "…" }} is needed')
    for key in when:
        if key not in {"event", "data"} and not (key.startswith("json.") and key.count(".") == 1):
            raise UsageError(f"{place}: {key!r} is no condition (event, data, json.FIELD)")
    if kind not in KINDS:
        raise UsageError(f"{place}: is = {kind!r}; one of {', '.join(KINDS)} is needed")
    return Clause(tuple(sorted(when.items())), kind)
