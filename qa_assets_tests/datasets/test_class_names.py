"""Slips in the names of classes are said; nothing is renamed."""

from pathlib import Path

import pytest

from qa_assets.datasets.class_names import odd_classes, with_odd_classes
from qa_assets.datasets.inspection import Options, inspect
from qa_assets.datasets.remarks import NAMED
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets_tests.datasets.samples import picture, write


def codes(*classes: str) -> list[str]:
    return [r.code for r in odd_classes(classes)]


@pytest.mark.parametrize(
    "names",
    [
        ("Cat", "cat"),
        ("ka\u0308se", "käse"),
        ("1", "1.0"),
        ("7", "007"),
        ("big_dog", "big dog"),
        ("big dog", "big-dog"),
        ("cat", "ca\u200bt"),
        ("\uff21", "a"),
    ],
)
def test_two_spellings_of_one_name_are_told(names: tuple[str, str]) -> None:
    (found,) = odd_classes((*names, "other"))
    assert found.code == "LABEL_ALIKE"
    assert "2 classes" in found.message


def test_spellings_that_look_the_same_are_told_apart() -> None:
    (found,) = odd_classes(("käse", "ka\u0308se"))
    assert "\\xe4" in found.item
    assert "\\u0308" in found.item


@pytest.mark.parametrize(
    "names",
    [
        ("0", "1", "2", "10", "11"),
        ("0.1", "0.2"),
        ("cat", "cats"),
        ("NA", "none", "dog"),
        ("train", "bus"),  # a class of vehicles
        ("a", "b", "-", "_a"),
        ("😀", "😁"),
    ],
)
def test_names_that_differ_are_no_slips(names: tuple[str, ...]) -> None:
    assert codes(*names) == []


@pytest.mark.parametrize("name", ["nan", "NaN", "NULL", "N/A"])
def test_a_word_for_nothing_is_told(name: str) -> None:
    assert codes("1", name) == ["LABEL_NOTHING"]


def test_sides_beside_other_folders_are_told() -> None:
    (found,) = odd_classes(("docs", "test", "train"))
    assert (found.code, found.item) == ("LABEL_SIDE", "test, train")
    assert "docs" in found.message


def test_what_was_noticed_before_stays_and_the_rest_is_counted() -> None:
    names = [f(f"x{n}") for n in range(NAMED + 5) for f in (str.upper, str.lower)]
    remarks, counts = with_odd_classes(((), {"IMG_MODE": 3}), names)
    assert len(remarks) == NAMED
    assert counts == {"IMG_MODE": 3, "LABEL_ALIKE": NAMED + 5}


def test_snapshot_and_inspection_both_say_it(tmp_path: Path) -> None:
    files = {f"set/{c}/{n}.png": picture(10 * k + n) for k, c in enumerate(("A 1", "a_1"))
             for n in range(3)}  # fmt: skip
    write(tmp_path, files)
    taken = snapshot(DatasetSettings(path="set"), "set", tmp_path, tmp_path)
    assert taken.remark_counts["LABEL_ALIKE"] == 1
    found = inspect("dataset", tmp_path / "set", Options())
    assert [(p.code, p.severity) for p in found.problems] == [("LABEL_ALIKE", "warning")]
    assert found.problems[0].remedy
