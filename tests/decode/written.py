"""JSON objects as text, in every way in which one may write them, for property tests."""

import json

from hypothesis import strategies as st

# What the tests ask the objects for; the names below lead there, nearly there, and elsewhere.
PATHS = ["id", "name", "a.b", "a.c.d", "list", "gone.x"]

spaces = st.sampled_from(["", "", "", " ", "\t", " \r "])
numbers = st.sampled_from(["0", "-0", "1.10", "12345678901234567890.5", "1e-12", "-1E+400", "7" * 60])
inside = st.text(st.sampled_from(list('aé😀 /,:{}[]\x7f\u2028"\\\n\x00')), max_size=6)
texts = st.builds(json.dumps, inside, ensure_ascii=st.booleans()) | st.sampled_from(
    ['"\\/"', '"\\u0041"', '"\\ud83d\\ude00"', '"\\ud800"', '"null"', '"1"', '""', '"\\u0022"', '"\\""']
)
no_json = '01 1. .5 +1 0x1 tru TRUE nul \'\' "\\x" "\\u00" "a'
odd = st.sampled_from(["NaN", "Infinity", "", *no_json.split()])
plain = st.one_of(numbers, texts, st.sampled_from(["true", "false", "null"]))
lists = st.lists(plain, max_size=3).map(lambda values: f"[{', '.join(values)}]")
sorts = st.sampled_from([numbers, texts, st.sampled_from(["true", "false"]), st.just("null"), plain, lists])
odd_names = st.sampled_from(["x", "é", "a.b", "n 1", "q(.*)", "\\u0069d", "\\n", "id", "a"])
inner_names = st.sampled_from(["b", "c", "d", "b"])


def objects(named, values):
    """Lists of (name, strategy of its value): what objects that are written alike have in common."""
    return st.lists(st.tuples(named, values), max_size=3)


@st.composite
def written(draw, members):
    """One object of the form, as JSON text with any spacing."""
    pairs = []
    for name, sort in members:
        value = draw(written(sort) if isinstance(sort, list) else sort)
        parts = (draw(spaces), json.dumps(name)[1:-1] if name == "é" else name, draw(spaces), value)
        pairs.append('{}"{}"{}:{}'.format(*parts))
    return draw(spaces) + "{" + ",".join(pairs) + draw(spaces) + "}"


inner = objects(inner_names, sorts | objects(inner_names, sorts))
asked = st.tuples(
    st.tuples(st.just("id"), sorts),
    st.tuples(st.just("name"), sorts),
    st.tuples(st.just("list"), sorts | inner),
    st.tuples(st.just("a"), sorts | inner),
)
forms = st.builds(
    lambda asked, many, more: [*asked[:many], *more],
    asked.flatmap(st.permutations),
    st.integers(1, 4),
    objects(odd_names, sorts | inner),
)
