"""What can be read, and in which words AWS refuses the rest. Texts checked against DynamoDB Local."""

from collections.abc import Callable

import pytest
from hypothesis import given

from stator.expressions.conditions import parse_condition
from stator.expressions.key_conditions import parse_key_condition
from stator.expressions.projections import parse_projection
from stator.expressions.updates import parse_update
from stator.model.errors import ValidationError
from tests.strategies import conditions, expression_texts, updates

PARSERS: list[Callable[[str], object]] = [parse_condition, parse_update, parse_projection, parse_key_condition]


def refusal(parse: Callable[[str], object], text: str) -> str:
    with pytest.raises(ValidationError) as refused:
        parse(text)
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        (" ", "<EOF>", " "),
        ("a", "<EOF>", "a"),
        ("a = ", "<EOF>", "= "),
        ("a = :n :n", ":n", ":n :n"),
        (" = :n", "=", " = :n"),
        ("a == :n", "=", "== :n"),
        ("(a = :n", "<EOF>", ":n"),
        ("a = :n)", ")", ":n)"),
        ("a = 'x'", "'", "= 'x"),
        ("a!!!", "!", "a!!"),
        ("a = :n AND OR b = :n", "OR", "AND OR b"),
        ("a[x] = :n", "x", "[x]"),
        ("a[01] = :n", "1", "01]"),
        ("_a = :n", "_", "_a"),
        ("a. = :n", "=", ". = :n"),
        ("a BETWEEN :n or :n", "or", ":n or :n"),
        ("a IN ()", ")", "()"),
        ("attribute_exists()", ")", "()"),
        ("(a)(b)", "(", ")(b"),
        ("set = :n", "set", "set ="),
    ],
)
def test_a_syntax_error_shows_the_token_between_its_neighbours(text: str, token: str, near: str) -> None:
    complaint = f'Invalid ConditionExpression: Syntax error; token: "{token}", near: "{near}"'
    assert refusal(parse_condition, text) == complaint


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("set a = :n,", "<EOF>", ","),
        ("set a = :n, remove b", "remove", ", remove b"),
        ("foo a = :n", "foo", "foo a"),
        ("add a = :n", "=", "a = :n"),
        ("add a b", "b", "a b"),
        ("set :n = :n", ":n", "set :n ="),
        ("set n = n + :n + :n", "+", ":n + :n"),
        ("set n = (n + :n) - :n", "-", ") - :n"),
        ("remove", "<EOF>", "remove"),
    ],
)
def test_update_sections_are_read_strictly(text: str, token: str, near: str) -> None:
    assert refusal(parse_update, text) == f'Invalid UpdateExpression: Syntax error; token: "{token}", near: "{near}"'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("((a = :n))", "The expression has redundant parentheses;"),
        ("((a)) = :n", "The expression has redundant parentheses;"),
        ("Date = :n", "Attribute name is a reserved keyword; reserved keyword: Date"),
        ("a.date = :n", "Attribute name is a reserved keyword; reserved keyword: date"),
        ("foo(a)", "Invalid function name; function: foo"),
        ("SIZE(a) > :n", "Invalid function name; function: SIZE"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "contains(a, :n) = :n",
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        ("a[2147483648] = :n", "List index is not within the allowable range; index: [2147483648]"),
        ("a" + ".b" * 32 + " = :n", "The document path has too many nesting levels; nesting levels: 33"),
        (
            "a IN (" + ",".join([":n"] * 101) + ")",
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
    ],
)
def test_what_can_be_read_may_still_be_refused(text: str, reason: str) -> None:
    assert refusal(parse_condition, text) == f"Invalid ConditionExpression: {reason}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("foo(date)", "Invalid function name; function: foo"),
        ("size(date)", "The function is not allowed to be used this way in an expression; function: size"),
        ("((date = :n))", "The expression has redundant parentheses;"),
    ],
)
def test_the_gravest_of_several_faults_is_named(text: str, reason: str) -> None:
    assert refusal(parse_condition, text) == f"Invalid ConditionExpression: {reason}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("set a = :n SET b = :n", 'The "SET" section can only be used once in an update expression;'),
        ("set a = ((:n))", "The expression has redundant parentheses;"),
        ("set a = size(b)", "The function is not allowed in an update expression; function: size"),
        (
            "set a = list_append(b, c) + :n",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
        ("set a = foo(size(b))", "Invalid function name; function: foo"),
    ],
)
def test_updates_have_refusals_of_their_own(text: str, reason: str) -> None:
    assert refusal(parse_update, text) == f"Invalid UpdateExpression: {reason}"


def test_parentheses_around_combinations_and_operands_are_not_redundant() -> None:
    for text in ("((a = :n) and (b = :n))", "(a) = (:n)", "attribute_exists((a))", "a in ((:n))", "not (a = :n)"):
        parse_condition(text)


def test_300_operators_are_the_most() -> None:
    parse_condition("not " * 299 + "a = :n")
    reason = "The expression contains too many operators; operator count: 301"
    assert refusal(parse_condition, "not " * 300 + "a = :n") == f"Invalid ConditionExpression: {reason}"
    assert reason in refusal(parse_condition, " or ".join(["attribute_exists(a)"] * 151))


@pytest.mark.parametrize("parse", PARSERS)
def test_4096_bytes_are_the_most(parse: Callable[[str], object]) -> None:
    assert "Syntax error" in refusal(parse, "é" * 2048)
    assert "Expression size has exceeded the maximum allowed size; expression size: 4098" in refusal(parse, "é" * 2049)


@pytest.mark.parametrize(
    "text", ["(" * 4000, "a = " + "(" * 2000, "set a = " + "if_not_exists(a," * 240, "not " * 1000]
)
@pytest.mark.parametrize("parse", PARSERS)
def test_no_nesting_exhausts_the_stack(parse: Callable[[str], object], text: str) -> None:
    assert refusal(parse, text).startswith("Invalid ")


@pytest.mark.parametrize("parse", PARSERS)
@given(text=expression_texts)
def test_arbitrary_text_is_read_or_refused_and_nothing_else(parse: Callable[[str], object], text: str) -> None:
    complaint = None
    try:
        parse(text)
    except ValidationError as refused:
        complaint = refused.message
    assert complaint is None or complaint.startswith("Invalid ")


@given(conditions)
def test_every_well_formed_condition_is_read(text: str) -> None:
    assert parse_condition(text).placeholders


@given(updates)
def test_every_well_formed_update_is_read(text: str) -> None:
    assert parse_update(text).actions


def test_errors_name_the_parameter_that_holds_the_expression() -> None:
    assert refusal(lambda text: parse_condition(text, "FilterExpression"), "").startswith("Invalid FilterExpression: ")


def test_placeholders_are_listed_once_in_order_of_use() -> None:
    assert parse_condition("#b = :y AND #a[0].#b < :x AND contains(#a, :y)").placeholders == ("#b", ":y", "#a", ":x")
