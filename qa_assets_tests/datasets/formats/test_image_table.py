"""Parquet with pictures inside, as hubs of data share them."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.settings import DatasetSettings, SampleLimits
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.source import FORMATS, Finding, RawSample, detect
from qa_assets_tests.datasets.formats.test_contract import body_of
from qa_assets_tests.datasets.samples import grey, pets, picture, saved, write

NESTED = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASSES = {"names": ["cat", "dog"], "_type": "ClassLabel"}


def hub(features: dict[str, Any] | None = None, **columns: Any) -> pa.Table:
    """A table with the metadata that the hub's library writes."""
    told = json.dumps({"info": {"features": features or {"label": CLASSES}}})
    return pa.table(columns).replace_schema_metadata({b"huggingface": told.encode()})


def nested(*bodies: bytes | None) -> pa.Array:
    return pa.array([{"bytes": b, "path": f"{n}.png"} for n, b in enumerate(bodies)], NESTED)


def put(table: pa.Table, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def read(source: Path, **limits: Any) -> list[RawSample | Finding]:
    return list(FORMATS["image_table"].read(source, SampleLimits(**limits)))


def told(found: list[RawSample | Finding]) -> list[tuple[str, str]]:
    return [(f.name, f.label) for f in found if isinstance(f, RawSample)]


def aside(found: list[RawSample | Finding]) -> list[tuple[str, str]]:
    return [(f.code, f.item) for f in found if isinstance(f, Quarantined)]


def test_a_repository_of_the_hub_names_its_classes_and_sides(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"README.md": b"a card", ".gitattributes": b""})
    train = hub(image=nested(picture(0), picture(1), picture(2)), label=[0, 1, 0])
    put(train, root / "data/train-00000-of-00001.parquet", row_group_size=2)
    put(hub(image=nested(picture(3)), label=[1]), root / "data/test-00000-of-00001.parquet")
    assert detect(root) == "image_table"
    found = read(root)
    assert [(f.name, f.label, f.part, body_of(f)) for f in found if isinstance(f, RawSample)] == [
        ("data/test-00000-of-00001.parquet/0000000", "dog", "test", picture(3)),
        ("data/train-00000-of-00001.parquet/0000000", "cat", "train", picture(0)),
        ("data/train-00000-of-00001.parquet/0000001", "dog", "train", picture(1)),
        ("data/train-00000-of-00001.parquet/0000002", "cat", "train", picture(2)),
    ]
    assert [(f.code, f.item) for f in found if isinstance(f, Remark)] == [
        ("NAME_EXTENSION", "README.md")
    ]


@pytest.mark.parametrize(
    ("name", "side"),
    [("default/train/0000.parquet", "train"), ("default/partial-train/0000.parquet", "train"),
     ("validation.parquet", "validation"), ("mnist_test.parquet", "test"),
     ("a/latest/0000.parquet", ""), ("train/test.parquet", "")],
)  # fmt: skip
def test_words_of_a_path_name_a_side_unless_they_name_two(
    tmp_path: Path, name: str, side: str
) -> None:
    put(hub(image=nested(picture(0)), label=[0]), tmp_path / "set" / name)
    (found,) = read(tmp_path / "set")
    assert isinstance(found, RawSample)
    assert found.part == side


def test_other_columns_are_the_group_the_side_and_attributes(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "img": [picture(n) for n in range(4)],
        "target": ["a", "b", "a", " b "],
        "group_id": [7, 7, 8, None],
        "split": ["train", "test", "extra", None],
        "camera": ["x", None, "y", "y"],
        "exposure": [0.5, 2.0, None, 1.0],
        "box": [[1, 2]] * 4,
        "thumb": [b"\xff\x00"] * 4,
    }
    found = read(put(pa.table(columns), tmp_path / "t.parquet"))
    assert [
        (f.label, f.group, f.part, json.loads(f.attributes))
        for f in found
        if isinstance(f, RawSample)
    ] == [
        ("a", "7", "train", {"camera": "x", "exposure": "0.5"}),
        ("b", "7", "test", {"exposure": "2"}),
        ("a", "8", "", {"camera": "y", "split": "extra"}),
        ("b", "", "", {"camera": "y", "exposure": "1"}),
    ]
    assert {(f.code, f.item) for f in found if isinstance(f, Remark)} == {
        ("LABEL_COLUMN", "t.parquet"),
        ("CSV_NESTED", "t.parquet: box"),
        ("CSV_NESTED", "t.parquet: thumb"),
    }


