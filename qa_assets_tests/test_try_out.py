"""``qa try`` and ``qa inspect`` as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.embedded import grey_png
from qa_assets.try_out import try_pictures
from qa_assets_tests.datasets.samples import pets, picture, write


def qa(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from qa_assets.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)


def test_a_folder_is_described_without_any_settings(tmp_path: Path) -> None:
    folder = write(pets(tmp_path, 6), {"data/cat/again.png": picture(0)}) / "data"
    done = qa("try", str(folder))
    assert done.returncode == 0, done.stderr
    for expected in ("image_folder", "SET_DUPLICATE", "cat/cat_0.png", "Most suspicious of 12"):
        assert expected in done.stdout


def test_a_table_is_compared_with_another(tmp_path: Path) -> None:
    rows = {"a.csv": (0, "u"), "b.csv": (400, "v")}
    for name, (start, word) in rows.items():
        body = "".join(f"{n + start},{word}\n" for n in range(500))
        write(tmp_path, {name: f"x,w\n{body}".encode()})
    done = qa("try", str(tmp_path / "b.csv"), "--against", str(tmp_path / "a.csv"))
    assert done.returncode == 0, done.stderr
    assert "2 of 2 columns moved" in done.stdout
    assert "could not be compared" not in done.stdout
    assert "qa run" not in done.stdout, "a pipeline is of pictures"
    write(tmp_path, {"c.csv": b"x,new\n" + b"1,2\n" * 500})
    done = qa("try", str(tmp_path / "c.csv"), "--against", str(tmp_path / "a.csv"), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    told = {row["column"]: row["why"] for row in rows if "why" in row}
    assert told == {"w": "is not there any more", "new": "is new"}


def test_what_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    done = qa("try", str(tmp_path / "nowhere"), "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[0])["code"] == "SET_MISSING"


def test_an_inspection_writes_what_it_found_and_nothing_for_what_is_refused(tmp_path: Path) -> None:
    folder = write(pets(tmp_path), {"data/cat/broken.png": b"no picture"}) / "data"
    done = qa("inspect", "dataset", str(folder), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["kept"], summary["bad"]) == (8, 1)
    assert "IMG_NOT_IMAGE" in (tmp_path / "out/problems.jsonl").read_text()
    assert qa("inspect", "archive", str(folder), "--out", str(tmp_path / "no")).returncode == 2
    assert not (tmp_path / "no").exists()


def test_an_array_without_labels_is_no_table(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8), np.uint8))
    done = qa("try", str(tmp_path / "x.npy"))
    assert done.returncode == 2
    assert "NPZ_KEYS x.npy" in done.stderr
    assert "numpy.savez" in done.stderr


def test_sides_of_the_source_are_shown_and_labels_nobody_can_tell_are_said_to_be(
    tmp_path: Path,
) -> None:
    names = (f"{side}/{c}/{n}" for side in ("train", "test") for c in "ab" for n in range(30))
    write(tmp_path, {f"data/{name}.png": picture(n) for n, name in enumerate(names)})
    sections = list(try_pictures(tmp_path / "data"))
    rows = dict(row[:2] for row in sections[0].rows)
    assert rows["sides it names itself"].startswith("test 60, train 60: splits: {by: source}")
    assert "trust it little" in sections[-1].title
    body = {f"data/{c}/{n}.png": picture(n + 100 * (c == "b"), 12) for c in "ab" for n in range(9)}
    plain = list(try_pictures(write(tmp_path / "plain", body) / "data"))
    assert "sides it names itself" not in dict(row[:2] for row in plain[0].rows)


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        ({"labels.csv": b"filename,label\nx.png,a\n"}, "rows of the table with other labels"),
        ({"cat/a.png": picture(0)}, "a folder of pictures for each"),
        ({"cat/a.png": b""}, "no usable sample; 1 set aside: cat/a.png. .*a folder of pictures"),
    ],
)
def test_the_remedy_for_too_few_classes_speaks_of_how_the_data_is_laid_out(
    tmp_path: Path, files: dict[str, bytes], remedy: str
) -> None:
    write(tmp_path / "data", files)
    with pytest.raises(InputRefused, match=remedy):
        list(try_pictures(tmp_path / "data"))


def test_many_findings_of_one_kind_hide_no_other(tmp_path: Path) -> None:
    files = {f"data/{c}/{n}.png": picture(50 * k + n) for k, c in enumerate(("cat", "dog"))
             for n in range(8)}  # fmt: skip
    files |= {f"data/cat/empty{n:02}.png": b"" for n in range(20)} | {"data/dog/z.png": b"text"}
    files |= {f"data/cat/note{n:02}.txt": b"x" for n in range(20)}
    files |= {"data/dog/flat.png": grey_png(np.zeros((8, 8), np.uint8))}
    sections = {s.title: s for s in try_pictures(write(tmp_path, files) / "data")}
    aside, odd = (sections[title].rows for title in ("Set aside", "Odd but used"))
    assert [row[:2] for row in aside] == [("IMG_EMPTY", 20)] * 3 + [("IMG_NOT_IMAGE", 1)]
    assert [row[:2] for row in odd] == [("NAME_EXTENSION", 20)] * 3 + [("IMG_BLANK", 1)]
