"""Number texts: one spelling each, AWS's limits, exact sums, billed sizes."""

from decimal import Context, Decimal

import pytest
from hypothesis import assume, given

from stator.model.errors import ValidationError
from stator.model.numbers import add, canonical, magnitude, size_bytes, subtract
from tests.strategies import number_texts

_WIDE = Context(prec=400)


@pytest.mark.parametrize(
    ("written", "returned"),
    [
        ("0", "0"),
        ("-0.0", "0"),
        ("0E999999999999", "0"),
        ("+5", "5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("0012.3400", "12.34"),
        ("1E2", "100"),
        ("100e-2", "1"),
        ("-1.5E-3", "-0.0015"),
        ("1E125", "1" + "0" * 125),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("9" * 38 + "E88", "9" * 38 + "0" * 88),
    ],
)
def test_every_spelling_of_a_number_is_returned_in_the_same_form(written: str, returned: str) -> None:
    assert canonical(written) == returned


@pytest.mark.parametrize(
    "text",
    ["abc", "1 ", " 1", "1e", "--1", "1.2.3", ".", "NaN", "Infinity", "0x1", "1_0", "\N{ARABIC-INDIC DIGIT ONE}"],
)
def test_text_that_is_no_number_is_named_in_the_error(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        canonical(text)
    assert refused.value.message == f"The parameter cannot be converted to a numeric value: {text}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "The parameter cannot be converted to a numeric value"),
        ("1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ("-1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (
            "1E99999999999999999999",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("0." + "1" * 39, "Attempting to store more than 38 significant digits in a Number"),
    ],
)
def test_numbers_outside_the_limits_are_refused_in_awss_words(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        canonical(text)
    assert refused.value.message == complaint


@given(number_texts())
def test_the_canonical_form_is_the_same_number_and_its_own_canonical_form(text: str) -> None:
    form = canonical(text)
    assert Decimal(form) == Decimal(text)
    assert canonical(form) == form


@given(number_texts(), number_texts())
def test_magnitudes_order_as_the_numbers_do(left: str, right: str) -> None:
    one, other = canonical(left), canonical(right)
    assert (magnitude(one) < magnitude(other)) == (Decimal(left) < Decimal(right))
    assert (one == other) == (Decimal(left) == Decimal(right))


@given(number_texts(), number_texts())
def test_sums_are_exact_or_refused(left: str, right: str) -> None:
    exact = _WIDE.add(Decimal(left), Decimal(right))
    try:
        total = add(canonical(left), canonical(right))
    except ValidationError:
        assert len(exact.normalize(_WIDE).as_tuple().digits) > 38 or not -130 <= exact.adjusted() <= 125
    else:
        assert Decimal(total) == exact
        assert canonical(total) == total


@given(number_texts())
def test_a_number_minus_itself_is_zero(text: str) -> None:
    number = canonical(text)
    assert subtract(number, number) == "0"
    assert subtract(number, "0") == number


def test_a_sum_needing_39_digits_is_refused() -> None:
    with pytest.raises(ValidationError, match="Number overflow"):
        add("1" * 38, "0.1")
    assert add("9" * 38, "1") == "1" + "0" * 38


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 1),
        ("1", 2),
        ("12", 2),
        ("123", 3),
        ("100", 2),
        ("1010", 3),
        ("1.5", 3),
        ("100.05", 4),
        ("0.0015", 2),
        ("-42", 3),
    ],
)
def test_digits_are_billed_in_pairs_on_each_side_of_the_point(text: str, size: int) -> None:
    assert size_bytes(text) == size


@given(number_texts())
def test_no_number_is_billed_more_than_22_bytes(text: str) -> None:
    number = canonical(text)
    assume(number != "0")
    assert 2 <= size_bytes(number) <= 22