def test_rows_that_cannot_be_used_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    bodies = nested(picture(0), None, picture(2), picture(3), picture(4))
    source = put(hub(image=bodies, label=[0, 1, -1, None, 1]), tmp_path / "t.parquet")
    found = read(source)
    assert told(found) == [("t.parquet/0000000", "cat"), ("t.parquet/0000004", "dog")]
    assert aside(found) == [
        ("IMG_EMPTY", "t.parquet/0000001"),
        ("LABEL_EMPTY", "t.parquet/0000002"),
        ("LABEL_EMPTY", "t.parquet/0000003"),
    ]
    texts = pa.table({"image": bodies, "label": ["a", "b", "c" * 201, "d\0", ""]})
    assert aside(read(put(texts, tmp_path / "u.parquet"))) == [
        ("IMG_EMPTY", "u.parquet/0000001"),
        ("LABEL_LONG", "u.parquet/0000002"),
        ("LABEL_NUL", "u.parquet/0000003"),
        ("LABEL_EMPTY", "u.parquet/0000004"),
    ]
    large = put(pa.table({"image": [picture(0, 64)], "label": ["a"]}), tmp_path / "v.parquet")
    assert aside(read(large, max_file_mib=0.001)) == [("IMG_TOO_LARGE", "v.parquet/0000000")]


def test_what_does_not_say_which_column_is_the_class_is_asked_and_not_guessed(
    tmp_path: Path,
) -> None:
    two = {"fine_label": CLASSES, "coarse_label": CLASSES}
    both = hub(two, img=nested(picture(0)), fine_label=[0], coarse_label=[1])
    with pytest.raises(InputRefused, match=r"CSV_COLUMNS.*fine_label, coarse_label.*'label'"):
        read(put(both, tmp_path / "a.parquet"))
    one = hub({"kind": CLASSES}, img=nested(picture(0)), kind=[1], text=["x"])
    assert told(read(put(one, tmp_path / "b.parquet"))) == [("b.parquet/0000000", "dog")]
    with pytest.raises(InputRefused, match=r"CSV_COLUMNS.*no column 'label': img, text"):
        read(put(pa.table({"img": [picture(0)], "text": ["x"]}), tmp_path / "c.parquet"))
    with pytest.raises(InputRefused, match=r"CSV_NESTED.*list.*'label'"):
        read(put(pa.table({"img": [picture(0)], "label": [[0, 1]]}), tmp_path / "d.parquet"))
    with pytest.raises(InputRefused, match=r"CSV_COLUMNS.*no column of pictures.*label"):
        read(put(pa.table({"sound": [b"RIFF"], "label": [0]}), tmp_path / "e.parquet"))
    aliases = {"img": [picture(0)], "class": ["a"], "target": ["b"]}
    with pytest.raises(InputRefused, match=r"CSV_COLUMNS.*no column 'label': img, class, target"):
        read(put(pa.table(aliases), tmp_path / "g.parquet"))
    gone = hub({"gone": CLASSES}, img=nested(picture(0)), text=["x"])
    with pytest.raises(InputRefused, match=r"CSV_COLUMNS.*no column 'label': img, text"):
        read(put(gone, tmp_path / "h.parquet"))
    twice = pa.Table.from_arrays([pa.array([picture(0)]), pa.array(["a"]), pa.array(["b"])],
                                 names=["img", "label", "label"])  # fmt: skip
    with pytest.raises(InputRefused, match=r"CSV_COLUMNS.*'label' twice"):
        read(put(twice, tmp_path / "f.parquet"))


@pytest.mark.parametrize(
    "metadata",
    [b"", b"[]", b"{", b'{"info": {"features": []}}', b'{"info": {"features": {"label": 3}}}',
     b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": [1, 2]}}}}',
     b'{"info": {"features": {"other": {"_type": "ClassLabel", "names": ["a"]}}}}',
     b"[" * 100_000],
)  # fmt: skip
def test_whatever_the_metadata_says_a_label_is_read_as_it_stands(
    tmp_path: Path, metadata: bytes
) -> None:
    table = pa.table({"image": nested(picture(0)), "label": [3]})
    source = put(table.replace_schema_metadata({b"huggingface": metadata}), tmp_path / "t.parquet")
    assert told(read(source)) == [("t.parquet/0000000", "3")]


