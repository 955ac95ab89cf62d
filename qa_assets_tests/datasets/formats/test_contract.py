"""Every registered dataset format keeps the promises of its seam."""

import io
import os
import socket
import struct
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, DatasetFormat, RawSample, detect, format_named
from qa_assets_tests.datasets.samples import grey, pets, picture, write

LIMITS = SampleLimits()
Opened = Callable[[], AbstractContextManager[list[str]]]
Case = tuple[DatasetFormat, Path]


def idx_pair(root: Path) -> Path:
    pixels = np.stack([grey(100 * k + n) for k in (0, 1) for n in range(4)])
    head = struct.pack(">HBBIII", 0, 8, 3, 8, 8, 8)
    labels = struct.pack(">HBBI", 0, 8, 1, 8) + bytes([0] * 4 + [1] * 4)
    write(root, {"data/images-idx3-ubyte": head + pixels.tobytes(),
                 "data/labels-idx1-ubyte": labels})  # fmt: skip
    return root / "data"


def npz_file(root: Path) -> Path:
    pixels = np.stack([grey(100 * k + n) for k in (0, 1) for n in range(4)])
    np.savez(root / "set.npz", x=pixels, y=np.array(["cat"] * 4 + ["dog"] * 4))
    return root / "set.npz"


def manifest_folder(root: Path) -> Path:
    pets(root)
    rows = [f"{c}/{c}_{n}.png,{c}\n" for c in ("cat", "dog") for n in range(4)]
    (root / "data/labels.csv").write_text("filename,label\n" + "".join(rows))
    return root / "data"


def webdataset_tar(root: Path) -> Path:
    with tarfile.open(root / "set.tar", "w") as archive:
        for k, c in enumerate(("cat", "dog")):
            for n in range(4):
                for end, body in ((".png", picture(100 * k + n)), (".cls", c.encode())):
                    entry = tarfile.TarInfo(f"{c}{n:03d}{end}")
                    entry.size = len(body)
                    archive.addfile(entry, io.BytesIO(body))
    return root / "set.tar"


SOURCES = {"image_folder": lambda root: pets(root) / "data", "idx": idx_pair, "npz": npz_file,
           "manifest": manifest_folder, "webdataset": webdataset_tar}  # fmt: skip
"""For each format, how to write a source of eight samples of the classes cat and dog."""


@pytest.fixture(params=sorted(FORMATS))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    assert request.param in SOURCES, f"write a source for the format {request.param}"
    return FORMATS[request.param], SOURCES[request.param](tmp_path)


def test_it_yields_every_sample_with_label_and_bytes(case: Case) -> None:
    reader, source = case
    read = list(reader.read(source, LIMITS))
    assert all(isinstance(r, RawSample) for r in read)
    words = {"0": "cat", "1": "dog"}
    assert sorted(words.get(r.label, r.label) for r in read) == ["cat"] * 4 + ["dog"] * 4
    assert {r.payload for r in read} == {picture(100 * k + n) for k in (0, 1) for n in range(4)}
    assert len({r.name for r in read}) == 8


def test_it_gives_the_same_sequence_again(case: Case) -> None:
    reader, source = case
    assert list(reader.read(source, LIMITS)) == list(reader.read(source, LIMITS))


def test_a_missing_source_is_refused(case: Case, tmp_path: Path) -> None:
    reader, _ = case
    for use in (lambda p: list(reader.read(p, LIMITS)), lambda p: list(reader.stamps(p))):
        with pytest.raises(InputRefused, match=r"SET_MISSING.*nowhere"):
            use(tmp_path / "nowhere")


def test_stamps_name_what_read_would_open_and_open_nothing(case: Case, opened: Opened) -> None:
    reader, source = case
    files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
    expected = {p.relative_to(source).as_posix() if p != source else p.name for p in files}
    with opened() as names:
        assert {s.name for s in reader.stamps(source)} == expected
    assert [n for n in names if reader is not FORMATS["manifest"]] == []


def test_it_is_recognised_by_its_content_whatever_it_is_called(case: Case, tmp_path: Path) -> None:
    reader, source = case
    assert FORMATS[detect(source)] is reader
    if source.is_file():
        other = source.rename(tmp_path / "called-otherwise")
        assert FORMATS[detect(other)] is reader


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(InputRefused, match=r"SET_FORMAT.*image_folder"):
        format_named("image_folders")


