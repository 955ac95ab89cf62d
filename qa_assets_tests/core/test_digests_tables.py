"""Digests name content alone; tables and arrays come back as they were, text as text."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.core.digests import canonical_json, digest_bytes, digest_file, digest_json
from qa_assets.core.record import Record
from qa_assets.core.tables import (
    array_bytes,
    read_array,
    read_columns,
    read_first,
    read_mapped,
    read_table,
    spelt_digests,
    table_bytes,
    write_mapped,
)

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


@pytest.mark.parametrize("rows", [0, 1, 5, 200])
def test_digests_stored_as_bytes_are_text_to_who_reads_a_table(tmp_path: Path, rows: int) -> None:
    digests = [digest_bytes(bytes([n])) for n in range(rows)]
    column = pa.array([bytes.fromhex(d) for d in digests], pa.binary(32))
    table = pa.table({"n": range(rows), "id": column, "other": pa.array([b"x"] * rows)})
    place = tmp_path / "t.parquet"
    pq.write_table(table, place, row_group_size=64)
    for body in (place, place.read_bytes()):
        assert read_columns(body)["id"].to_pylist() == digests
        assert read_columns(body, ["id", "n"]).column_names == ["id", "n"]
        assert read_columns(body, spelt=False).equals(table)
        first = read_first(body, "id", 70).to_pylist()
        assert [digest.hex() for digest in first] == digests[:70]
    found = read_columns(place)["id"].slice(3, 90)
    found.validate(full=True)
    assert found.to_pylist() == digests[3:93]
    sliced = spelt_digests(column.slice(1, 2))
    assert sliced.to_pylist() == digests[1:3]


def test_a_mapped_table_comes_back_as_it_was_and_is_not_copied(tmp_path: Path) -> None:
    words = pa.array(["b", "a", "b"]).dictionary_encode()
    table = pa.table({"n": [1, 2, 3], "word": words, "few": pa.array([[1], [], [2, 3]])})
    pieces = pa.concat_tables([table.slice(0, 2), table.slice(2)])
    told = pieces.replace_schema_metadata({b"by": b"test"})
    write_mapped(tmp_path / "t", told)
    for body in (tmp_path / "t", (tmp_path / "t").read_bytes()):
        found = read_mapped(body)
        assert found.equals(told)
        assert found.schema.metadata == {b"by": b"test"}
        assert found["n"].num_chunks == 1
    before = pa.total_allocated_bytes()
    big = pa.table({"n": np.arange(1 << 20)})
    write_mapped(tmp_path / "big", big)
    assert read_mapped(tmp_path / "big").equals(big)
    assert pa.total_allocated_bytes() - before < 1 << 20
