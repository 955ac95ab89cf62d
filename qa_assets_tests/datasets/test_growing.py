"""What is known of an earlier version is used, and the outcome is that of starting anew."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa_assets.core.records.datasets import (
    BLOCKS,
    CONTACT_SHEET,
    LOOKS,
    SAMPLES,
    SKETCHES,
    DatasetSnapshot,
    DatasetStatistics,
)
from qa_assets.core.records.quality import PAIRS, QUALITY, SampleQuality
from qa_assets.core.tables import read_table
from qa_assets.datasets import blocks, buckets, intake, near_duplicates
from qa_assets.datasets import statistics as statistics_room
from qa_assets.datasets.measured import added
from qa_assets.datasets.near_duplicates import Before, Looks, Pairs, find
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.statistics import statistics

Pixels = NDArray[np.uint8]
Made = tuple[DatasetSnapshot, SampleQuality, DatasetStatistics]


def pictures(count: int, seed: int = 0, side: int = 10) -> Pixels:
    """Smooth ones of a few kinds, some of them twice with a little noise."""
    draw = np.random.default_rng(seed)
    kinds = np.random.default_rng(99).random((4, side, side)) * 200
    smooth = kinds[draw.integers(0, 4, count)] + draw.random((count, side, side)) * 8
    return smooth.astype(np.uint8)


def idx(folder: Path, pixels: Pixels) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels = (np.arange(len(pixels)) % 2).astype(np.uint8)
    head = struct.pack(">HBB3I", 0, 8, 3, *pixels.shape)
    (folder / "train-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
    head = struct.pack(">HBBI", 0, 8, 1, len(pixels))
    (folder / "train-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def npz(folder: Path, pixels: Pixels) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "set.npz", x=pixels, y=np.arange(len(pixels)) % 2)


def made(root: Path, before: Made | None = None, scratch: str = "scratch", **given: str) -> Made:
    (root / scratch).mkdir(exist_ok=True)
    settings = DatasetSettings.model_validate({"path": "set", "format": "idx", **given})
    earlier = None if before is None else (lambda _: before[0])
    taken = snapshot(settings, "s", root, root / scratch, earlier)
    judged = quality(taken, None if before is None else (lambda _: before[1]))
    return (
        taken,
        judged,
        statistics(taken, judged, None if before is None else (lambda _: before[2])),
    )


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa_assets.datasets.idx_files._BLOCK", 100 * 16)
    monkeypatch.setattr("qa_assets.datasets.arrays._BLOCK", 100 * 16)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files were made of pixels, block by block."""
    counts: list[int] = []
    whole = blocks.pngs_of

    def counted(stack: Pixels) -> object:
        counts.append(len(stack))
        return whole(stack)

    monkeypatch.setattr(blocks, "pngs_of", counted)
    return counts


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("write", "given"), [
    (idx, {}), (npz, {"format": "npz", "path": "set/set.npz"}),
])  # fmt: skip
def test_rows_of_known_blocks_are_not_hashed_and_all_records_are_as_made_anew(
    tmp_path: Path, written: list[int], write: Callable[[Path, Pixels], None], given: dict[str, str]
) -> None:
    pixels = pictures(390)  # the last block has but six of sixteen
    write(tmp_path / "set", pixels)
    before = made(tmp_path, **given)
    assert BLOCKS in before[0].files
    assert sum(written) == 390
    written.clear()
    write(tmp_path / "set", np.concatenate([pixels, pictures(20, seed=1)]))
    grown = made(tmp_path, before, **given)
    assert sum(written) == 20
    new = added(grown[0], before[0].version)
    assert new is not None
    was, now = (set(read_table(found[0], SAMPLES)["id"]) for found in (before, grown))
    assert set(read_table(grown[0], SAMPLES)["id"][new]) == now - was
    assert added(grown[0], grown[0].version) is None
    anew = made(tmp_path, scratch="other", **given)
    assert grown[0] == anew[0]
    assert grown[0].read(SAMPLES) == anew[0].read(SAMPLES)
    assert grown[1].digest == anew[1].digest
    assert len(read_table(grown[1], PAIRS))
    assert grown[2].read(SKETCHES) == anew[2].read(SKETCHES)
    assert grown[2].read(LOOKS) == anew[2].read(LOOKS)
    assert grown[0].read(CONTACT_SHEET) == anew[0].read(CONTACT_SHEET)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("write", [idx, npz])
