"""From the words of a person (options, `streamspec.toml`) to settings. The edge where usage errors are made: each names
what is wrong, where, and what would be right. No I/O."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urljoin, urlsplit

from streamspec.harness.core.asking import COUNT
from streamspec.harness.core.case import AUTHS, CLAIMS, ROLES, TELLABLE, TEXTS, Declared, Role, Tell
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Request
from streamspec.harness.core.quoting import quoted, shown
from streamspec.harness.core.redaction import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streamspec.harness.core.rule import Rule

PORTS: Final = MappingProxyType({"http": 80, "https": 443, "ws": 80, "wss": 443})  # where none is said
SCHEMES: Final = (*PORTS, "tcp", "grpc", "grpcs")
_HOST: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z])?\.?")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_QUOTES: Final = re.compile(r"(?<=netloc ).*(?= contains)|'.*'", re.DOTALL)
_OF_THE_LOOK: Final = ("look=", "look.")
DATA: Final = "data"  # of every role: the content of its request, or the message that opens its stream
_LEAST_ONE: Final = frozenset({"item_bytes"})  # whole numbers that something is divided by
_SEQ: Final = re.compile(r"\$(?:\.[^.\s]+)*")


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for a likely typing error, else empty."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def target_url(text: str) -> str:
    """The URL, checked. Raises `UsageError`."""
    if " " in text or printable(text) != text:
        raise UsageError(f"target {quoted(text)}: a URL has no blanks or control characters, nor invisible ones")
    where = f"target {shown(text)}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{where}: {_QUOTES.sub('…', str(error))}") from error
    if parts.scheme not in SCHEMES:
        others = ", ".join(f"{scheme}://" for scheme in SCHEMES if not scheme.startswith("http"))
        raise UsageError(f"{where}: a URL with http:// or https:// is needed (or with {others})")
    if not parts.hostname or port == 0 or not (port or parts.scheme in PORTS):
        raise UsageError(f"{where}: it names no host and port to connect to")
    if not _is_host(parts.hostname):
        raise UsageError(f"{where}: {quoted(parts.hostname)} is no host name and no address")
    if not (parts.path + parts.query).isascii():
        raise UsageError(f"{where}: a path and a query are ASCII; percent-encode the rest (RFC 3986 §2.1)")
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
        raise UsageError(f"-X {quoted(word)}: no request method")
    return word


def usual_method(url: str, body: bytes) -> str:
    """That of a request of which nobody has said it. A WebSocket is opened by GET alone (RFC 6455 §4.1), and its data
    is a message."""
    return "POST" if body and urlsplit(url).scheme not in {"ws", "wss"} else "GET"


def headers(words: Sequence[str], option: str = "-H") -> tuple[tuple[str, str], ...]:
    """`NAME: VALUE` words as pairs; `option` is where they were said. Raises `UsageError`."""
    found: list[tuple[str, str]] = []
    for n, word in enumerate(words, start=1):
        name, colon, value = word.partition(":")
        named = bool(colon and _TOKEN.fullmatch(name))
        if not named or not _VALUE.fullmatch(value):
            which = f"'{name}'" if named else f"number {n}"  # what is no name may be a secret
            how = "a header is written 'Name: value', in what HTTP can carry (RFC 9110 §5)"
            raise UsageError(f"{option} {which}: {how}")
        found.append((name, value.strip()))
    return tuple(found)


def roles(words: Sequence[str], look: Request) -> Mapping[str, Role]:
    """`NAME=PATH` and `NAME.ATTRIBUTE=VALUE` words as roles of the look's server. Raises `UsageError`."""
    paths: dict[str, str] = {}
    attributes: dict[str, dict[str, Declared]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        name, dot, attribute = key.partition(".")
        where = f"--role {quoted(word)}"
        if not equals or not value:
            raise UsageError(f"{where}: write NAME=PATH or NAME.ATTRIBUTE=VALUE")
        if name not in ROLES:
            hint = nearest(name, ROLES)
            raise UsageError(f"{where}: no role {quoted(name)} (there are {', '.join(ROLES)}){hint}")
        target = attributes.setdefault(name, {})
        if not dot:
            _once(name in paths, where)
            paths[name] = value
        else:
            _once(attribute in target, where)
            target[attribute] = _attribute(name, attribute, value, where)
    for name in attributes:
        if name not in paths:
            raise UsageError(f"--role {name}.…: where is it? Say --role {name}=/path as well")
    return MappingProxyType(
        {name: _role(name, path, attributes[name], look) for name, path in paths.items()},
    )


def look_of(words: Sequence[str], look: Request) -> Request:
    """The look with the path and the data that a profile has for it (`look=…`, `look.data=…`), where nobody has said
    either. Raises `UsageError`."""
    said = dict(word.split("=", 1) for word in words if word.startswith(_OF_THE_LOOK))
    if not said or look.body or urlsplit(look.url).path not in {"", "/"}:
        return look
    url = _same_server(said.get("look", ""), look, "the profile's look")
    return replace(look, url=url, body=said.get(f"look.{DATA}", "").encode())


def words_of_roles(words: Sequence[str]) -> tuple[str, ...]:
    """Those of a profile's words that are about roles."""
    return tuple(word for word in words if not word.startswith(_OF_THE_LOOK))


def _once(again: bool, where: str) -> None:  # noqa: FBT001 -- private
    if again:
        raise UsageError(f"{where}: said twice")


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme, 0)


