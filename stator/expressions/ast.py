"""What expressions mean, as values.

Placeholders stay in the tree: a `#name` is a path step that begins with `#`, a `:value` is a `ValueRef`. So a tree
depends on the expression's text alone and is parsed once per text; names and values come in when it is evaluated.
"""

from dataclasses import dataclass
from typing import Literal

Step = str | int
"""Into a map by attribute name (or `#placeholder`), into a list by index."""

Comparator = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Path:
    """A document path. `aliased`: some step is a `#placeholder`."""

    steps: tuple[Step, ...]
    aliased: bool


@dataclass(frozen=True, slots=True)
class ValueRef:
    """A `:placeholder`, colon included."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its operands. Whether the two fit depends on the values and is checked with them."""

    function: str
    arguments: tuple["Operand", ...]


Operand = Path | ValueRef | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`."""

    operator: Comparator
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`subject BETWEEN lower AND upper`, both bounds included."""

    subject: Operand
    lower: Operand
    upper: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """`subject IN (choices)`."""

    subject: Operand
    choices: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some part holds."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Predicate"


Operation = Comparison | Between | Membership | Call
Predicate = Operation | And | Or | Not


def operands_of(node: Operation) -> tuple[Operand, ...]:
    """The operands of an operator or function, the one it is about first."""
    match node:
        case Comparison():
            return (node.left, node.right)
        case Between():
            return (node.subject, node.lower, node.upper)
        case Membership():
            return (node.subject, *node.choices)
        case Call():
            return node.arguments


def operator_of(node: Operation) -> str:
    """The operator or function as AWS's errors name it."""
    match node:
        case Comparison():
            return node.operator
        case Between():
            return "BETWEEN"
        case Membership():
            return "IN"
        case Call():
            return node.function


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, filter or key condition. `parameter` is the request member it came in, which its errors name.

    `placeholders` holds every `#name` and `:value` used, each once, in the order of first use.
    """

    parameter: str
    predicate: Predicate
    placeholders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left + right` or `left - right`."""

    operator: Literal["+", "-"]
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class SetTo:
    """SET path = value."""

    path: Path
    value: Operand | Arithmetic


@dataclass(frozen=True, slots=True)
class Remove:
    """REMOVE path."""

    path: Path


@dataclass(frozen=True, slots=True)
class Add:
    """ADD path :value: a number to a number, or members to a set."""

    path: Path
    value: ValueRef


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE path :value: members from a set."""

    path: Path
    value: ValueRef


Action = SetTo | Remove | Add | Delete


@dataclass(frozen=True, slots=True)
class Update:
    """An update expression; actions in the order written. `parameter`, `placeholders`: as in `Condition`."""

    parameter: str
    actions: tuple[Action, ...]
    placeholders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """The paths to show. `parameter`, `placeholders`: as in `Condition`."""

    parameter: str
    paths: tuple[Path, ...]
    placeholders: tuple[str, ...]


Expression = Condition | Update | Projection
