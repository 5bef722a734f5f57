"""What a `.proto` text declares: its package, imports, types, and the methods of its services.

A reader of declarations, not a compiler: what is no declaration of these is passed over with its braces, so that no
import has to be there, and no option to be known. It agrees with protoc wherever protoc accepts a text
(tests/harness/survey). Pure. Never here: which type a name means (`proto_names`), or any file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.harness.survey.found import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.survey.found import Kind

_TOKEN: Final = re.compile(
    r"\s+|//[^\n]*|/\*.*?(?:\*/|\Z)"  # passed over
    r'|(?P<text>"(?:\\[^\n]|[^"\\\n])*"?|\'(?:\\[^\n]|[^\'\\\n])*\'?)'
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_.]*|.)",
    re.DOTALL,
)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME: Final = re.compile(r"\.?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_OPENS: Final = frozenset("([")
_CLOSES: Final = frozenset(")]")
_VISIBILITY: Final = frozenset({"export", "local"})  # ahead of a type, since edition 2024
_RPC: Final = "rpc"
_NAME_MAX: Final = 500  # characters of a full name, which stands in the name of all that is inside
_NESTED_MAX: Final = 100  # blocks inside of each other; protoc takes no more than 32


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method with its types as they are written."""

    service: str
    name: str
    kind: Kind
    request: str
    response: str
    line: int


