"""The grammar of conditions, filters and key conditions: OR binds weakest, then AND, then NOT, then what compares.

Parentheses may hold a condition or an operand, and only what follows tells which. So one method reads both, and what
comes back is looked at afterwards; there is no backtracking.

Source: AWS developer guide, "Condition and filter expressions, operators, and functions".
"""

from typing import cast

from stator.expressions.ast import (
    And,
    Between,
    Call,
    Comparator,
    Comparison,
    Condition,
    Membership,
    Not,
    Operand,
    Or,
    Path,
    Predicate,
    ValueRef,
)
from stator.expressions.cursor import Cursor, Refusal

CHOICES_MAX = 100

_FUNCTIONS = frozenset(
    {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}
)
_UPDATE_FUNCTIONS = frozenset({"if_not_exists", "list_append"})
_OPERAND_FUNCTION = "size"
"""The one function that stands for a value; all others stand for true or false."""


def read_condition(text: str, parameter: str) -> Condition:
    """Parse a condition. Raises ValidationError with AWS's text, naming `parameter`."""
    grammar = _Grammar(Cursor(text, parameter, _FUNCTIONS | _UPDATE_FUNCTIONS))
    return grammar.condition()


class _Grammar:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def condition(self) -> Condition:
        predicate = self._predicate(self._disjunction())
        placeholders = self._cursor.finish()
        return Condition(self._cursor.parameter, predicate, placeholders)

    def _disjunction(self) -> Predicate | Operand:
        first = self._conjunction()
        if self._cursor.keyword_ahead() != "OR":
            return first
        parts = [self._predicate(first)]
        while self._cursor.accept_keyword("OR"):
            self._cursor.count_operator()
            parts.append(self._predicate(self._conjunction()))
        return Or(tuple(parts))

    def _conjunction(self) -> Predicate | Operand:
        first = self._negation()
        if self._cursor.keyword_ahead() != "AND":
            return first
        parts = [self._predicate(first)]
        while self._cursor.accept_keyword("AND"):
            self._cursor.count_operator()
            parts.append(self._predicate(self._negation()))
        return And(tuple(parts))

    def _negation(self) -> Predicate | Operand:
        negations = 0
        while self._cursor.accept_keyword("NOT"):
            self._cursor.count_operator()
            negations += 1
        term = self._term()
        if not negations:
            return term
        predicate = self._predicate(term)
        return Not(predicate) if negations % 2 else predicate

    def _term(self) -> Predicate | Operand:
        cursor = self._cursor
        left = cursor.parenthesised(self._disjunction) if cursor.ahead.text == "(" else cursor.plain_operand(self._call)
        if not isinstance(left, Path | ValueRef | Call):
            return left
        if operator := cursor.accept("=", "<>", "<", "<=", ">", ">="):
            cursor.count_operator()
            return Comparison(cast("Comparator", operator), self._comparable(left), self._comparable(self._operand()))
        if cursor.accept_keyword("BETWEEN"):
            cursor.count_operator()
            lower = self._comparable(self._operand())
            if not cursor.accept_keyword("AND"):
                raise cursor.syntax_error()
            return Between(self._comparable(left), lower, self._comparable(self._operand()))
        if cursor.accept_keyword("IN"):
            cursor.count_operator()
            return Membership(self._comparable(left), self._choices())
        return left

    def _choices(self) -> tuple[Operand, ...]:
        cursor = self._cursor
        cursor.expect("(")
        choices = cursor.separated(lambda: self._comparable(self._operand()))
        cursor.expect(")")
        if len(choices) > CHOICES_MAX:
            raise cursor.error(
                f"The IN operator is provided with too many operands; number of operands: {len(choices)}"
            )
        return choices

    def _operand(self) -> Operand:
        return self._cursor.operand(self._call)

    def _call(self) -> Call:
        cursor = self._cursor
        call = cursor.call(lambda: self._comparable(self._operand()))
        if call.function in _UPDATE_FUNCTIONS:
            cursor.refuse(
                Refusal.FUNCTION_USE,
                f"The function is not allowed in a condition expression; function: {call.function}",
            )
        return call

    def _comparable(self, operand: Operand) -> Operand:
        """Where a value is wanted."""
        if isinstance(operand, Call) and operand.function != _OPERAND_FUNCTION:
            self._misused(operand)
        return operand

    def _predicate(self, term: Predicate | Operand) -> Predicate:
        """Where a truth is wanted."""
        if isinstance(term, Path | ValueRef):
            raise self._cursor.syntax_error()
        if isinstance(term, Call) and term.function == _OPERAND_FUNCTION:
            self._misused(term)
        return term

    def _misused(self, call: Call) -> None:
        self._cursor.refuse(
            Refusal.FUNCTION_USE,
            f"The function is not allowed to be used this way in an expression; function: {call.function}",
        )
