"""A record is its content: it round-trips through the store, and shows text as it was written."""

import math
import tempfile
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qa_assets.core.errors import InputRefused
from qa_assets.core.record import (
    INLINE_PICTURE_BYTES,
    RECORD,
    Estimate,
    Markdown,
    Record,
    escape,
    table,
)
from qa_assets.core.store import LocalStore

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NUMBER = st.floats(allow_nan=True, allow_infinity=True)
PUNCTUATION = "!#$&*<>[\\]_`|~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Record):
    """A record with every kind of field that records use."""

    name: str = ""
    count: int = 0
    value: float = 0.0
    estimate: Estimate | None = None
    pairs: tuple[tuple[str, float], ...] = ()
    by_name: dict[str, Estimate] = field(default_factory=dict[str, Estimate])


ESTIMATES = st.builds(Estimate, NUMBER, NUMBER, NUMBER, st.integers(0, 10**9), NUMBER)
THINGS = st.builds(
    Thing,
    name=TEXT,
    count=st.integers(-(2**63), 2**63),
    value=NUMBER,
    estimate=st.none() | ESTIMATES,
    pairs=st.lists(st.tuples(TEXT, NUMBER), max_size=3).map(tuple),
    by_name=st.dictionaries(TEXT, ESTIMATES, max_size=3),
    files=st.dictionaries(st.sampled_from(["a", "b/c"]), st.binary(max_size=9), max_size=2),
)


@given(THINGS)
@example(Thing(value=math.nan, estimate=Estimate(math.inf, -math.inf, math.nan, 0)))
def test_a_record_survives_being_stored(thing: Thing) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, body in thing.content().items():
            Path(folder, name).parent.mkdir(exist_ok=True)
            Path(folder, name).write_bytes(body)  # pyright: ignore[reportArgumentType]
        again = Thing.load(Path(folder))
        assert again.digest == thing.digest
        assert seen(again) == seen(thing)
        assert {n: again.read(n) for n in again.files} == dict(thing.files)


def seen(thing: Thing) -> str:
    """Its fields as text, since NaN is not equal to itself; mappings have no order."""
    return repr(replace(thing, by_name=dict(sorted(thing.by_name.items())), files={}))


def test_the_store_keeps_a_record_by_its_digest(tmp_path: Path) -> None:
    store, thing = LocalStore(tmp_path), Thing(value=math.nan, files={"x": b"1"})
    digest = store.put(thing.content())
    assert digest == thing.digest == Thing.load(store.get(digest)).digest


def test_every_field_and_file_is_in_the_digest() -> None:
    one = Thing(name="a", files={"x": b"1"})
    others = [
        replace(one, name="b"),
        replace(one, value=1e-300),
        replace(one, files={"x": b"2"}),
        replace(one, files={"y": b"1"}),
    ]
    assert len({one.digest, *(o.digest for o in others)}) == len(others) + 1


@pytest.mark.parametrize(
    "body", ["{", '{"name": 3}', '{"wrong": 1}', "[]", "null", '{"count": "x"}']
)
def test_fields_of_another_kind_are_refused(tmp_path: Path, body: str) -> None:
    (tmp_path / RECORD).write_text(body)
    with pytest.raises(InputRefused, match="RECORD_SCHEMA"):
        Thing.load(tmp_path)


def test_a_folder_without_fields_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="RECORD_SCHEMA"):
        Thing.load(tmp_path)


def unmarked(text: str) -> str:
    """What a Markdown reader shows: backslash escapes and entities resolved."""
    out, rest = [], iter(unescape_tokens(text))
    out.extend(rest)
    return "".join(out)


def unescape_tokens(text: str) -> list[str]:
    tokens, i = [], 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in PUNCTUATION:
            tokens.append(text[i + 1])
            i += 2
        elif text[i] == "&":
            end = text.index(";", i) + 1
            tokens.append(unescape(text[i:end]))
            i = end
        else:
            tokens.append(text[i])
            i += 1
    return tokens


@given(TEXT)
@example("<script>|`&#60;`\n[x](y)")
def test_escaped_text_is_shown_as_it_was_written(text: str) -> None:
    shown = escape(text)
    assert "<" not in shown
    assert ">" not in shown
    assert shown.isprintable()
    printable = "".join(c if c.isprintable() else "\ufffd" for c in text)
    assert unmarked(shown) == printable


def test_a_table_keeps_its_shape_whatever_is_in_it() -> None:
    made = table(("a|b", "<c>"), [("x|y\nz", 0.123456), ("`", True)])
    rows = made.split("\n")
    assert len(rows) == 4
    assert all(row.replace("\\|", "").count("|") == 3 for row in rows)
    assert "0.1235" in made
    assert "<c>" not in made
    assert "and 2 more" in table(("a",), [(i,) for i in range(52)])


def test_metadata_shows_numbers_as_numbers() -> None:
    shown: Any = Thing(name="n", count=3, estimate=Estimate(0.5, 0.4, 0.6, 9)).metadata()
    assert shown == {"name": "n", "count": 3, "value": 0.0, "estimate": 0.5, "estimate_low": 0.4}


def test_a_large_picture_stays_in_the_store() -> None:
    small = Thing(files={"p.svg": b"<svg/>"}).picture("p.svg", "curve")
    large = Thing(files={"p.png": bytes(INLINE_PICTURE_BYTES + 1)}).picture("p.png", "curve")
    assert small.startswith("![curve](data:image/svg+xml;base64,")
    assert isinstance(small, Markdown)
    assert "p.png" in large
    assert "base64" not in large
