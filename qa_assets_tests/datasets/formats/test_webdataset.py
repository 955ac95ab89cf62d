"""Shards of one set in a folder, as WebDataset writes them."""

import io
import tarfile
from pathlib import Path

import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.hints import hint
from qa_assets.datasets.settings import DatasetSettings, SampleLimits
from qa_assets.datasets.snapshot import fingerprint, snapshot
from qa_assets.datasets.source import FORMATS, RawSample, detect
from qa_assets_tests.datasets.samples import picture, write

LIMITS = SampleLimits()


def shard(path: Path, *numbers: int, beside: str = ".cls") -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for n in numbers:
            for name, body in (
                (f"{n:03}.png", picture(n)),
                (f"{n:03}{beside}", b"ab"[n % 2 :][:1]),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(body)
                archive.addfile(entry, io.BytesIO(body))
    return path


def test_a_folder_of_shards_is_one_set_and_their_names_say_the_side(tmp_path: Path) -> None:
    folder = shard(tmp_path / "set" / "train-0000.tar", 1, 2).parent
    shard(folder / "train-0001.tar", 3, 4)
    shard(folder / "val.tar", 5)
    write(folder, {"README.md": b"notes", ".hidden": b""})
    assert detect(folder) == "webdataset"
    found = list(FORMATS["webdataset"].read(folder, LIMITS))
    told = [(f.name, f.label, f.part) for f in found if isinstance(f, RawSample)]
    assert told == [
        ("train-0000.tar/001.png", "b", "train"),
        ("train-0000.tar/002.png", "a", "train"),
        ("train-0001.tar/003.png", "b", "train"),
        ("train-0001.tar/004.png", "a", "train"),
        ("val.tar/005.png", "b", "validation"),
    ]
    assert [(f.code, f.item) for f in found if isinstance(f, Remark)] == [
        ("NAME_EXTENSION", "README.md")
    ]


def test_the_same_samples_in_one_tar_or_several_are_one_version(tmp_path: Path) -> None:
    shard(tmp_path / "one" / "set.tar", *range(8))
    folder = shard(tmp_path / "many" / "0.tar", *range(4)).parent
    shard(folder / "1.tar", *range(4, 8))
    taken = [
        snapshot(DatasetSettings(path=p, format="webdataset"), "s", tmp_path, tmp_path).version
        for p in ("one/set.tar", "many")
    ]
    assert taken[0] == taken[1]


def test_a_new_shard_is_noticed_without_opening_it(tmp_path: Path) -> None:
    folder = shard(tmp_path / "set" / "0.tar", 1, 2).parent
    settings = DatasetSettings(path="set", format="webdataset")
    before = fingerprint(settings, tmp_path)
    shard(folder / "1.tar", 3)
    assert fingerprint(settings, tmp_path) != before


def test_what_is_wrong_in_a_shard_is_named_with_it(tmp_path: Path) -> None:
    folder = shard(tmp_path / "set" / "0.tar", 1, 2).parent
    shard(folder / "1.tar", 3, beside=".txt")
    found = list(FORMATS["webdataset"].read(folder, LIMITS))
    assert [(f.code, f.item) for f in found if isinstance(f, Quarantined)] == [
        ("LABEL_MISSING", "1.tar/003.png")
    ]
    (folder / "2.tar").write_bytes((folder / "0.tar").read_bytes()[:700])
    with pytest.raises(InputRefused, match=r"ARC_CORRUPT 2\.tar"):
        list(FORMATS["webdataset"].read(folder, LIMITS))


def test_archives_beside_folders_are_no_shards(tmp_path: Path) -> None:
    folder = shard(tmp_path / "set" / "0.tar", 1, 2).parent
    write(folder, {"cat/a.png": picture(1)})
    assert detect(folder) == "image_folder"


def test_classes_that_are_called_otherwise_are_told(tmp_path: Path) -> None:
    said = hint(shard(tmp_path / "set.tar", 1, 2, beside=".json"))
    assert "lies .json: give each a .cls" in said