@dataclass(frozen=True, slots=True)
class ProtoFile:
    """Names are full ones, without a dot ahead. `problems` are lines, and what cannot be read there."""

    package: str = ""
    imports: tuple[str, ...] = ()
    public_imports: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    services: tuple[str, ...] = ()
    rpcs: tuple[Rpc, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark; a text keeps its quotes."""

    word: str
    line: int


def tokens(text: str) -> list[Token]:
    """Comments and blanks left out."""
    found: list[Token] = []
    line = 1
    for match in _TOKEN.finditer(text.removeprefix("\ufeff")):
        if match.lastgroup:
            found.append(Token(match[0], line))
        line += match[0].count("\n")
    return found


def read(text: str) -> ProtoFile:
    """What this text declares. Nothing is raised: what cannot be read is among the problems."""
    return _Reader(tokens(text)).file()


@dataclass(slots=True)
class _Reader:
    """One walk over the tokens, with the blocks that are open on a stack of their own: no text nests it too deep."""

    at: list[Token]
    place: int = 0
    package: str = ""
    imports: list[str] = field(default_factory=list)
    public: list[str] = field(default_factory=list)
    types: set[str] = field(default_factory=set)
    services: list[str] = field(default_factory=list)
    rpcs: list[Rpc] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    scopes: list[tuple[str, str]] = field(default_factory=list)  # (what, full name) of every block that is open

    def file(self) -> ProtoFile:
        while self.place < len(self.at) and len(self.package) <= _NAME_MAX:
            token = self.at[self.place]
            if token.word == "}":
                self.place += 1
                if self.scopes:
                    self.scopes.pop()
                else:
                    self.problems.append((token.line, "a brace closes that none has opened"))
            else:
                self._statement()
        if len(self.package) > _NAME_MAX:
            told = f"a package name of more than {_NAME_MAX} characters: nothing of this file was read"
            return ProtoFile(problems=((self.at[self.place - 1].line, told),))
        if self.scopes and self.at:
            self.problems.append((self.at[-1].line, f"the file ends inside of {self.scopes[-1][1] or 'a block'}"))
        return ProtoFile(
            self.package,
            tuple(self.imports),
            tuple(self.public),
            frozenset(self.types),
            tuple(self.services),
            tuple(self.rpcs),
            tuple(self.problems),
        )

    def _statement(self) -> None:
        begin = self.place
        words = self._until_end()
        ended = self.at[self.place].word if self.place < len(self.at) else ""
        if ended in {";", "{"}:
            self.place += 1
        what = self.scopes[-1][0] if self.scopes else "file"
        if what == "service":
            self._in_service(words, self.at[begin], opens=ended == "{")
        elif ended == "{":
            self._block(words, what)
        elif what == "file":
            self._directive(words)

    def _until_end(self) -> list[str]:
        """The words up to what ends a statement outside of brackets, which is not taken."""
        words: list[str] = []
        depth = 0
        while self.place < len(self.at):
            word = self.at[self.place].word
            if not depth and word in {";", "{", "}"}:
                break
            depth += (word in _OPENS) - (word in _CLOSES and depth > 0)
            if depth and word == "{":
                self._skip_block()
                continue
            if depth and word in {";", "}"}:  # a bracket that nobody closed: no statement goes on behind these
                break
            words.append(word)
            self.place += 1
        return words

    def _skip_block(self) -> None:
        """From an opening brace, or from behind it, to behind the one that closes it."""
        depth = 0
        while self.place < len(self.at):
            word = self.at[self.place].word
            self.place += 1
            depth += (word == "{") - (word == "}")
            if depth <= 0:
                return

    def _skip_opened(self) -> None:
        self.place -= 1
        self._skip_block()

    def _directive(self, words: list[str]) -> None:
        if words[:1] == ["package"]:
            self.package = "".join(words[1:])
        elif words[:1] == ["import"] and words[-1][:1] in {'"', "'"} and words[1] != "option":
            (self.public if words[1] == "public" else self.imports).append(words[-1][1:-1])

    def _block(self, words: list[str], what: str) -> None:
        """What begins with these words and an opening brace, outside of a service."""
        if words[:1] and words[0] in _VISIBILITY and words[1:2] and words[1] in {"message", "enum"}:
            words = words[1:]
        keyword, name = [*words, "", ""][:2]
        named = len(words) == 2 and _WORD.fullmatch(name) is not None
        if keyword == "option":
            self._skip_opened()
        elif keyword == "message" and named:
            self._open("message", name)
        elif keyword == "enum" and named:
            if self._fits(name):
                self.types.add(self._full(name))
            self._skip_opened()
        elif keyword == "service" and named and what == "file" and not self._fits(name):
            self._skip_opened()
        elif keyword == "service" and named and what == "file":
            self.services.append(self._full(name))
            self.scopes.append(("service", self._full(name)))
        elif "group" in words[:2] and "=" in words:  # proto2: a field and the message that it holds
            self._group([*words[words.index("group") + 1 :], "", ""])
        elif keyword in {"oneof", "extend"}:
            self.scopes.append((keyword, self._scope()))
        else:
            self._skip_opened()

    def _group(self, words: list[str]) -> None:
        """What stands behind the word `group`."""
        if _WORD.fullmatch(words[0]) and words[1] == "=":
            self._open("message", words[0])
        else:
            self.problems.append((self.at[self.place - 1].line, "a group that cannot be read"))
            self._skip_opened()

    def _open(self, what: str, name: str) -> None:
        if len(self.scopes) == _NESTED_MAX:
            self.problems.append((self.at[self.place - 1].line, f"nested more than {_NESTED_MAX} deep"))
            self._skip_opened()
            return
        if not self._fits(name):
            self._skip_opened()
            return
        full = self._full(name)
        self.types.add(full)
        self.scopes.append((what, full))

    def _scope(self) -> str:
        return self.scopes[-1][1] if self.scopes else self.package

    def _full(self, name: str) -> str:
        scope = self._scope()
        return f"{scope}.{name}" if scope else name

    def _fits(self, name: str) -> bool:
        if len(self._scope()) + 1 + len(name) <= _NAME_MAX:
            return True
        self.problems.append((self.at[self.place - 1].line, f"a name of more than {_NAME_MAX} characters"))
        return False

    def _in_service(self, words: list[str], begin: Token, *, opens: bool) -> None:
        if opens:  # the options of a method, or an option that is a message
            self._skip_opened()
        if words[:1] != [_RPC]:
            return
        rpc = _rpc(words, self.scopes[-1][1], begin.line)
        if rpc:
            self.rpcs.append(rpc)
        else:
            self.problems.append((begin.line, "a method that cannot be read"))


def _rpc(words: Sequence[str], service: str, line: int) -> Rpc | None:
    """`rpc NAME ( [stream] TYPE ) returns ( [stream] TYPE )`. As protoc has it, `stream` there is always the word."""
    first = words.index(")") if ")" in words else 0
    shape = words[2:3] == ["("] and words[first + 1 : first + 3] == ["returns", "("] and words[-1] == ")"
    asked, answered = words[3:first], words[first + 3 : -1]
    client_streams, server_streams = asked[:1] == ["stream"], answered[:1] == ["stream"]
    request, response = "".join(asked[client_streams:]), "".join(answered[server_streams:])
    if not (shape and _WORD.fullmatch(words[1]) and _NAME.fullmatch(request) and _NAME.fullmatch(response)):
        return None
    kind = kind_of(client_streams=client_streams, server_streams=server_streams)
    return Rpc(service, words[1], kind, request, response, line)
