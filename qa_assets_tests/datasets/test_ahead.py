"""However many threads look at samples, what comes out is the same and in the same order."""

import io
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.datasets import ahead, intake
from qa_assets.datasets.ahead import CHUNK, MOST_THREADS, looked_at, threads
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.source import RawSample
from qa_assets_tests.datasets.samples import pets, picture, write


def raws(count: int) -> Iterator[RawSample]:
    return (RawSample(str(n), "a", "", bytes(n)) for n in range(count))


@pytest.fixture(autouse=True)
def threads_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand small samples to the threads too."""
    monkeypatch.setattr(ahead, "SMALL_BYTES", 0)


@pytest.mark.parametrize("size", [4095, 4096])
def test_small_samples_stay_in_this_thread(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(ahead, "SMALL_BYTES", 4096)
    few = [RawSample(str(n), "a", "", bytes(size)) for n in range(9)]
    with ThreadPoolExecutor(MOST_THREADS) as pool:
        found = {thread for _, thread in looked_at(few, lambda _: threading.get_ident(), pool)}
    assert (found == {threading.get_ident()}) is (size < 4096)


@pytest.mark.parametrize("count", [0, 1, CHUNK, 10 * CHUNK + 3])
def test_samples_keep_their_order(count: int) -> None:
    with ThreadPoolExecutor(MOST_THREADS) as pool:
        found = list(looked_at(raws(count), lambda raw: len(raw.payload), pool))
    assert [(raw.name, size) for raw, size in found] == [(str(n), n) for n in range(count)]
    assert found == list(looked_at(raws(count), lambda raw: len(raw.payload), None))


def test_what_is_read_ahead_is_bounded() -> None:
    read: list[RawSample] = []

    def reading() -> Iterator[RawSample]:
        for raw in raws(1000):
            read.append(raw)
            yield raw

    with ThreadPoolExecutor(2) as pool:
        for place, _ in enumerate(looked_at(reading(), len, pool)):
            assert len(read) <= place + CHUNK * (MOST_THREADS + 2)
    heavy = [RawSample(str(n), "a", "", bytes(ahead.CHUNK_BYTES)) for n in range(9)]
    chunks = ahead._chunks(heavy)  # pyright: ignore[reportPrivateUsage]
    assert [(len(chunk), size) for chunk, size in chunks] == [(1, ahead.CHUNK_BYTES)] * 9


def test_a_fault_in_a_thread_is_raised_here() -> None:
    def look(raw: RawSample) -> int:
        return 1 // (len(raw.payload) - 30)

    with pytest.raises(ZeroDivisionError), ThreadPoolExecutor(2) as pool:
        list(looked_at(raws(100), look, pool))


def exif(turn: bytes) -> bytes:
    """A JPEG whose EXIF makes decoders warn."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + turn)
    return out.getvalue()


def test_a_snapshot_is_the_same_with_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = picture(3)
    odd = {f"data/cat/odd_{n}.jpg": exif(bytes((n, 0, 1))) for n in range(40)}
    bad = {f"data/dog/bad_{n}.png": picture(n)[: 60 + n] for n in range(0, 40, 3)}
    same = {f"data/dog/same_{n}.png": body for n in range(20)}
    write(pets(tmp_path, 60), {**odd, **bad, **same})
    made: list[DatasetSnapshot] = []
    for count in (1, 2, 4):
        monkeypatch.setattr(intake, "threads", lambda count=count: count)
        (tmp_path / str(count)).mkdir()
        filters = list(warnings.filters)
        made.append(snapshot(DatasetSettings(path="data"), "s", tmp_path, tmp_path / str(count)))
        assert warnings.filters == filters
    assert len({record.digest for record in made}) == 1
    assert made[0].quarantined
    assert not any(t.name.startswith("ThreadPool") for t in threading.enumerate())


def test_there_is_a_thread_at_least() -> None:
    assert 1 <= threads() <= MOST_THREADS