def _attribute(role: str, attribute: str, value: str, where: str) -> Declared:
    known = ROLES[role].attributes
    if attribute == DATA:
        return value
    if attribute not in known:
        hint = nearest(attribute, known)
        raise UsageError(f"{where}: {role} has no attribute {quoted(attribute)} (it has {', '.join(known)}){hint}")
    kind = known[attribute]
    if kind is str:
        return _field_path(value, where)
    if kind == TEXTS:
        return _texts(value, where)
    if isinstance(kind, tuple):
        if value not in kind:
            raise UsageError(f"{where}: one of {', '.join(kind)} is needed{nearest(value, kind)}")
        return value
    least = 1 if attribute in _LEAST_ONE else 0
    if not (value.isascii() and value.isdigit()) or len(value) > 9 or int(value) < least:
        raise UsageError(f"{where}: a whole number from {least} to 999999999 is needed")
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


def claims(words: Sequence[str]) -> tuple[str, ...]:
    """What a server is said to do besides. Raises `UsageError`."""
    for word in words:
        if word not in CLAIMS:
            known = ", ".join(CLAIMS)
            raise UsageError(
                f"--claim {quoted(word)}: nothing that a server can claim (there is {known}){nearest(word, CLAIMS)}"
            )
    return tuple(dict.fromkeys(words))


def auth(word: str, own: tuple[tuple[str, str], ...]) -> str:
    """The kind of credentials that every request needs, empty for none. Raises `UsageError`, also where the user's own
    are missing."""
    if word and word not in AUTHS:
        raise UsageError(f"--auth {quoted(word)}: one of {', '.join(AUTHS)} is needed{nearest(word, AUTHS)}")
    if word and not any(name.lower() == "authorization" for name, _ in own):
        raise UsageError(f"--auth {word}: say the credentials as well, with -H 'Authorization: Bearer …'")
    return word


def other_credentials(word: str) -> tuple[tuple[str, str], ...]:
    """The header with the credentials of another client of the target, none for an empty word. Raises `UsageError`."""
    found = headers((word,), "--other-credentials") if word else ()
    if lacking := [name for name, value in found if not (is_secret(name) and value)]:
        raise UsageError(f"--other-credentials {quoted(lacking[0])}: a header with credentials is needed, and in full")
    return found


