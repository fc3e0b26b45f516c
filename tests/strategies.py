"""What Hypothesis draws from: numbers, attribute values, items and expressions as clients could send them."""

from typing import Any

from hypothesis import strategies as st

from stator.model.item import Item

NAMES = st.sampled_from(["a", "b", "c", "list", "tree"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    """Any spelling of any number that DynamoDB can hold."""
    digits = str(draw(st.integers(0, 10**38 - 1)))
    magnitude = draw(st.integers(-130, 125)) if draw(st.booleans()) else draw(st.integers(-5, 20))
    # The first digit stands for 10^magnitude, whatever its place before the point.
    point = draw(st.integers(0, len(digits)))
    exponent = magnitude - (point - 1)
    padding = "0" * draw(st.integers(0, 3))
    sign = draw(st.sampled_from(["", "-", "+"]))
    return f"{sign}{padding}{digits[:point] or '0'}.{digits[point:]}{padding}E{exponent}"


small_numbers = st.integers(-1000, 1000).map(str)


def _set_of(kind: str, members: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(members, min_size=1, max_size=4, unique=True).map(lambda chosen: {kind: chosen})


_BINARIES = st.sampled_from(["", "AA==", "AQI=", "AQID", "//79"])
_SCALARS = st.one_of(
    TEXTS.map(lambda text: {"S": text}),
    small_numbers.map(lambda number: {"N": number}),
    _BINARIES.map(lambda encoded: {"B": encoded}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
    _set_of("SS", TEXTS),
    _set_of("NS", small_numbers),
    _set_of("BS", _BINARIES),
)

values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda elements: {"L": elements}),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=6,
)
"""Attribute values in canonical form."""

items: st.SearchStrategy[Item] = st.dictionaries(NAMES, values, max_size=5)

paths = st.builds(
    lambda head, rest: head + "".join(rest),
    NAMES.map(lambda name: f"#{name}"),
    st.lists(
        st.one_of(NAMES.map(lambda name: f".#{name}"), st.integers(0, 3).map(lambda index: f"[{index}]")), max_size=2
    ),
)
"""Document paths in which every name is a placeholder of `PLACEHOLDERS`."""

PLACEHOLDERS = {f"#{name}": name for name in ["a", "b", "c", "list", "tree"]}

_TERMS = st.one_of(
    st.builds("{} {} {}".format, paths, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.just(":n")),
    st.builds("{} BETWEEN :n AND {}".format, paths, paths),
    st.builds("{} IN (:n, :s, :l)".format, paths),
    st.builds("attribute_exists({})".format, paths),
    st.builds("attribute_type({}, :type)".format, paths),
    st.builds("begins_with({}, :s)".format, paths),
    st.builds("contains({}, :n)".format, paths),
    st.builds("size({}) > :n".format, paths),
)
conditions: st.SearchStrategy[str] = st.recursive(
    _TERMS,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT {}".format, inner),
    ),
    max_leaves=6,
)
"""Condition texts over `PLACEHOLDERS` and `VALUES`."""

VALUES: dict[str, dict[str, Any]] = {
    ":n": {"N": "1"},
    ":s": {"S": "x"},
    ":l": {"L": [{"N": "1"}]},
    ":set": {"NS": ["1", "2"]},
    ":type": {"S": "S"},
}

_OPERANDS = st.one_of(paths, st.sampled_from([":n", ":s", ":l"]))
updates: st.SearchStrategy[str] = st.one_of(
    st.builds("SET {} = {}".format, paths, _OPERANDS),
    st.builds("SET {} = {} + :n".format, paths, paths),
    st.builds("SET {} = if_not_exists({}, {}), {} = :n".format, paths, paths, _OPERANDS, paths),
    st.builds("SET {} = list_append({}, :l)".format, paths, paths),
    st.builds("REMOVE {}, {}".format, paths, paths),
    st.builds("ADD {} :n".format, paths),
    st.builds("ADD {} :set DELETE {} :set".format, paths, paths),
    st.builds("SET {} = :l REMOVE {} ADD {} :n".format, paths, paths, paths),
)
"""Update texts over `PLACEHOLDERS` and `VALUES`; some are refused, all can be read."""

_WORDS = [
    "a",
    "#n",
    ":v",
    "(",
    ")",
    "[",
    "]",
    "0",
    "17",
    ".",
    ",",
    "=",
    "<>",
    "<",
    "<=",
    "+",
    "-",
    "AND",
    "OR",
    "NOT",
    "BETWEEN",
    "IN",
    "SET",
    "REMOVE",
    "ADD",
    "DELETE",
    "size",
    "contains",
    "attribute_exists",
    "if_not_exists",
    "list_append",
    "date",
    "_",
    "!",
    "é",
]

expression_texts: st.SearchStrategy[str] = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(_WORDS),
        max_size=25,
    ).map(" ".join),
)
"""Anything at all, and things that look like expressions."""