def test_blocks_are_the_same_with_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, Pixels], None]
) -> None:
    given = {} if write is idx else {"format": "npz", "path": "set/set.npz"}
    write(tmp_path / "set", pictures(150))
    found: set[tuple[str, str]] = set()
    for count in (1, 2, 4):
        monkeypatch.setattr(intake, "threads", lambda count=count: count)
        write(tmp_path / "set", pictures(150))
        first = made(tmp_path, scratch=f"first {count}", **given)
        write(tmp_path / "set", np.concatenate([pictures(150), pictures(7, seed=3)]))
        second = made(tmp_path, first, scratch=f"second {count}", **given)
        found.add((first[0].digest, second[0].digest))
    assert len(found) == 1


@pytest.mark.usefixtures("small_blocks")
def test_a_block_that_grows_again_and_again_is_known_up_to_where_it_was(
    tmp_path: Path, written: list[int]
) -> None:
    pixels, before = pictures(60), None
    for count in (5, 9, 16, 20, 20, 31, 37, 60, 37, 60):
        idx(tmp_path / "set", pixels[:count])
        before = made(tmp_path, before)
        anew = made(tmp_path, scratch="other")
        assert (before[0].version, before[0].remarks) == (anew[0].version, anew[0].remarks)
        assert before[0].read(SAMPLES) == anew[0].read(SAMPLES)
    made_anew = [5, 9, 16, 20, 20, 31, 37, 60, 37, 60]
    assert sum(written) == 60 + sum(made_anew) + 60 - 37  # what is gone is made again


@pytest.mark.usefixtures("small_blocks")
def test_other_labels_of_known_pictures_are_another_version(
    tmp_path: Path, written: list[int]
) -> None:
    idx(tmp_path / "set", pictures(64))
    before = made(tmp_path, group_pattern="/0000(..)")
    written.clear()
    place = tmp_path / "set" / "train-labels-idx1-ubyte"
    place.write_bytes(place.read_bytes()[:8] + bytes(3 - n % 2 for n in range(64)))
    after, _, _ = made(tmp_path, before, group_pattern="/0000(..)")
    assert written == []
    assert after.version != before[0].version
    assert after.classes == ("2", "3")
    groups = read_table(after, SAMPLES)
    assert all(
        g == n.split("/")[1][4:6] for g, n in zip(groups["group"], groups["name"], strict=True)
    )


@pytest.mark.usefixtures("small_blocks")
def test_a_block_with_a_sample_that_is_not_used_is_not_remembered(
    tmp_path: Path, written: list[int]
) -> None:
    pixels = pictures(64)
    pixels[20] = pixels[3]  # the same bytes under two labels: neither is a sample
    idx(tmp_path / "set", pixels)
    before = made(tmp_path)
    assert len(before[0].quarantined) == 2
    written.clear()
    again = made(tmp_path, before)
    assert written == [16, 16]
    assert (again[0], again[0].digest) == (before[0], before[0].digest)


@pytest.mark.usefixtures("small_blocks")
def test_what_is_gone_is_gone_and_a_rollback_is_the_version_it_was(tmp_path: Path) -> None:
    pixels = pictures(120)
    idx(tmp_path / "set", pixels)
    first = made(tmp_path)
    idx(tmp_path / "set", pixels[:100])
    fewer = made(tmp_path, first)
    anew = made(tmp_path, scratch="other")
    assert (fewer[0].version, fewer[0].samples) == (anew[0].version, 100)
    assert fewer[1].read(QUALITY) == anew[1].read(QUALITY)
    assert fewer[2].read(SKETCHES) == anew[2].read(SKETCHES)
    idx(tmp_path / "set", pixels)
    assert made(tmp_path, fewer)[0].version == first[0].version


