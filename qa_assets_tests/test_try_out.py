"""``qa try`` and ``qa inspect`` as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

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
