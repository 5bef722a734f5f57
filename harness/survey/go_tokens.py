"""Go source as tokens with their lines, and the functions that stand in it, each with its parameters and its body.

A reader of shapes, not a compiler: it knows comments, texts, brackets, and where Go's own rules put a body. Pure. Never
here: what a stream is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TOKEN: Final = re.compile(
    r"\s+|//[^\n]*|/\*.*?(?:\*/|\Z)"  # passed over
    r'|(?P<text>`[^`]*`?|"(?:\\[^\n]|[^"\\\n])*"?|\'(?:\\[^\n]|[^\'\\\n])*\'?)'
    r"|(?P<word>[^\W\d]\w*|\d[\w.]*|:=|.)",
    re.DOTALL,
)
_CLOSING: Final[Mapping[str, str]] = {"(": ")", "[": "]", "{": "}"}
_RESULT_MAX: Final = 200  # words and brackets between the parameters of a function and its body
_NAME: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a mark or a text with its quotes."""

    word: str
    line: int

    @property
    def is_name(self) -> bool:
        return _NAME.fullmatch(self.word) is not None


@dataclass(frozen=True, slots=True)
class Parameter:
    """Its name (empty where it has none) and the words of its type."""

    name: str
    type: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A declaration or a literal: `name` is empty for a literal, `begin` and `end` are the tokens of its body, `apart`
    says that a `go` stands ahead of it. `of` is the type whose method it is, empty for none."""

    name: str
    of: str
    line: int
    parameters: tuple[Parameter, ...]
    begin: int
    end: int
    apart: bool


@dataclass(frozen=True, slots=True)
class GoFile:
    """All tokens of a text, where each bracket closes, and its functions, outer ones before those inside."""

    tokens: tuple[Token, ...]
    closes: Mapping[int, int]
    functions: tuple[Function, ...]


def read(text: str) -> GoFile:
    """Nothing is raised: a bracket that nobody closes reaches to the end."""
    found: list[Token] = []
    line = 1
    for match in _TOKEN.finditer(text.removeprefix("\ufeff")):
        if match.lastgroup:
            found.append(Token(match[0], line))
        line += match[0].count("\n")
    tokens = tuple(found)
    closes = _closes(tokens)
    return GoFile(tokens, closes, tuple(_functions(tokens, closes)))


def _closes(tokens: Sequence[Token]) -> Mapping[int, int]:
    open_: list[int] = []
    found: dict[int, int] = {}
    for n, token in enumerate(tokens):
        if token.word in _CLOSING:
            open_.append(n)
        elif token.word in {")", "]", "}"}:
            while open_:  # what is open inside of it was never closed
                begin = open_.pop()
                found[begin] = n
                if _CLOSING[tokens[begin].word] == token.word:
                    break
    found.update((n, len(tokens)) for n in open_)
    return found


def _functions(tokens: Sequence[Token], closes: Mapping[int, int]) -> Iterator[Function]:
    ahead = 0  # what stands in a receiver, or among parameters, are types: none of them has a body
    for n, token in enumerate(tokens):
        if token.word != "func" or n < ahead:
            continue
        at, name, receiver = n + 1, "", range(0)
        literal = word_at(tokens, at) == "("
        if literal and _is_method(tokens, closes.get(at, at) + 1):  # func (s *server) List(
            receiver = range(at + 1, closes[at])
            at, literal = closes[at] + 1, False
        if not literal:
            if at >= len(tokens) or not tokens[at].is_name:
                continue
            name, at = tokens[at].word, at + 1
            if word_at(tokens, at) == "[":
                at = closes[at] + 1
        if word_at(tokens, at) != "(":
            continue
        begin = _body(tokens, closes, closes[at])
        if begin is not None:
            ahead = closes[at]
            of = _type_name(tokens[receiver.start : receiver.stop])
            inside = tuple(parameters(tokens[at + 1 : ahead]))
            apart = n > 0 and tokens[n - 1].word == "go"
            yield Function(name, of, token.line, inside, begin, closes[begin], apart)


def _is_method(tokens: Sequence[Token], behind: int) -> bool:
    """Whether the name of a method stands there, and not the result of a literal."""
    named = behind < len(tokens) and tokens[behind].is_name and tokens[behind].word not in {"func", "chan", "map"}
    return named and word_at(tokens, behind + 1) == "("


def word_at(tokens: Sequence[Token], place: int) -> str:
    """Empty behind the end."""
    return tokens[place].word if 0 <= place < len(tokens) else ""


def _type_name(receiver: Sequence[Token]) -> str:
    """`server` of `s *server`, of `s *server[T]`, and of `*server`."""
    words = [token.word for token in receiver]
    before = words[: words.index("[")] if "[" in words else words
    return before[-1] if before else ""


def _body(tokens: Sequence[Token], closes: Mapping[int, int], close: int) -> int | None:
    """The brace that opens the body behind these parameters: on the line of what is ahead of it, where Go's rule of the
    semicolon has it (Go spec, Semicolons). None for what is only a type, or declared elsewhere."""
    at = close + 1
    for _ in range(_RESULT_MAX):
        if at >= len(tokens) or tokens[at].line != tokens[at - 1].line:
            break
        word = tokens[at].word
        if word in {"interface", "struct"} and word_at(tokens, at + 1) == "{":
            at = closes[at + 1] + 1
        elif word == "{":
            return at
        elif word in {"(", "["}:
            at = closes[at] + 1
        elif word in {",", ")", "]", "}", ";", "=", ":="}:
            return None
        else:
            at += 1
    return None


def parameters(inside: Sequence[Token]) -> Iterator[Parameter]:
    """What stands between the parentheses, taken apart at its commas. Of `a, b T` the first has no type."""
    for piece in pieces(inside):
        words = tuple(token.word for token in piece)
        named = len(words) > 1 and piece[0].is_name and words[1] not in {".", "["} and words[0] not in {"func", "chan"}
        # `a []T` and `a [4]T` are named as well; `T[int]` is not
        if len(words) > 2 and words[1] == "[" and piece[0].is_name and (words[2] == "]" or words[2].isdigit()):
            named = True
        yield Parameter(words[0], words[1:]) if named else Parameter("", words)


def pieces(inside: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """What stands between commas outside of brackets."""
    depth, begin = 0, 0
    for n, token in enumerate(inside):
        depth += (token.word in {"(", "[", "{"}) - (token.word in {")", "]", "}"})
        if token.word == "," and not depth:
            if n > begin:
                yield inside[begin:n]
            begin = n + 1
    if begin < len(inside):
        yield inside[begin:]
