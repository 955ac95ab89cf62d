"""Names that were not written by the rules are read as they were meant, and no others."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.datasets.zip_names import spelt_names

UTF8 = 1 << 11


def spelt(names: list[str], flags: list[int]) -> list[str]:
    return spelt_names(pa.array(names, pa.large_string()), np.array(flags, np.uint16)).to_pylist()


@settings(deadline=None)
@given(st.lists(st.text(max_size=8)))
def test_names_that_say_they_are_utf8_stay(names: list[str]) -> None:
    column = pa.array([n.replace("\\", "") for n in names], pa.large_string())
    assert spelt_names(column, np.full(len(names), UTF8, np.uint16)) is column


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\\"), min_size=1, max_size=8))
def test_utf8_that_is_not_said_to_be_is_read_as_it(name: str) -> None:
    assert spelt([name.encode().decode("cp437"), "a/b"], [0, 0]) == [name, "a/b"]


@pytest.mark.parametrize("name", ["\u00c4pfel/1.png", "caf\u00e9", "\u2592\u2592/\u03b1.png"])
def test_names_in_the_old_code_page_stay(name: str) -> None:
    assert spelt([name], [0]) == [name]


def test_backslashes_are_separators_where_there_are_no_slashes() -> None:
    assert spelt(["cat\\", "cat\\a.png"], [0, 0]) == ["cat/", "cat/a.png"]
    assert spelt(["cat/a\\b.png", "c\\d"], [0, 0]) == ["cat/a\\b.png", "c\\d"]
