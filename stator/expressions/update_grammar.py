"""The grammar of update expressions: SET, REMOVE, ADD and DELETE sections, each at most once, in any order.

Source: AWS developer guide, "Update expressions".
"""

from collections.abc import Callable
from typing import Literal, cast

from stator.expressions.ast import Action, Add, Arithmetic, Call, Delete, Operand, Remove, SetTo, Update
from stator.expressions.cursor import Cursor, Refusal

_FUNCTIONS = frozenset({"if_not_exists", "list_append"})
_CONDITION_FUNCTIONS = frozenset(
    {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}
)


def read_update(text: str, parameter: str) -> Update:
    """Parse an update expression. Raises ValidationError with AWS's text, naming `parameter`."""
    return _Grammar(Cursor(text, parameter, _FUNCTIONS | _CONDITION_FUNCTIONS)).update()


class _Grammar:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def update(self) -> Update:
        cursor = self._cursor
        elements: dict[str, Callable[[], Action]] = {
            "SET": self._set,
            "REMOVE": lambda: Remove(cursor.path()),
            "ADD": lambda: Add(cursor.path(), cursor.value()),
            "DELETE": lambda: Delete(cursor.path(), cursor.value()),
        }
        actions: list[Action] = []
        seen: set[str] = set()
        while True:
            section = cursor.keyword_ahead()
            if section not in elements:
                if not seen:
                    raise cursor.syntax_error()
                return Update(cursor.parameter, tuple(actions), cursor.finish())
            cursor.take()
            if section in seen:
                cursor.refuse(
                    Refusal.SECTION, f'The "{section}" section can only be used once in an update expression;'
                )
            seen.add(section)
            actions.extend(cursor.separated(elements[section]))

    def _set(self) -> SetTo:
        path = self._cursor.path()
        self._cursor.expect("=")
        return SetTo(path, self._value())

    def _value(self) -> Operand | Arithmetic:
        cursor = self._cursor
        left = cursor.parenthesised(self._value) if cursor.ahead.text == "(" else cursor.plain_operand(self._call)
        if isinstance(left, Arithmetic):
            return left
        operator = cursor.accept("+", "-")
        if operator is None:
            return left
        return Arithmetic(cast('Literal["+", "-"]', operator), self._nestable(left), self._nestable(self._operand()))

    def _operand(self) -> Operand:
        return self._cursor.operand(self._call)

    def _call(self) -> Call:
        cursor = self._cursor
        call = cursor.call(lambda: self._nestable(self._operand()))
        if call.function in _CONDITION_FUNCTIONS:
            self._cursor.refuse(
                Refusal.FUNCTION_USE,
                f"The function is not allowed in an update expression; function: {call.function}",
            )
        return call

    def _nestable(self, operand: Operand) -> Operand:
        """Inside a function or a sum, of all functions only if_not_exists may stand."""
        if isinstance(operand, Call) and operand.function == "list_append":
            self._cursor.refuse(
                Refusal.FUNCTION_USE,
                f"The function is not allowed to be used this way in an expression; function: {operand.function}",
            )
        return operand
