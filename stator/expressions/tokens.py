"""Expression text cut into tokens.

Cutting never fails: a character that no expression contains becomes a `stray` token, and the parser complains about it
only when it gets there. That is what makes the order of AWS's syntax errors come out right.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "name", "value", "index", "symbol", "stray", "end"]

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<word>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<name>#[A-Za-z0-9_]+)"
    r"|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<index>0|[1-9][0-9]*)"
    r"|(?P<symbol><>|<=|>=|[<>=+\-()\[\].,])"
    r"|(?P<stray>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression: `text[start:end]`. The last one has kind `end` and AWS's name for it as text."""

    kind: Kind
    text: str
    start: int
    end: int


def tokenize(text: str) -> tuple[Token, ...]:
    """All tokens of an expression in order, white space left out, an `end` token last."""
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind != "space":
            # The pattern's group names are the kinds.
            tokens.append(Token(kind, match[0], match.start(), match.end()))  # type: ignore[arg-type]
    tokens.append(Token("end", "<EOF>", tokens[-1].end if tokens else 0, len(text)))
    return tuple(tokens)
