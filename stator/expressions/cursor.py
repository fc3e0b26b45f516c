"""A cursor over an expression's tokens, with what all grammars share: paths, functions, parentheses, syntax errors.

AWS complains in a fixed order: first about what it cannot read, then (once the whole text is read) about the gravest
thing it may not accept. `refuse` notes the latter; `finish` raises the gravest.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

from stator.expressions.ast import Call, Operand, Path, Step, ValueRef
from stator.expressions.reserved_words import is_reserved
from stator.expressions.tokens import Token, tokenize
from stator.model.errors import ValidationError

_T = TypeVar("_T")

EXPRESSION_BYTES_MAX = 4_096
OPERATORS_MAX = 300
KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"})
"""Words that are keywords in every kind of expression, and so never names."""
PATH_STEPS_MAX = 32
INDEX_MAX = 2**31 - 1
NESTING_MAX = 100
"""Parentheses and calls inside one another: ours, so that no text exhausts Python's stack (about seven frames each)."""


class Refusal(IntEnum):
    """Why a readable expression is refused, gravest first."""

    FUNCTION_NAME = 0
    FUNCTION_USE = 1
    RESERVED_WORD = 2
    SECTION = 3


class Cursor:
    """Position in one expression's text. `parameter` is the request member that holds it, which errors name."""

    def __init__(self, text: str, parameter: str, functions: frozenset[str] = frozenset()) -> None:
        self.parameter = parameter
        self._text = text
        self._functions = functions
        if not text:
            raise self.error("The expression can not be empty;")
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > EXPRESSION_BYTES_MAX:
            raise self.error(f"Expression size has exceeded the maximum allowed size; expression size: {size}")
        self._tokens = tokenize(text)
        self._position = 0
        self._operators = 0
        self._depth = 0
        self._group: tuple[int, int] | None = None
        self._refusals: dict[Refusal, str] = {}
        self._placeholders: dict[str, None] = {}

    # --- errors ----------------------------------------------------------------------------------------------

    def error(self, reason: str) -> ValidationError:
        """The error to raise for this expression."""
        return ValidationError(f"Invalid {self.parameter}: {reason}")

    def syntax_error(self) -> ValidationError:
        """The error for the token ahead, which AWS shows between its neighbours."""
        start = self._tokens[self._position - 1].start if self._position else 0
        after = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
        near = self._text[start : after.end]
        return self.error(f'Syntax error; token: "{self.ahead.text}", near: "{near}"')

    def refuse(self, refusal: Refusal, reason: str) -> None:
        """Note the first reason of each kind; reading goes on."""
        self._refusals.setdefault(refusal, reason)

    def finish(self) -> tuple[str, ...]:
        """End of the expression: all placeholders used, in order of first use. Raises what was refused."""
        if self.ahead.kind != "end":
            raise self.syntax_error()
        if self._refusals:
            raise self.error(self._refusals[min(self._refusals)])
        return tuple(self._placeholders)

    # --- tokens ----------------------------------------------------------------------------------------------

    @property
    def ahead(self) -> Token:
        """The next token."""
        return self._tokens[self._position]

    def take(self) -> Token:
        """The next token, passed."""
        token = self.ahead
        self._position += 1
        return token

    def accept(self, *symbols: str) -> str | None:
        """Pass one of these symbols if it is next."""
        if self.ahead.kind == "symbol" and self.ahead.text in symbols:
            return self.take().text
        return None

    def expect(self, symbol: str) -> None:
        """Pass a symbol that must be next."""
        if not self.accept(symbol):
            raise self.syntax_error()

    def keyword_ahead(self) -> str | None:
        """The keyword that is next, in capitals; keywords ignore case."""
        word = self.ahead.text.upper() if self.ahead.kind == "word" else ""
        return word if word in KEYWORDS else None

    def accept_keyword(self, keyword: str) -> bool:
        """Pass a keyword if it is next."""
        if self.keyword_ahead() != keyword:
            return False
        self._position += 1
        return True

    def separated(self, element: Callable[[], _T]) -> tuple[_T, ...]:
        """One or more elements with commas between."""
        elements = [element()]
        while self.accept(","):
            elements.append(element())
        return tuple(elements)

    def parenthesised(self, content: Callable[[], _T]) -> _T:
        """`( content )`, refused at once if the content is nothing but another pair of parentheses."""
        opened = self._position
        self.expect("(")
        result = self._nested(content)
        closed = self._position
        self.expect(")")
        if self._group == (opened + 1, closed - 1):
            raise self.error("The expression has redundant parentheses;")
        self._group = (opened, closed)
        return result

    def count_operator(self) -> None:
        """Operators, keywords between operands and functions count towards AWS's limit."""
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            raise self.error(f"The expression contains too many operators; operator count: {self._operators}")

    # --- operands --------------------------------------------------------------------------------------------

    def operand(self, call: Callable[[], Operand]) -> Operand:
        """A plain operand, in parentheses or not."""
        if self.ahead.text == "(":
            return self.parenthesised(lambda: self.operand(call))
        return self.plain_operand(call)

    def plain_operand(self, call: Callable[[], Operand]) -> Operand:
        """A value, a path, or what `call` makes of a function call."""
        if self.ahead.kind == "value":
            return self.value()
        return call() if self._at_call() else self.path()

    def _at_call(self) -> bool:
        following = self._tokens[self._position + 1 : self._position + 2]
        return self.ahead.kind == "word" and self.keyword_ahead() is None and following[0].text == "("

    def call(self, argument: Callable[[], Operand]) -> Call:
        """`function(argument, ...)`; unknown functions are refused."""
        function = self.take().text
        if function not in self._functions:
            self.refuse(Refusal.FUNCTION_NAME, f"Invalid function name; function: {function}")
        self.count_operator()
        self.expect("(")
        arguments = self._nested(lambda: self.separated(argument))
        self.expect(")")
        return Call(function, arguments)

    def value(self) -> ValueRef:
        """`:placeholder`."""
        if self.ahead.kind != "value":
            raise self.syntax_error()
        return ValueRef(self._placeholder())

    def path(self) -> Path:
        """`name.name[index]`, at most 32 steps."""
        steps: list[Step] = [self._name()]
        while symbol := self.accept(".", "["):
            steps.append(self._name() if symbol == "." else self._index())
        if len(steps) > PATH_STEPS_MAX:
            raise self.error(f"The document path has too many nesting levels; nesting levels: {len(steps)}")
        return Path(tuple(steps), aliased=any(isinstance(step, str) and step[0] == "#" for step in steps))

    def _name(self) -> str:
        if self.ahead.kind == "name":
            return self._placeholder()
        if self.ahead.kind != "word" or self.keyword_ahead():
            raise self.syntax_error()
        word = self.take().text
        if is_reserved(word):
            self.refuse(Refusal.RESERVED_WORD, f"Attribute name is a reserved keyword; reserved keyword: {word}")
        return word

    def _index(self) -> int:
        if self.ahead.kind != "index":
            raise self.syntax_error()
        index = self.take().text
        self.expect("]")
        if len(index) > len(str(INDEX_MAX)) or int(index) > INDEX_MAX:
            raise self.error(f"List index is not within the allowable range; index: [{index}]")
        return int(index)

    def _placeholder(self) -> str:
        placeholder = self.take().text
        self._placeholders[placeholder] = None
        return placeholder

    def _nested(self, content: Callable[[], _T]) -> _T:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self.error(f"The expression contains too many operators; operator count: {OPERATORS_MAX + 1}")
        result = content()
        self._depth -= 1
        return result
