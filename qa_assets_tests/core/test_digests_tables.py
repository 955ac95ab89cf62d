"""Digests name content alone; tables and arrays come back as they were, text as text."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.core.digests import canonical_json, digest_bytes, digest_file, digest_json
from qa_assets.core.record import Record
from qa_assets.core.tables import array_bytes, read_array, read_table, table_bytes

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_canonical_json_reads_back(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


def test_the_order_of_keys_is_no_content() -> None:
    assert digest_json({"a": 1, "b": {"c": 2, "d": 3}}) == digest_json(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert digest_json([1, 2]) != digest_json([2, 1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_digests_are_sha256(tmp_path: Path) -> None:
    body = bytes(range(256)) * 5000
    (tmp_path / "f").write_bytes(body)
    expected = hashlib.sha256(body).hexdigest()
    assert digest_file(tmp_path / "f") == digest_bytes(body) == expected


def test_a_table_comes_back_and_words_stay_words() -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "label": ["NA", "001", "null"],
            "n": [1, 2, 3],
            "x": [0.5, 1.5, 2.5],
        }
    )
    body = table_bytes(frame)
    again = read_table(Record(files={"t": body}), "t")
    pd.testing.assert_frame_equal(again, frame)
    assert list(again["label"]) == ["NA", "001", "null"]
    assert table_bytes(again) == body == table_bytes(frame.set_index(pd.Index([7, 8, 9])))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
def test_an_array_comes_back(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    again = read_array(Record(files={"a": array_bytes(array.T)}), "a")
    np.testing.assert_array_equal(again, array.T)
    assert again.dtype == array.dtype


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        array_bytes(objects)
    np.save(tmp_path / "o.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_array(Record(files={"o": tmp_path / "o.npy"}), "o")
