"""Cells are a mapping as any other, and texts that come again are one object."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.datasets import cells
from qa_assets.datasets.cells import Cells, CellsOf


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3)), st.text(max_size=3))
def test_they_are_what_a_dictionary_would_be(row: dict[str, str], other: str) -> None:
    found = CellsOf(tuple(row))(row.values())
    assert found == row
    assert list(found.items()) == list(row.items())
    assert (found.get(other), other in found) == (row.get(other), other in row)
    if other not in row:
        with pytest.raises(KeyError):
            found[other]


def test_texts_that_come_again_are_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_DIFFERENT", 2)
    cells_of = CellsOf(("name", "label"))
    rows = [cells_of((f"{n}.png", "".join(["do", "g"]))) for n in range(5)]
    assert [r["name"] for r in rows] == [f"{n}.png" for n in range(5)]
    assert len({id(r["label"]) for r in rows}) == 1


def test_they_are_smaller_than_a_dictionary() -> None:
    row = {"filename": "a", "label": "b", "camera": "c"}
    found = Cells(tuple(row), row.values())
    assert sys.getsizeof(found) + sys.getsizeof(tuple(row.values())) < sys.getsizeof(row)