def test_pandas_writes_categories_and_plain_bytes(tmp_path: Path) -> None:
    kinds = pd.Categorical(["cat", "dog", "cat"])
    frame = pd.DataFrame({"picture": [picture(n) for n in range(3)], "label": kinds})
    frame.to_parquet(tmp_path / "t.parquet")
    assert detect(tmp_path / "t.parquet") == "image_table"
    assert [label for _, label in told(read(tmp_path / "t.parquet"))] == ["cat", "dog", "cat"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_a_column_of_pictures_is_known_by_what_it_holds(tmp_path: Path, kind: str) -> None:
    bodies = [b"", saved(Image.fromarray(grey(0)), kind)]
    table = pa.table({"what": pa.array(bodies, pa.large_binary()), "label": ["a", "b"]})
    assert detect(put(table, tmp_path / "t.parquet")) == "image_table"


def test_masks_beside_the_pictures_are_left_out_by_name(tmp_path: Path) -> None:
    columns = {"annotation": [picture(1)], "image": [picture(0)], "label": ["a"]}
    (left, sample) = read(put(pa.table(columns), tmp_path / "t.parquet"))
    assert isinstance(left, Remark)
    assert left.item == "t.parquet: annotation"
    assert body_of(sample) == picture(0)


def test_tables_that_hold_no_pictures_are_left_to_others(tmp_path: Path) -> None:
    wave = {"audio": nested(b"RIFF\0\0\0\0WAVE"), "label": [0]}
    assert detect(put(pa.table(wave), tmp_path / "a.parquet")) != "image_table"
    plain = put(pa.table({"x": [1.0], "label": [0]}), tmp_path / "b.parquet")
    assert detect(plain) != "image_table"
    pets(tmp_path)
    rows = {"filename": ["cat/cat_0.png", "dog/dog_0.png"], "label": ["cat", "dog"]}
    put(pa.table(rows), tmp_path / "data/labels.parquet")
    assert detect(tmp_path / "data") == "manifest"
    held = {"image": [picture(0)], "label": ["cat"]}
    put(pa.table(held), tmp_path / "pets/more.parquet")
    assert detect(tmp_path / "pets") == "image_table"
    write(tmp_path / "pets", {"cat/a.png": picture(1), "dog/b.png": picture(2)})
    assert detect(tmp_path / "pets") != "image_table", "not all that there is"
    named = put(pa.table({"image": nested(None), "label": [0]}), tmp_path / "c.parquet")
    assert detect(named) == "image_table", "its rows say that their pictures are missing"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_or_a_link_that_is_called_so_is_never_opened(tmp_path: Path) -> None:
    elsewhere = put(hub(image=nested(picture(0)), label=[0]), tmp_path / "elsewhere.parquet")
    (tmp_path / "set").mkdir()
    os.mkfifo(tmp_path / "set/a.parquet")
    (tmp_path / "set/b.parquet").symlink_to(elsewhere)
    assert detect(tmp_path / "set") != "image_table"
    assert aside(read(tmp_path / "set")) == [
        ("NAME_SPECIAL", "a.parquet"), ("NAME_LINK", "b.parquet")
    ]  # fmt: skip


def test_a_damaged_file_is_refused_whole_and_none_of_it_passes_for_a_table(tmp_path: Path) -> None:
    table = hub(image=nested(*(picture(n) for n in range(200))), label=[0, 1] * 100)
    body = bytearray(put(table, tmp_path / "t.parquet", compression="none").read_bytes())
    write(tmp_path, {"set/a.parquet": bytes(body), "set/b.parquet": bytes(body[:-100])})
    with pytest.raises(InputRefused, match=r"ARC_CORRUPT b\.parquet"):
        read(tmp_path / "set")
    body[4:64] = bytes(255 - b for b in body[4:64])
    write(tmp_path, {"t.parquet": bytes(body)})
    assert detect(tmp_path / "t.parquet") == "image_table"
    with pytest.raises(InputRefused, match=r"ARC_CORRUPT t\.parquet"):
        read(tmp_path / "t.parquet")


def test_what_is_packed_too_well_or_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bomb = [picture(0), picture(1) + b"\0" * (8 << 20)]
    table = pa.table({"image": bomb, "label": ["a", "b"]})
    packed = put(table, tmp_path / "t.parquet", compression="zstd", use_dictionary=False)
    with pytest.raises(InputRefused, match=r"ARC_BOMB t\.parquet"):
        read(packed)
    assert len(told(read(packed, max_ratio=1e6))) == 2
    with pytest.raises(InputRefused, match="ARC_BOMB"):
        read(packed, max_ratio=1e6, max_total_mib=1.0)
    with pytest.raises(InputRefused, match="ARC_MEMBERS"):
        read(packed, max_members=1)


def test_the_same_pictures_in_a_table_and_in_folders_are_one_version(tmp_path: Path) -> None:
    pets(tmp_path)
    pairs = [(k, n) for k in (0, 1) for n in range(4)]
    table = hub(
        image=nested(*(picture(100 * k + n) for k, n in pairs)), label=[k for k, _ in pairs]
    )
    for n, rows in enumerate((table[:3], table[3:])):
        put(rows, tmp_path / f"tables/{n}.parquet")
    versions = {
        snapshot(DatasetSettings(path=p, format=f), "s", tmp_path, tmp_path).version
        for p, f in (("data", "image_folder"), ("tables", "image_table"))
    }
    assert len(versions) == 1


def test_more_rows_than_are_held_at_once_keep_their_numbers(tmp_path: Path) -> None:
    bodies = [picture(n) for n in range(5000)]
    table = pa.table({"image": bodies, "label": ["a", "b"] * 2500})
    found = read(put(table, tmp_path / "t.parquet", row_group_size=700))
    assert [name for name, _ in told(found)] == [f"t.parquet/{n:07d}" for n in range(5000)]
    assert [body_of(f) for f in found] == bodies
