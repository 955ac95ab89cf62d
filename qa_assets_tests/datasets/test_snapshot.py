import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import CONTACT_SHEET, SAMPLES, DatasetSnapshot
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import read_table
from qa_assets.datasets import contact_sheet
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.snapshot import fingerprint, prepare
from qa_assets.datasets.tiles import tiles_of
from qa_assets.preprocessing.samples import read_payloads
from qa_assets_tests.datasets.samples import DIGITS, digits, pets, picture, saved, take, write

Opened = Callable[[], AbstractContextManager[list[str]]]


def test_digits_are_all_there() -> None:
    taken, _, _ = digits()
    table = read_table(taken, SAMPLES)
    assert (taken.samples, taken.classes) == (1797, tuple("0123456789"))
    assert taken.quarantined == ()
    assert list(table["id"]) == sorted(table["id"])
    assert dict(read_payloads(taken)).keys() == set(table["id"])
    assert all(digest_bytes(body) == sample for sample, body in read_payloads(taken))
    assert table["group"].nunique() == 12
    assert set(table["copies"]) == {1}


def test_the_sample_table_says_what_each_sample_is(tmp_path: Path) -> None:
    write(pets(tmp_path), {"data/cat/photo.jpg": saved(Image.new("RGB", (20, 10)), "JPEG")})
    table = read_table(take(tmp_path, group_pattern="_([0-9])"), SAMPLES).set_index("name")
    photo = table.loc["cat/photo.jpg"]
    assert (photo["format"], photo["mode"], photo["width"], photo["height"]) == (
        "JPEG",
        "RGB",
        20,
        10,
    )
    assert photo["group"] == ""
    assert table.loc["dog/dog_3.png", "group"] == "3"
    assert table.loc["dog/dog_3.png", "bytes"] == len(picture(103))


def test_a_record_survives_the_store(tmp_path: Path) -> None:
    taken = take(pets(tmp_path))
    store = LocalStore(tmp_path / "store")
    loaded = DatasetSnapshot.load(store.get(store.put(taken.content())))
    assert loaded == taken
    assert dict(read_payloads(loaded)) == dict(read_payloads(taken))


def test_bad_samples_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(pets(tmp_path), {"data/cat/empty.png": b"", "data/dog/cut.png": picture(5)[:60]})
    taken = take(tmp_path)
    assert taken.samples == 8
    found = {q.item: q.code for q in taken.quarantined}
    assert found == {"cat/empty.png": "IMG_EMPTY", "dog/cut.png": "IMG_TRUNCATED"}


def test_the_same_bytes_under_other_names_are_one_sample(tmp_path: Path) -> None:
    write(pets(tmp_path), {"data/cat/again.png": picture(0), "data/cat/z/third.png": picture(0)})
    taken = take(tmp_path)
    table = read_table(taken, SAMPLES).set_index("id")
    assert len(table) == len(list(read_payloads(taken))) == 8
    assert table.loc[digest_bytes(picture(0)), ["name", "copies"]].tolist() == ["cat/again.png", 3]


def test_the_same_bytes_under_two_labels_are_no_sample(tmp_path: Path) -> None:
    write(pets(tmp_path), {"data/dog/copy.png": picture(0)})
    taken = take(tmp_path)
    assert taken.samples == 7
    assert digest_bytes(picture(0)) not in dict(read_payloads(taken))
    assert {(q.code, q.item) for q in taken.quarantined} == {
        ("SET_LABEL_CONFLICT", "cat/cat_0.png"),
        ("SET_LABEL_CONFLICT", "dog/copy.png"),
    }
    assert all("cat" in q.message and "dog" in q.message for q in taken.quarantined)


def test_class_names_stay_text(tmp_path: Path) -> None:
    names = ("NA", "001", "null", "True", "1e5")
    write(tmp_path, {f"data/{c}/{n}.png": picture(10 * k + n)
                     for k, c in enumerate(names) for n in range(2)})  # fmt: skip
    taken = take(tmp_path)
    assert taken.classes == tuple(sorted(names))
    assert set(read_table(taken, SAMPLES)["label"]) == set(names)


def refused(root: Path) -> InputRefused:
    before = sorted(p for p in root.rglob("*"))
    with pytest.raises(InputRefused) as caught:
        take(root)
    left = set(root.rglob("*")) - set(before)
    drafts = [p for p in left if any(part.startswith("snapshot-") for part in p.parts)]
    assert all("tmp" in p.name for p in left - set(drafts))  # the scratch folder itself
    assert caught.value.problems[0].remedy
    return caught.value


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path).problems[0].code == "SET_MISSING"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert refused(tmp_path).problems[0].code == "SET_EMPTY"


