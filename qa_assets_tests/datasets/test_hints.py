"""A path that nobody finds samples in: what was meant is said, never guessed in silence."""

import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.foreign import foreign_file, foreign_picture, stands_for_another
from qa_assets.datasets.hints import hint, hinted, refuse_foreign
from qa_assets.datasets.inspection import Options, inspect
from qa_assets.datasets.source import detect
from qa_assets_tests.datasets.samples import grey, pets, picture, write


def test_a_folder_too_high_names_the_one_that_holds_several(tmp_path: Path) -> None:
    pets(tmp_path / "a" / "b")
    assert hint(tmp_path / "a") == f"Its folders lie deeper: give the path {tmp_path}/a/b/data."
    found = inspect("dataset", tmp_path / "a", Options())
    assert str(tmp_path / "a/b/data") in next(
        p.remedy for p in found.problems if p.code == "SET_ONE_CLASS"
    )


def test_a_folder_too_low_names_the_one_above(tmp_path: Path) -> None:
    low = pets(tmp_path) / "data" / "cat"
    assert hint(low).endswith(f"give the folder above it: {tmp_path}/data.")
    with pytest.raises(InputRefused, match=r"SET_EMPTY.*above it: .*data\."):
        inspect("dataset", low, Options())


def test_one_class_that_stands_alone_is_told_nothing_wrong(tmp_path: Path) -> None:
    assert hint(write(tmp_path, {"set/cat/1.png": picture(1)}) / "set") == ""


def test_a_file_in_a_folder_that_is_a_data_set_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.stack([grey(1), grey(2)]), y=np.arange(2))
    assert hint(tmp_path).endswith(f"file itself: {tmp_path}/data.npz.")
    (tmp_path / "more.npz").write_bytes((tmp_path / "data.npz").read_bytes())
    assert "one of its 2 files (data.npz, more.npz)" in hint(tmp_path)


def test_pickles_are_named_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path / "set", {"data_batch_1": pickle.dumps({"data": [1]}), "batches.meta": b"x"})
    assert "data_batch_1 is a pickle. Reading it would run code" in hint(tmp_path / "set")
    with pytest.raises(InputRefused, match=r"SET_FORMAT data_batch_1: is a pickle.*numpy\.savez"):
        refuse_foreign(tmp_path / "set" / "data_batch_1")


@pytest.mark.parametrize(
    ("name", "said"), [("{}.ppm", "called .ppm"), ("{}", "names without an ending")]
)
def test_files_that_are_called_otherwise_are_told_how(name: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, {f"set/{c}/{name.format(1)}": picture(n) for n, c in enumerate("ab")})
    assert said in hint(tmp_path / "set")


def test_what_an_archive_holds_instead_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "idx.zip", "w") as archive:
        archive.writestr("train-images-idx3-ubyte", b"")
    assert hint(tmp_path / "idx.zip") == "Unpack it: it holds train-images-idx3-ubyte."
    with zipfile.ZipFile(tmp_path / "book.zip", "w") as archive:
        archive.writestr("xl/workbook.xml", b"")
    assert "Excel" in hint(tmp_path / "book.zip")
    with tarfile.open(tmp_path / "none.tar", "w"):
        pass
    assert hint(tmp_path / "none.tar") == ""


def test_only_a_want_of_samples_is_hinted_at(tmp_path: Path) -> None:
    pets(tmp_path / "a")
    with pytest.raises(InputRefused, match="Its folders lie deeper"), hinted(tmp_path):
        raise InputRefused.of("SET_EMPTY", "x", "is empty.", "Bring some.")
    with pytest.raises(InputRefused, match="Bring some"), hinted(tmp_path):
        raise InputRefused.of("ARC_BOMB", "x", "is a bomb.", "Bring some.")


def test_a_misspelt_path_is_told_what_is_there(tmp_path: Path) -> None:
    pets(tmp_path)
    with pytest.raises(InputRefused, match=r"SET_MISSING.*Did you mean .*/data'\?"):
        detect(tmp_path / "dta")
    with pytest.raises(InputRefused) as caught:
        detect(tmp_path / "other" / "deep")
    assert "mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x1cftypmp42\0\0\0\0", ""),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"\n <svg xmlns=''/>", "SVG"),
        (b"a text", ""),
    ],
)
def test_pictures_of_other_formats_are_called_by_name(head: bytes, name: str) -> None:
    assert foreign_picture(head) == name


def test_what_lies_in_place_of_a_picture_says_how_to_get_it() -> None:
    pointer = stands_for_another(b"version https://git-lfs.github.com/spec/v1\noid sha256:00")
    page = stands_for_another(b"<!DOCTYPE html><html>")
    assert pointer is not None
    assert page is not None
    assert "git lfs pull" in pointer.remedy
    assert "Fetch it again" in page.remedy
    assert stands_for_another(b"plain") is None


def test_our_own_kinds_are_not_foreign() -> None:
    assert [foreign_file(head) for head in (b"PK\3\4", b"\x1f\x8b", b"PAR1", b"a,b\n")] == [
        None
    ] * 4


def test_words_that_names_begin_with_may_be_classes(tmp_path: Path) -> None:
    names = [
        f"{word}{mark}{n}.png" for word, mark in (("cat", "."), ("dog", "_")) for n in range(3)
    ]
    write(tmp_path / "all", dict.fromkeys(names, b"x"))
    said = "If the first word of a name (cat, dog) is its class, move it into a folder called so."
    assert hint(tmp_path / "all") == said
    write(tmp_path / "all", {"eel.0.png": b"x"})
    write(tmp_path / "one", dict.fromkeys(names[:3], b"x"))
    write(tmp_path / "numbers", {f"{n}.png": b"x" for n in range(9)})
    write(tmp_path / "some", dict.fromkeys([*names, "0.png"], b"x"))
    for other in ("all", "one", "numbers", "some"):
        assert "first word" not in hint(tmp_path / other)


def test_data_within_an_archive_without_pictures_are_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "repo.zip", "w") as out:
        out.writestr("data/train.parquet", b"PAR1")
        out.writestr("README.md", b"a card")
    assert hint(tmp_path / "repo.zip") == "Unpack it: it holds data/train.parquet."
    with zipfile.ZipFile(tmp_path / "repo.zip", "a") as out:
        out.writestr("cats/a.png", picture(0))
    assert "Unpack it" not in hint(tmp_path / "repo.zip")
