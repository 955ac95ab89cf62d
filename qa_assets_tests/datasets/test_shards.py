"""A version uses the shards of the one before: nothing is decoded twice."""

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from qa_assets.core.record import Record
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.tables import read_columns, read_mapped, read_table
from qa_assets.datasets import intake, shards
from qa_assets.datasets.joined_shards import MANY
from qa_assets.datasets.measured import added, measured, thumbnails
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets.preprocessing.samples import read_payloads
from qa_assets_tests.datasets.samples import pets, picture, take, write


def again(root: Path, *known: DatasetSnapshot) -> DatasetSnapshot:
    """The next version, with earlier ones at hand: the last is the latest."""

    def earlier(version: str) -> Record | None:
        return next((k for k in reversed(known) if version in ("", k.version)), None)

    return snapshot(DatasetSettings(path="data"), "pets", root, Path(mkdtemp(dir=root)), earlier)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Payloads that are decoded while the test runs."""
    seen: list[bytes] = []
    real: Callable[..., object] = intake.inspect_in_thread

    def noted(payload: bytes, *rest: object) -> object:
        seen.append(payload)
        return real(payload, *rest)

    monkeypatch.setattr(intake, "inspect_in_thread", noted)
    return seen


def test_only_what_is_new_is_decoded_and_packed(tmp_path: Path, decoded: list[bytes]) -> None:
    first = take(pets(tmp_path))
    decoded.clear()
    write(tmp_path, {"data/cat/new.png": picture(77)})
    grown = again(tmp_path, first)
    assert decoded == [picture(77)]
    old = first.files["payload-00000.parquet"]
    assert grown.files["payload-00000.parquet"] == old  # the very file, not a copy of it
    assert dict(read_payloads(grown)) == dict(read_payloads(take(tmp_path)))


def test_a_sample_is_found_whatever_sizes_pictures_have_and_wherever_it_was_packed(
    tmp_path: Path,
) -> None:
    sizes = [20, 31, 20, 40, 31, 20]
    folder = pets(tmp_path)
    write(folder, {f"data/cat/{n}.png": picture(50 + n, s) for n, s in enumerate(sizes)})
    first = take(folder)
    write(folder, {f"data/dog/{n}.png": picture(90 + n, s) for n, s in enumerate(sizes)})
    for taken in (first, again(folder, first)):
        whole = dict(read_payloads(taken))
        assert [*whole] == [
            row["key"].hex()
            for name in sorted(n for n in taken.files if n.startswith("measures-"))
            for row in read_mapped(taken.files[name]).to_pylist()
        ]
        some = np.arange(0, taken.samples, 3)
        ids = read_columns(taken.files[SAMPLES], ["id"])["id"].to_pylist()
        assert dict(read_payloads(taken, places=some)) == {ids[n]: whole[ids[n]] for n in some}
        wanted = frozenset(sorted(whole)[::3])
        assert dict(read_payloads(taken, wanted)) == {i: whole[i] for i in wanted}
        assert [*read_payloads(taken, frozenset({"0" * 64}))] == []


def test_a_version_is_told_alike_however_its_shards_were_cut(tmp_path: Path) -> None:
    first = take(pets(tmp_path))
    write(tmp_path, {"data/cat/new.png": picture(77), "data/dog/too.png": picture(78)})
    grown, anew = again(tmp_path, first), take(tmp_path)
    assert grown == anew
    assert grown.read(SAMPLES) == anew.read(SAMPLES)
    mine, other = measured(grown), measured(anew)
    assert all((mine.numbers[n] == other.numbers[n]).all() for n in mine.numbers)
    assert (mine.hashes == other.hashes).all()
    assert (mine.buckets == other.buckets).all()
    every = np.arange(grown.samples)
    assert (mine.thumbs[every] == other.thumbs[every]).all()
    assert (thumbnails(grown) == other.thumbs[every]).all()
    assert (thumbnails(grown, every[::3]) == other.thumbs[every[::3]]).all()
    assert quality(grown).digest == quality(anew).digest


def test_shards_stay_few_however_often_a_set_grows(tmp_path: Path, decoded: list[bytes]) -> None:
    before = take(pets(tmp_path, 60))
    first = before.files["payload-00000.parquet"]
    decoded.clear()
    for night in range(40):
        write(tmp_path, {f"data/cat/new_{night}.png": picture(777 + night)})
        grown = again(tmp_path, before)
        payloads = [name for name in grown.files if name.startswith("payload-")]
        assert len(payloads) <= MANY + 2
        assert len([n for n in grown.files if n.startswith("measures-")]) == len(payloads)
        assert grown.files["payload-00000.parquet"] == first or night > 30  # not copied each time
        new = added(grown, before.version)
        assert new is not None
        assert read_table(grown, SAMPLES)["name"][new].tolist() == [f"cat/new_{night}.png"]
        before = grown
    assert len(decoded) == 40
    anew = take(tmp_path)
    assert before == anew
    assert before.read(SAMPLES) == anew.read(SAMPLES)
    assert dict(read_payloads(before)) == dict(read_payloads(anew))
    every = np.arange(anew.samples)
    assert (measured(before).thumbs[every] == measured(anew).thumbs[every]).all()
    assert (measured(before).hashes == measured(anew).hashes).all()
    assert quality(before).digest == quality(anew).digest


def test_an_earlier_version_is_recognised(tmp_path: Path) -> None:
    first = take(pets(tmp_path))
    write(tmp_path, {"data/cat/new.png": picture(77)})
    grown = again(tmp_path, first)
    (tmp_path / "data/cat/new.png").unlink()
    assert again(tmp_path, first, grown).digest == first.digest


def test_what_is_gone_leaves_the_shards(tmp_path: Path, decoded: list[bytes]) -> None:
    first = take(pets(tmp_path))
    decoded.clear()
    (tmp_path / "data/cat/cat_0.png").unlink()
    fewer = again(tmp_path, first)
    assert decoded == []
    ids = set(read_table(fewer, SAMPLES)["id"])
    assert set(dict(read_payloads(fewer))) == ids
    assert len(ids) == 7
    every = np.arange(fewer.samples)
    assert (measured(fewer).thumbs[every] == measured(take(tmp_path)).thumbs[every]).all()


def test_other_code_of_the_room_decodes_nothing_again_but_other_measures_do(
    tmp_path: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = take(pets(tmp_path))
    decoded.clear()
    again(tmp_path, first)
    assert decoded == []
    monkeypatch.setattr(shards, "measured_by", lambda: "another way")
    anew = again(tmp_path, first)
    assert len(decoded) == 8
    decoded.clear()
    again(tmp_path, first, anew)
    assert decoded == []


def test_shards_are_of_the_stated_size_and_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = take(pets(tmp_path))
    monkeypatch.setattr(shards, "GROUP_BYTES", 2 * len(picture(0)))
    pieces = take(tmp_path)
    assert pieces == whole
    assert dict(read_payloads(pieces)) == dict(read_payloads(whole))
    one = sorted(dict(read_payloads(whole)))[3]
    assert [i for i, _ in read_payloads(pieces, frozenset([one]))] == [one]
    assert np.array_equal(measured(pieces).hashes, measured(whole).hashes)
