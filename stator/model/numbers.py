"""DynamoDB numbers as text: 38 significant digits, magnitudes from 1E-130 up to, not including, 1E+126.

A stored number is always in canonical form (no exponent, no sign on zero, no superfluous zero), so two numbers are
equal exactly when their texts are. Everything that compares, hashes or stores numbers relies on that: let no other
spelling past `canonical`.

Source: AWS developer guide, "Supported data types and naming rules"; sizes as DynamoDB bills them, to the byte.
"""

import re
from decimal import Context, Decimal

from stator.model.errors import ValidationError

SIGNIFICANT_DIGITS_MAX = 38
EXPONENT_MAX = 125
EXPONENT_MIN = -130

_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)([0-9]+))?")
_CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,37}|-?(?:0|[1-9][0-9]{0,17})\.[0-9]{0,18}[1-9]")
"""Most numbers that clients send: integers of up to 38 digits, and fractions far from all limits."""
_SMALL_INTEGER_LENGTH = 18
_OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
_EXPONENT_DIGITS_MAX = 9  # a longer exponent is out of range whatever its digits, and is not worth an integer
# Sums are exact: the widest pair, 1E+125 and 1E-130, spans 256 digits.
_EXACT = Context(prec=EXPONENT_MAX - EXPONENT_MIN + 2 * SIGNIFICANT_DIGITS_MAX)


def canonical(text: str) -> str:
    """The one spelling DynamoDB returns for a number: `1E2` → `100`, `-0` → `0`, `.50` → `0.5`.

    Raises ValidationError in AWS's words for text that is no number, is out of range or has more than 38 significant
    digits.
    """
    if _CANONICAL.fullmatch(text):
        return text
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        detail = f": {text}" if text else ""
        raise ValidationError(f"The parameter cannot be converted to a numeric value{detail}")
    whole, fraction = match[2], match[3] or ""
    written = (whole + fraction).lstrip("0")
    digits = written.rstrip("0")
    if not digits:
        return "0"
    # The decimal point stands after this many of `digits`; below zero, before that many zeros.
    point = len(written) - len(fraction) + _exponent(match[4], match[5])
    if point - 1 > EXPONENT_MAX:
        raise ValidationError(_OVERFLOW)
    if point - 1 < EXPONENT_MIN:
        raise ValidationError(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    if len(digits) > SIGNIFICANT_DIGITS_MAX:
        raise ValidationError("Attempting to store more than 38 significant digits in a Number")
    return ("-" if match[1] == "-" else "") + _plain(digits, point)


def add(left: str, right: str) -> str:
    """Exact sum of two canonical numbers; ValidationError when 38 digits or the range do not hold it.

    A sum with too many digits is an overflow to AWS, too.
    """
    if len(left) <= _SMALL_INTEGER_LENGTH and len(right) <= _SMALL_INTEGER_LENGTH and "." not in left + right:
        return str(int(left) + int(right))
    total = _EXACT.normalize(_EXACT.add(Decimal(left), Decimal(right)))
    if len(total.as_tuple().digits) > SIGNIFICANT_DIGITS_MAX:
        raise ValidationError(_OVERFLOW)
    return canonical(str(total))


def subtract(left: str, right: str) -> str:
    """`add` with the sign of `right` turned."""
    return add(left, right[1:] if right.startswith("-") else "0" if right == "0" else f"-{right}")


def magnitude(text: str) -> int | Decimal:
    """What to compare a canonical number by; ints and Decimals compare exactly with each other."""
    if len(text) <= _SMALL_INTEGER_LENGTH and "." not in text:
        return int(text)
    return Decimal(text)


def size_bytes(text: str) -> int:
    """Bytes a canonical number is billed: two digits a byte on each side of the point, one byte, one more below zero.

    Leading and trailing zeros are free: `100` costs as much as `1`, `0` is one byte.
    """
    if text.isdigit():
        return (len(text.rstrip("0")) + 1) // 2 + 1
    whole, _, fraction = text.removeprefix("-").partition(".")
    whole = whole.lstrip("0") if fraction else whole.strip("0")
    if not whole:
        fraction = fraction.lstrip("0")
    return (len(whole) + 1) // 2 + (len(fraction) + 1) // 2 + 1 + text.startswith("-")


def _exponent(sign: str | None, digits: str | None) -> int:
    significant = (digits or "").lstrip("0")
    size = int(significant or "0") if len(significant) <= _EXPONENT_DIGITS_MAX else 10**_EXPONENT_DIGITS_MAX
    return -size if sign == "-" else size


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"