def test_a_folder_of_bad_files_is_refused_and_each_is_named(tmp_path: Path) -> None:
    write(tmp_path, {f"data/cat/x{n}.png": b"junk" for n in range(8)})
    found = refused(tmp_path).problems
    assert found[0].code == "SET_EMPTY"
    assert "x0.png" in found[0].message
    assert [p.item for p in found[1:]] == [f"cat/x{n}.png" for n in range(8)]


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {f"data/cat/x{n}.png": picture(n) for n in range(4)})
    found = refused(tmp_path).problems[0]
    assert found.code == "SET_ONE_CLASS"
    assert "'cat'" in found.message


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(8)))
def test_names_and_their_order_are_no_part_of_the_version(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    plain = tmp_path_factory.mktemp("plain")
    renamed = tmp_path_factory.mktemp("renamed")
    labels = ["cat", "dog"] * 4
    write(plain, {f"data/{c}/{n}.png": picture(n) for n, c in enumerate(labels)})
    write(renamed, {f"data/{labels[n]}/as{place}.png": picture(n) for place, n in enumerate(order)})
    assert take(plain).version == take(renamed).version


def test_a_sample_a_label_or_a_group_more_is_another_version(tmp_path: Path) -> None:
    first = take(pets(tmp_path)).version
    grouped = take(tmp_path, group_pattern="_([0-9])").version
    write(tmp_path, {"data/cat/new.png": picture(77)})
    grown = take(tmp_path).version
    (tmp_path / "data/cat/new.png").rename(tmp_path / "data/dog/new.png")
    moved = take(tmp_path).version
    (tmp_path / "data/dog/new.png").unlink()
    assert len({first, grouped, grown, moved}) == 4
    assert take(tmp_path).version == first


def test_the_same_folder_gives_the_same_record(tmp_path: Path) -> None:
    assert take(pets(tmp_path / "a")).digest == take(pets(tmp_path / "b")).digest


def test_payloads_fill_as_many_shards_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qa_assets.datasets import shards

    whole = dict(read_payloads(take(pets(tmp_path))))
    monkeypatch.setattr(shards.ShardWriter.__init__, "__defaults__", (len(picture(0)) * 3,))
    taken = take(write(tmp_path, {"data/dog/copy.png": picture(0)}))  # and a conflict to drop
    assert sum(name.startswith("payload-") for name in taken.files) == 3
    assert dict(read_payloads(taken)) == {
        s: b for s, b in whole.items() if s != digest_bytes(picture(0))
    }


# ---- fingerprint


def test_the_fingerprint_changes_with_names_sizes_and_times_and_opens_nothing(
    tmp_path: Path, opened: Opened
) -> None:
    where = DatasetSettings(path="data")
    found = [fingerprint(where, pets(tmp_path))]
    file = tmp_path / "data/cat/cat_0.png"
    os.utime(file, ns=(0, 1))
    found.append(fingerprint(where, tmp_path))
    file.rename(file.with_name("other.png"))
    found.append(fingerprint(where, tmp_path))
    write(tmp_path, {"data/cat/more.png": b"1"})
    found.append(fingerprint(where, tmp_path))
    assert len(set(found)) == 4
    with opened() as names:
        assert fingerprint(where, tmp_path) == found[-1]
    assert names == []


def test_an_embedded_source_has_a_fingerprint_before_it_is_made(tmp_path: Path) -> None:
    absent = fingerprint(DIGITS, tmp_path)
    assert not (tmp_path / "data").exists()
    assert prepare(DIGITS, tmp_path) == tmp_path / "data/digits"
    assert fingerprint(DIGITS, tmp_path) != absent


def test_a_missing_folder_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="SET_MISSING"):
        fingerprint(DatasetSettings(path="data"), tmp_path)


# ---- contact sheet


@pytest.mark.slow
def test_the_contact_sheet_is_small_whatever_the_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    write(tmp_path, {
        f"data/{c:02d} <class>/{n}.png": saved(
            Image.fromarray(noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "PNG")
        for c in range(30) for n in range(14)
    })  # fmt: skip
    body = take(tmp_path).read(CONTACT_SHEET)
    assert len(body) <= 40_000
    small = Image.open(io.BytesIO(body))
    assert small.height > 24 * 40


def test_a_sheet_that_fits_only_when_packed_well_shows_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = digits()[0]
    rows = read_table(taken, SAMPLES)
    some = [*zip(rows["id"], rows["label"], strict=True)][:300]
    quickly = contact_sheet.sheet_of(taken, some)
    monkeypatch.setattr(contact_sheet, "INLINE_PICTURE_BYTES", len(quickly) - 1)
    well = contact_sheet.sheet_of(taken, some)
    assert len(well) < len(quickly)
    assert tiles_of(well).keys() == tiles_of(quickly).keys() != set()
    shown = [np.asarray(Image.open(io.BytesIO(body))) for body in (well, quickly)]
    np.testing.assert_array_equal(*shown)


def test_tiny_pictures_are_enlarged_without_blur() -> None:
    taken, _, _ = digits()
    sheet = np.asarray(Image.open(io.BytesIO(taken.read(CONTACT_SHEET))).convert("L"))
    first = read_table(taken, SAMPLES).query("label == '0'")["id"].iloc[0]
    pixels = np.asarray(Image.open(io.BytesIO(dict(read_payloads(taken))[first])))
    shown = sheet[2:42, 76:116]
    enlarged = np.kron(pixels, np.ones((5, 5), np.uint8))
    np.testing.assert_allclose(shown.astype(int), enlarged, atol=4)  # one of 32 shades
    assert not np.diff(shown.reshape(8, 5, 8, 5), axis=1).any()
    assert (sheet[:, :76] < 128).any()  # the labels beside