# ---- class-per-folder images


def read(source: Path, **limits: object) -> tuple[set[str], dict[str, str]]:
    found = list(FORMATS["image_folder"].read(source, SampleLimits(**limits)))
    samples = {r.name for r in found if isinstance(r, RawSample)}
    return samples, {q.item: q.code for q in found if isinstance(q, Quarantined)}


GOOD = {f"{c}/{c}_{n}.png" for c in ("cat", "dog") for n in range(4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pets(tmp_path) / "data"


def test_folders_below_a_class_are_part_of_the_name(folder: Path) -> None:
    write(folder, {"cat/2024/may/one.png": picture(7)})
    assert read(folder) == (GOOD | {"cat/2024/may/one.png"}, {})


def test_what_systems_and_people_leave_beside_the_samples_is_ignored(folder: Path) -> None:
    names = (".DS_Store", "cat/._cat_0.png", "cat/Thumbs.db", ".git/config", "README.md")
    write(folder, dict.fromkeys((*names, "__MACOSX/cat/x.png"), b"?"))
    assert read(folder) == (GOOD, {})


def test_names_are_kept_as_they_are(folder: Path) -> None:
    odd = {"cat/a\nb.png", "cat/<b>.png", "cat/--help.png", "\u732b/\U0001f408.png", "..x/y.png"}
    write(folder, {name: picture(n) for n, name in enumerate(odd)})
    assert read(folder) == (GOOD | odd, {})


@pytest.mark.parametrize(
    ("name", "code"),
    [("loose.png", "LABEL_MISSING"), ("cat/" + "d/" * 17 + "deep.png", "NAME_DEPTH")],
)  # fmt: skip
def test_what_the_name_rules_out_is_set_aside(folder: Path, name: str, code: str) -> None:
    write(folder, {name: picture(7)})
    assert read(folder) == (GOOD, {name: code})


def test_links_that_leave_circle_dangle_or_lead_to_folders_are_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    write(tmp_path, {"outside.png": picture(8)})
    links = {"cat/out.png": "../../outside.png", "cat/loop": ".", "cat/gone.png": "nowhere",
             "bird": "/etc", "cat/self.png": "self.png"}  # fmt: skip
    for name, target in links.items():
        (folder / name).symlink_to(target)
    assert read(folder) == (GOOD, dict.fromkeys(links, "NAME_LINK"))


def test_a_link_that_stays_inside_is_another_name_of_the_sample(folder: Path) -> None:
    (folder / "cat/alias.png").symlink_to("cat_0.png")
    assert read(folder) == (GOOD | {"cat/alias.png"}, {})


@pytest.mark.timeout(5)
def test_pipes_and_sockets_are_never_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "cat/pipe.png")
    monkeypatch.chdir(folder / "dog")  # the address of a socket has at most 100 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock.png")
    assert read(folder) == (GOOD, {"cat/pipe.png": "NAME_SPECIAL", "dog/sock.png": "NAME_SPECIAL"})


def test_a_name_that_is_not_utf8_is_spelt(folder: Path) -> None:
    (folder / os.fsdecode(b"cat/caf\xe9.png")).write_bytes(picture(7))
    assert read(folder) == (GOOD, {"cat/caf\\xe9.png": "NAME_ENCODING"})


def test_a_file_over_the_limit_is_not_read(folder: Path) -> None:
    with (folder / "cat/big.png").open("wb") as stream:
        stream.truncate(3 << 20)
    assert read(folder, max_file_mib=2.0) == (GOOD, {"cat/big.png": "IMG_TOO_LARGE"})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_an_unreadable_file_is_set_aside(folder: Path) -> None:
    (folder / "cat/cat_0.png").chmod(0)
    assert read(folder) == (GOOD - {"cat/cat_0.png"}, {"cat/cat_0.png": "NAME_PERMISSION"})


def test_a_file_in_place_of_the_folder_is_refused(folder: Path) -> None:
    with pytest.raises(InputRefused, match="is a file, a folder was expected"):
        read(folder / "cat/cat_0.png")