def test_what_other_code_compared_or_measured_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx(tmp_path / "set", pictures(60))
    before = made(tmp_path)
    asked: list[int] = []
    whole = near_duplicates.find

    def noted(looks: Looks, confirm: near_duplicates.Confirm, known: Before | None) -> Pairs:
        asked.append(0 if known is None else int(known.new.sum()))
        return whole(looks, confirm, known)

    monkeypatch.setattr("qa_assets.datasets.alike.find", noted)
    idx(tmp_path / "set", np.concatenate([pictures(60), pictures(6, seed=1)]))
    made(tmp_path, before)
    monkeypatch.setattr("qa_assets.datasets.alike._code", lambda: "other")
    made(tmp_path, before)
    assert asked == [6, 0]
    monkeypatch.setattr(statistics_room, "_code", lambda: "other")
    assert before[2].measured_by != "other"
    assert made(tmp_path, before)[2].history[-1].version == before[0].version


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(1, 40), st.booleans())
def test_comparing_what_is_new_finds_what_comparing_all_finds(
    seed: int, old: int, new: int, crowded: bool
) -> None:
    draw = np.random.default_rng(seed)
    full, reach = (5, 2) if crowded else (buckets.FULL_BUCKET, buckets.REACH)
    kinds = draw.random((3, 64)) * 200
    count = old + new
    thumbs = (kinds[draw.integers(0, 3, count)] + draw.random((count, 64)) * 12).astype(np.uint8)
    hashes = draw.integers(0, 8, (count, 2)).astype(np.uint64)
    near, plain = buckets.buckets(thumbs).T, draw.random(count) < 0.1
    looks = Looks(hashes, thumbs, near, plain, np.full((count, 2), 10))
    added = np.zeros(count, np.bool_)
    added[draw.permutation(count)[:new]] = True

    def confirm(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        return (thumbs[first, 0] + thumbs[second, 0]) % 2 == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "FULL_BUCKET", full)
        patch.setattr(buckets, "REACH", reach)
        there = np.flatnonzero(~added)
        few = Looks(hashes[there], thumbs[there], near[:, there], plain[there], looks.sizes[there])
        was = find(few, lambda one, two: confirm(there[one], there[two]))
        known = Pairs(there[was.first], there[was.second], was.tables, was.same)
        whole = find(looks, confirm)
        if few.tables == looks.tables or not len(was.first):
            grown = find(looks, confirm, Before(known, added))
            for name in ("first", "second", "tables", "same"):
                np.testing.assert_array_equal(getattr(grown, name), getattr(whole, name))
    compared = count - int(looks.plain.sum())
    assert len(whole.first) or compared <= len(kinds) or crowded, "two of one kind look the same"


def test_buckets_are_of_whole_numbers_so_no_order_of_adding_matters() -> None:
    thumbs = np.random.default_rng(0).integers(0, 256, (50, 64)).astype(np.uint8)
    found = buckets.buckets(thumbs)
    assert (found.shape, found.dtype) == ((50, 16), np.uint32)
    assert 0 < found.max() < 1 << 24
    one_by_one = np.concatenate([buckets.buckets(t[None]) for t in thumbs])
    np.testing.assert_array_equal(one_by_one, found)
    brighter = (thumbs // 2 + 100).astype(np.uint8)
    darker = (thumbs // 2).astype(np.uint8)
    np.testing.assert_array_equal(buckets.buckets(brighter), buckets.buckets(darker))


def test_pictures_at_an_angle_share_a_bucket_as_often_as_the_angle_says() -> None:
    draw = np.random.default_rng(0)
    one = draw.normal(128, 20, (4000, 64))
    two = one + draw.normal(0, 4, one.shape)
    pair = [np.rint(v).astype(np.uint8) for v in (one, two)]
    centred = [p - p.mean(axis=1, keepdims=True) for p in pair]
    size = [np.linalg.norm(c, axis=1) for c in centred]
    angle = np.arccos((centred[0] * centred[1]).sum(axis=1) / (size[0] * size[1]))
    expected = np.mean((1 - angle / np.pi) ** buckets.SIGNS)  # Charikar (2002)
    shared = buckets.buckets(pair[0]) == buckets.buckets(pair[1])
    np.testing.assert_allclose(shared.mean(axis=0), expected, atol=0.03)
    np.testing.assert_allclose(shared.mean(), expected, atol=0.01)
