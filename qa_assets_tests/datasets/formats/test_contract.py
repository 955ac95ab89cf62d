"""Every registered dataset format keeps the promises of its seam."""

import io
import json
import os
import shutil
import socket
import struct
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import (
    FORMATS,
    DatasetFormat,
    Finding,
    RawSample,
    detect,
    format_named,
)
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


def body_of(raw: RawSample | Finding, **limits: object) -> bytes | Quarantined:
    """What a sample holds, as who needs it reads it."""
    assert isinstance(raw, RawSample)
    body = raw.payload
    return body if isinstance(body, bytes) else body.read(SampleLimits(**limits).max_file_mib)


def webdataset_tar(root: Path) -> Path:
    with tarfile.open(root / "set.tar", "w") as archive:
        for k, c in enumerate(("cat", "dog")):
            for n in range(4):
                for end, body in ((".png", picture(100 * k + n)), (".cls", c.encode())):
                    entry = tarfile.TarInfo(f"{c}{n:03d}{end}")
                    entry.size = len(body)
                    archive.addfile(entry, io.BytesIO(body))
    return root / "set.tar"


def image_table(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bodies = [picture(100 * k + n) for k in (0, 1) for n in range(4)]
    kinds = ["cat"] * 4 + ["dog"] * 4
    pq.write_table(pa.table({"image": bodies, "label": kinds}), root / "set.parquet")
    return root / "set.parquet"


SOURCES = {"image_folder": lambda root: pets(root) / "data", "idx": idx_pair, "npz": npz_file,
           "manifest": manifest_folder, "webdataset": webdataset_tar,
           "image_table": image_table}  # fmt: skip
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
    assert set(map(body_of, read)) == {picture(100 * k + n) for k in (0, 1) for n in range(4)}
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
    bodies = {r.name: body_of(r, **limits) for r in found if isinstance(r, RawSample)}
    samples = {name for name, body in bodies.items() if isinstance(body, bytes)}
    refused = [q for q in (*found, *bodies.values()) if isinstance(q, Quarantined)]
    return samples, {q.item: q.code for q in refused}


GOOD = {f"{c}/{c}_{n}.png" for c in ("cat", "dog") for n in range(4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pets(tmp_path) / "data"


def test_folders_below_a_class_are_part_of_the_name(folder: Path) -> None:
    write(folder, {"cat/2024/may/one.png": picture(7)})
    assert read(folder) == (GOOD | {"cat/2024/may/one.png"}, {})


def test_folders_called_as_sides_are_sides_even_one_alone(folder: Path) -> None:
    def sides() -> set[tuple[str, str]]:
        found = FORMATS["image_folder"].read(folder, LIMITS)
        return {(f.part, f.label) for f in found if isinstance(f, RawSample)}

    (folder / "Train").mkdir()
    for name in ("cat", "dog"):
        (folder / name).rename(folder / "Train" / name)
    assert sides() == {("train", "cat"), ("train", "dog")}
    (folder / "val/cat").mkdir(parents=True)
    (folder / "Train/cat/cat_0.png").rename(folder / "val/cat/cat_0.png")
    assert sides() == {("train", "cat"), ("train", "dog"), ("validation", "cat")}
    (folder / "bus").mkdir()
    assert {side for side, _ in sides()} == {""}, "trains among other vehicles"
    shutil.rmtree(folder / "bus")
    shutil.rmtree(folder / "val")
    shutil.rmtree(folder / "Train/dog")
    assert sides() == {("", "Train")}, "one folder in it is no two classes"


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


# ---- what others call things


def spelt(root: Path, table: str, body: str) -> Path:
    """Eight pictures in ``images/`` and a table of another kind beside it."""
    write(root, {f"data/images/{c}_{n}.png": picture(100 * k + n)
                 for k, c in enumerate(("cat", "dog")) for n in range(4)})  # fmt: skip
    (root / "data" / table).write_text(body)
    return root / "data"


def rows_of(between: str, slash: str = "/") -> str:
    return "".join(
        f"images{slash}{c}_{n}.png{between}{c}\n" for c in ("cat", "dog") for n in range(4)
    )


JSON_LINES = "".join(
    json.dumps({"file_name": f"images/{c}_{n}.png", "label": c, "lens": n}) + "\n"
    for c in ("cat", "dog")
    for n in range(4)
)


@pytest.mark.parametrize(
    ("table", "body", "guesses"),
    [
        ("labels.csv", "path,label\n" + rows_of(","), 1),
        ("index.csv", "Image,Class\n" + rows_of(","), 2),
        ("labels.tsv", "filename\tlabel\n" + rows_of("\t"), 0),
        ("metadata.jsonl", JSON_LINES, 1),
        ("labels.csv", "path,label\n" + rows_of(",", "\\"), 2),
    ],
)
@pytest.mark.parametrize("packed", ["", "data", "."])
def test_a_table_may_be_spelt_otherwise_and_every_guess_is_said(
    tmp_path: Path, table: str, body: str, guesses: int, packed: str
) -> None:
    source = spelt(tmp_path, table, body)
    if packed:
        within = (tmp_path, "data") if packed == "data" else (source, ".")
        source = Path(shutil.make_archive(str(tmp_path / "set"), "zip", *within))
    assert detect(source) == "manifest"
    found = list(FORMATS["manifest"].read(source, LIMITS))
    assert sorted(r.label for r in found if isinstance(r, RawSample)) == ["cat"] * 4 + ["dog"] * 4
    assert [r.code for r in found if isinstance(r, Remark)] == ["LABEL_COLUMN"] * guesses


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("filename,kind", "no column 'label'"),
        ("path,file,label", "no column 'filename'"),
        ("path;label", "separator ';'"),
    ],
)
def test_a_table_that_does_not_say_what_is_what_is_a_question(
    tmp_path: Path, header: str, said: str
) -> None:
    body = f"{header}\n" + rows_of(",") if header.count(",") == 1 else f"{header}\na,b,c\n"
    source = spelt(tmp_path, "labels.csv", body if ";" not in header else f"{header}\na;b\n")
    assert detect(source) == "manifest", "not one class called images"
    with pytest.raises(InputRefused, match=f"CSV_COLUMNS.*{said}"):
        list(FORMATS["manifest"].read(source, LIMITS))


def test_a_manifest_may_say_on_which_side_a_sample_is(tmp_path: Path) -> None:
    rows = [f"images/{c}_{n}.png,{c},{'test' if n else 'train'}\n"
            for c in ("cat", "dog") for n in range(4)]  # fmt: skip
    source = spelt(tmp_path, "labels.csv", "filename,label,split\n" + "".join(rows))
    parts = [r.part for r in FORMATS["manifest"].read(source, LIMITS) if isinstance(r, RawSample)]
    assert sorted(parts) == ["test"] * 6 + ["train"] * 2


PIXELS = np.stack([grey(n) for n in range(6)])
CLASS = np.arange(6) % 2


@pytest.mark.parametrize(
    ("arrays", "parts"),
    [
        ({"images": PIXELS, "labels": CLASS}, [""] * 6),
        ({"x_train": PIXELS[:4], "y_train": CLASS[:4], "x_test": PIXELS[4:], "y_test": CLASS[4:]},
         ["test"] * 2 + ["train"] * 4),
        ({"train_images": PIXELS[:3], "train_labels": CLASS[:3, None],
          "val_images": PIXELS[3:], "val_labels": CLASS[3:, None]},
         ["train"] * 3 + ["validation"] * 3),
    ],
)  # fmt: skip
def test_arrays_may_be_called_as_they_usually_are(
    tmp_path: Path, arrays: dict[str, np.ndarray], parts: list[str]
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)  # pyright: ignore[reportArgumentType]
    found = list(FORMATS["npz"].read(tmp_path / "set.npz", LIMITS))
    assert all(isinstance(r, RawSample) for r in found)
    assert sorted(r.part for r in found if isinstance(r, RawSample)) == parts
    assert {r.label for r in found if isinstance(r, RawSample)} == {"0", "1"}
    assert len({r.name for r in found if isinstance(r, RawSample)}) == 6


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_train": PIXELS, "y_test": CLASS}, "NPZ_KEYS.*no array y of the part 'train'"),
        ({"x": PIXELS.reshape(6, 1, 8, 8), "y": CLASS}, "NPY_TYPE.*moveaxis"),
        ({"x": PIXELS / 255.0, "y": CLASS}, "NPY_TYPE.*Scale to 0..255"),
        ({"x": PIXELS, "y": np.eye(6)}, "IDX_COUNT.*one label a sample"),
    ],
)
def test_arrays_that_would_need_a_guess_are_refused_with_the_remedy(
    tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputRefused, match=said):
        list(FORMATS["npz"].read(tmp_path / "set.npz", LIMITS))


def test_labels_of_an_idx_file_go_as_far_as_they_have_no_gap(tmp_path: Path) -> None:
    numbers = [*range(26), 200]
    pixels = np.stack([grey(n) for n in numbers])
    head = struct.pack(">HBBIII", 0, 8, 3, len(numbers), 8, 8)
    labels = struct.pack(">HBBI", 0, 8, 1, len(numbers)) + bytes(numbers)
    write(tmp_path, {"data/images-idx3-ubyte": head + pixels.tobytes(),
                     "data/labels-idx1-ubyte": labels})  # fmt: skip
    found = list(FORMATS["idx"].read(tmp_path / "data", LIMITS))
    assert [r.label for r in found if isinstance(r, RawSample)] == [str(n) for n in range(26)]
    assert [q.code for q in found if isinstance(q, Quarantined)] == ["LABEL_UNKNOWN"]
