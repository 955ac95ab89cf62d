"""Tables as people write them: what is read, and what is said of the rest."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.formats.manifest import Manifest, labelled
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import RawSample, detect
from qa_assets_tests.datasets.samples import picture, write

NAMES = ("img/a.png", "img/b.png", "img/c.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "set", {name: picture(n) for n, name in enumerate(NAMES)})


def read(source: Path) -> list[Any]:
    return list(Manifest().read(source, SampleLimits()))


def labels(found: list[Any]) -> dict[str, str]:
    return {f.name: f.label for f in found if isinstance(f, RawSample)}


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    write(folder, {name: text.encode()})
    return folder


def packed(folder: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "labels.parquet")
    return folder


def refused(source: Path) -> tuple[str, str, str, str]:
    with pytest.raises(InputRefused) as caught:
        read(source)
    problem = caught.value.problems[0]
    return problem.code, problem.item, problem.message, problem.remedy


@pytest.mark.parametrize("start", ["./", ".\\", ".//"])
def test_a_detour_in_a_path_leads_to_the_same_picture(start: str, folder: Path) -> None:
    rows = "".join(f"{start}{name},x\n" for name in NAMES)
    assert set(labels(read(table(folder, f"filename,label\n{rows}")))) == set(NAMES)


@pytest.mark.parametrize("header", ["FileName,Label", "FILENAME,LABEL", "Filename , label"])
def test_columns_may_be_written_large(header: str, folder: Path) -> None:
    found = read(table(folder, f"{header}\n{NAMES[0]},x\n{NAMES[1]},y\n{NAMES[2]},x\n"))
    assert sorted(labels(found).values()) == ["x", "x", "y"]
    assert next(f.code for f in found if isinstance(f, Remark)) == "LABEL_COLUMN"


@pytest.mark.parametrize("called", ["img/a", "img/A.PNG", "IMG/a.jpg"])
def test_a_picture_that_is_spelt_otherwise_is_named(called: str, folder: Path) -> None:
    found = read(table(folder, f"filename,label\n{called},x\n{NAMES[1]},y\n"))
    orphan = next(f for f in found if isinstance(f, Quarantined))
    assert (orphan.code, orphan.item) == ("LABEL_ORPHAN", "labels.csv row 2")
    assert "did you mean 'img/a.png'?" in orphan.message


def test_what_two_pictures_look_like_is_no_hint(folder: Path) -> None:
    write(folder, {"img/a.PNG": picture(9)})
    found = read(table(folder, f"filename,label\nimg/a,x\n{NAMES[1]},y\n"))
    orphan = next(f for f in found if isinstance(f, Quarantined))
    assert "mean" not in orphan.message


def test_a_picture_without_a_row_is_named_as_it_lies(folder: Path) -> None:
    found = read(table(folder, "filename,label\na.png,x\nb.png,y\n"))
    assert [f.item for f in found if isinstance(f, Quarantined)] == ["img/c.png"]


@pytest.mark.parametrize(("separator", "packs"), [(";", False), ("\t", False), (";", True)])
def test_another_separator_is_said_wherever_the_table_lies(
    separator: str, packs: bool, folder: Path, tmp_path: Path
) -> None:
    rows = "".join(f"{name}{separator}x\n" for name in NAMES)
    source = table(folder, f"filename{separator}label\n{rows}")
    if packs:
        source = tmp_path / "set.tar"
        with tarfile.open(source, "w") as archive:
            archive.add(folder, ".")
    assert detect(source) == "manifest"
    code, _, message, remedy = refused(source)
    assert code == "CSV_COLUMNS"
    assert repr(separator) in message
    assert "commas" in remedy


def test_of_several_tables_one_has_to_be_named(folder: Path) -> None:
    for name in ("train.csv", "test.csv"):
        table(folder, f"filename,label\n{NAMES[0]},x\n{NAMES[1]},y\n", name)
    assert detect(folder) == "manifest"
    code, _, message, _ = refused(folder)
    assert (code, "test.csv, train.csv" in message) == ("SET_TABLES", True)
    assert labels(read(folder / "train.csv")) == {NAMES[0]: "x", NAMES[1]: "y"}


def test_tables_beside_class_folders_are_notes(folder: Path) -> None:
    write(folder, {"other/d.png": picture(4), "a.csv": b"x,y\n1,2\n", "b.csv": b"x,y\n1,2\n"})
    assert detect(folder) == "image_folder"


def rows_of(label: object) -> Iterator[str]:
    for name in NAMES:
        yield json.dumps({"filename": name, "label": label if name == NAMES[1] else "x"})


@pytest.mark.parametrize(
    ("label", "what"), [({"a": 1}, "an object (row 2)"), ([1], "a list (row 2)")]
)
def test_a_label_that_is_no_single_value_is_refused_with_its_row(
    label: object, what: str, folder: Path
) -> None:
    code, item, message, _ = refused(table(folder, "\n".join(rows_of(label)), "labels.jsonl"))
    assert (code, item) == ("CSV_NESTED", "labels.jsonl")
    assert what in message


@pytest.mark.parametrize(
    ("line", "code"),
    [('{"filename": "a', "JSON_SYNTAX"), ("[1]", "JSON_TYPE"), ("NaN", "JSON_SYNTAX")],
)
def test_a_broken_line_is_named(line: str, code: str, folder: Path) -> None:
    text = "\n".join([*rows_of("y"), line])
    assert refused(table(folder, text, "labels.jsonl"))[:2] == (code, "labels.jsonl row 4")


def test_other_nested_columns_are_left_out_and_said(folder: Path) -> None:
    packed(folder, filename=list(NAMES), label=["x", "y", "x"], boxes=[[1], [2, 3], []])
    found = read(folder)
    assert len(labels(found)) == len(NAMES)
    assert [(f.code, f.item) for f in found if isinstance(f, Remark)] == [
        ("CSV_NESTED", "labels.parquet: boxes")
    ]
    assert all("boxes" not in f.attributes for f in found if isinstance(f, RawSample))


def test_pictures_inside_a_table_are_refused_with_what_would_be_right(folder: Path) -> None:
    packed(folder, image=[{"bytes": picture(1), "path": "a.png"}], label=[1])
    code, _, message, _ = refused(folder)
    assert code == "CSV_NESTED"
    assert "struct" in message


@pytest.mark.parametrize(
    "missing",
    [
        pa.array([1.0, float("nan"), 0.0], from_pandas=False),
        pa.array([1, None, 0]),
        pa.array(["1", None, "0"]).dictionary_encode(),
    ],
)
def test_a_number_that_is_none_is_no_class(missing: pa.Array, folder: Path) -> None:
    found = read(packed(folder, filename=list(NAMES), label=missing))
    aside = [f for f in found if isinstance(f, Quarantined)]
    assert [(f.code, f.item) for f in aside] == [
        ("LABEL_EMPTY", f"labels.parquet row 3: {NAMES[1]}")
    ]


def test_names_as_bytes_are_read_as_text(folder: Path) -> None:
    packed(folder, filename=[n.encode() for n in NAMES], label=[b"x", b"y", b"x"])
    assert labels(read(folder)) == dict(zip(NAMES, "xyx", strict=True))


def test_a_cut_parquet_file_is_not_told_to_be_utf8(folder: Path) -> None:
    packed(folder, filename=list(NAMES), label=[1, 2, 3])
    whole = folder / "labels.parquet"
    whole.write_bytes(whole.read_bytes()[:100])
    code, _, message, remedy = refused(folder)
    assert code == "CSV_ENCODING"
    assert ".." not in message
    assert "Parquet" in remedy


def test_the_numbers_of_rows_are_no_attribute(folder: Path) -> None:
    found = read(table(folder, f",filename,label,site\n0,{NAMES[0]},x,a\n1,{NAMES[1]},y,b\n"))
    assert {f.attributes for f in found if isinstance(f, RawSample)} == {
        '{"site": "a"}',
        '{"site": "b"}',
    }


def test_a_table_alone_in_an_archive_has_no_folders(tmp_path: Path) -> None:
    source, body = tmp_path / "set.tar", b"a;b\n1;2\n"
    with tarfile.open(source, "w") as archive:
        info = tarfile.TarInfo("labels.csv")
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    assert detect(source) == "image_folder"


def labels_of(folder: Path, name: str, header: str, *rows: str) -> tuple[dict[str, str], list[str]]:
    """Labels by the last part of a name, and what was guessed."""
    (folder / name).write_text("\n".join((header, *rows)) + "\n")
    assert detect(folder) == "manifest"
    found = read(folder)
    (folder / name).unlink()
    labels = {f.name.rpartition("/")[2]: f.label for f in found if isinstance(f, RawSample)}
    return labels, [f.message for f in found if isinstance(f, Remark)]


def test_rows_may_name_files_without_their_ending(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.1.jpg": b"x", "images/b.png": b"y"})
    labels, said = labels_of(tmp_path, "t.csv", "image_id,label", "a.1,cat", "b,dog")
    assert labels == {"a.1.jpg": "cat", "b.png": "dog"}
    assert said == [
        "has no column 'filename'; 'image_id' is read as it.", "names files without their ending."
    ]  # fmt: skip
    assert labels_of(tmp_path, "t.csv", "filename,label", "images/b,dog")[0] == {"b.png": "dog"}
    whole = labels_of(tmp_path, "t.csv", "filename,label", "b.png,dog", "a.1,cat")
    assert whole == ({"b.png": "dog"}, []), "one ending says that all have theirs"
    assert labels_of(tmp_path, "t.csv", "filename,label", "c,dog") == ({}, []), "no such file"
    (tmp_path / "t.csv").write_text("filename,label\nb,dog\n")
    found = list(labelled(tmp_path, SampleLimits()))
    assert "LABEL_ORPHAN" in [f.code for f in found if isinstance(f, Quarantined)], "no guess"
    write(tmp_path, {"images/b.jpg": b"z"})
    assert labels_of(tmp_path, "t.csv", "filename,label", "b,dog") == ({}, []), "which of the two?"


def test_bytes_are_no_names_unless_they_are_text(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": picture(0), "images/b.png": picture(1)})
    names: dict[str, Any] = {"filename": [b"images/a.png", b"images/b.png"], "label": ["a", "b"]}
    pq.write_table(pa.table(names), tmp_path / "t.parquet")
    assert [f.label for f in read(tmp_path) if isinstance(f, RawSample)] == ["a", "b"]
    bodies: dict[str, Any] = {"image": [picture(0), picture(1)], "label": ["a", "b"]}
    pq.write_table(pa.table(bodies), tmp_path / "t.parquet")
    with pytest.raises(InputRefused, match=r"CSV_NESTED.*bytes that are no text in the column"):
        read(tmp_path)


def test_a_number_of_a_picture_is_no_name_where_its_name_is_there_too(tmp_path: Path) -> None:
    write(tmp_path, {"images/1.png": b"x", "images/2.png": b"y"})
    header = "image_id,file_name,label"
    labels, said = labels_of(tmp_path, "t.csv", header, "2,1.png,cat", "1,2.png,dog")
    assert labels == {"1.png": "cat", "2.png": "dog"}
    assert said == ["has no column 'filename'; 'file_name' is read as it."]
    with pytest.raises(InputRefused, match="no column 'filename'"):
        labels_of(tmp_path, "t.csv", "image_id,file_name,path,label", "1,1.png,1.png,cat")