def tells(words: Sequence[str], look: Request) -> tuple[Tell, ...]:
    """`NAME=URL#FIELD` and `NAME.per=run|stream` words as what the look's server tells: over HTTP, also where its
    streams are WebSockets, frames or calls. Raises `UsageError`."""
    asked = replace(look, url=_over_http(look.url))
    places: dict[str, tuple[str, str]] = {}
    per: dict[str, Literal["run", "stream"]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        name, dot, attribute = key.partition(".")
        where = f"--tell {quoted(word)}"
        if name not in TELLABLE:
            known, hint = ", ".join(TELLABLE), nearest(name, TELLABLE)
            raise UsageError(f"{where}: nothing is known by {quoted(name)} (there are {known}){hint}")
        if dot:
            if attribute != "per" or value not in {"run", "stream"}:
                raise UsageError(f"{where}: write {name}.per=run or {name}.per=stream")
            per[name] = "run" if value == "run" else "stream"
            continue
        url, mark, path = value.partition("#")
        if not equals or not url or not mark:
            raise UsageError(f"{where}: write NAME=URL#FIELD, like produced=/stats#$.produced")
        places[name] = (_same_server(url, asked, f"--tell {name}=…"), _field_path(path, where))
    for name in per:
        if name not in places:
            raise UsageError(f"--tell {name}.per=…: where is it told? Say --tell {name}=URL#FIELD as well")
    return tuple(
        Tell(name, Request(url, "GET", for_figures(look.headers)), path, per.get(name, "run"))
        for name, (url, path) in places.items()
    )


def for_figures(own: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The look's own headers (they may authorise us), but for what we accept."""
    kept = (pair for pair in own if pair[0].lower() not in {"accept", "accept-encoding"})
    return (*kept, ("Accept", "application/json"), ("Accept-Encoding", "identity"))


def for_streams(own: tuple[tuple[str, str], ...], accepts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The look's own headers, and what we can read, unless they say it."""
    names = {name.lower() for name, _ in own}
    accept = () if "accept" in names else (("Accept", ", ".join(accepts)),)
    encoding = () if "accept-encoding" in names else (("Accept-Encoding", "identity"),)
    return (*accept, *own, *encoding)


def script_base(word: str, look: Request) -> str:
    """The base URL of an adapter on the look's server, without a slash at its end. Raises `UsageError`."""
    where = f"--script {shown(word)}"
    url = _same_server(word, look, where)
    if "?" in url or "#" in url:
        raise UsageError(f"{where}: a base URL has no query")
    return url.rstrip("/")


_ASKED_OVER: Final[Mapping[str, str]] = MappingProxyType(
    {"ws": "http", "wss": "https", "tcp": "http", "grpc": "http", "grpcs": "https"}
)


def _over_http(url: str) -> str:
    """The same server, asked as anybody asks before a connection is switched (RFC 6455 §3, §4.1), and on the same port
    where its streams are frames or calls."""
    scheme, colon, rest = url.partition(":")
    return _ASKED_OVER.get(scheme.lower(), scheme) + colon + rest


def _joined(base: str, path: str) -> str:
    """A path on the same server; `urljoin` knows no relative one in a scheme that it does not know."""
    if urlsplit(path).scheme:
        return path
    scheme, _, rest = base.partition(":")
    return scheme + urljoin(f"http:{rest}", path).removeprefix("http")


def _same_server(path: str, look: Request, where: str) -> str:
    try:
        url = target_url(_joined(look.url, path))
    except (UsageError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from error
    if _origin(url) != _origin(look.url):
        raise UsageError(f"{where}: it is an endpoint of the same server")
    return url


def _role(name: str, path: str, attributes: dict[str, Declared], look: Request) -> Role:
    url = _same_server(path, look, f"--role {name}=…")
    data = attributes.pop(DATA, None)
    body = look.body if data is None else str(data).encode()
    if name == "large" and COUNT not in url and COUNT.encode() not in body:
        raise UsageError(f"--role {name}=…: its URL or data need {COUNT}, which stands for the number of items")
    request = Request(url, look.method, look.headers, body, version=look.version)
    return Role(name, request, MappingProxyType(attributes))


def selected(rules: Sequence[Rule], prefixes: Sequence[str]) -> tuple[Rule, ...]:
    """The rules whose id is, or begins with, one of the prefixes; all without any. Raises `UsageError`."""
    if not prefixes:
        return tuple(rules)
    for prefix in prefixes:
        if not any(_chosen(rule, prefix) for rule in rules):
            known = {rule.id for rule in rules} | {rule.family for rule in rules}
            raise UsageError(f"--rule {shown(prefix)}: no such rule or family{nearest(prefix.upper(), known)}")
    return tuple(rule for rule in rules if any(_chosen(rule, prefix) for prefix in prefixes))


def _chosen(rule: Rule, prefix: str) -> bool:
    return prefix.upper() in {rule.id, rule.family}
