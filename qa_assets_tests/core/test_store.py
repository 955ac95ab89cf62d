"""Content by digest, names that point at it; damage is refused at get and healed at put."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused, QaError
from qa_assets.core.publish import MANIFEST
from qa_assets.core.store import LocalStore, content_digest, short
from qa_assets_tests.core.faulty import survives

FILES = {"a": b"alpha", "b/c": b"beta"}
NAMES = st.text("abcxyz", min_size=1, max_size=5)


def code(error: pytest.ExceptionInfo[QaError]) -> str:
    return error.value.problems[0].code


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=20), max_size=5), st.randoms())
def test_the_digest_is_of_content_alone(files: dict[str, bytes], random: object) -> None:
    shuffled = list(files.items())
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue]
    assert content_digest(dict(shuffled)) == content_digest(files)
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        got = store.get(store.put(files))
        assert got.name == content_digest(files)
        assert {n: (got / n).read_bytes() for n in files} == files


def test_bytes_and_files_are_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"alpha")
    assert content_digest({"a": tmp_path / "source"}) == content_digest({"a": b"alpha"})
    assert content_digest({"a": b"alpha"}) != content_digest({"b": b"alpha"})
    assert content_digest({"a": b"alpha"}) != content_digest({"a": b"alphA"})


def test_put_twice_is_one_object_that_is_not_written_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = store.put(FILES)
    written = (store.get(first) / "a").stat().st_mtime_ns
    assert store.put(dict(reversed(FILES.items()))) == first
    assert (store.get(first) / "a").stat().st_mtime_ns == written
    assert len(list((tmp_path / "objects").glob("*/*"))) == 1


def test_where_things_lie_in_a_store_that_an_earlier_version_wrote(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = store.put(FILES)
    store.point("latest/digits", digest)
    assert (tmp_path / "objects" / digest[:2] / digest / "b" / "c").read_bytes() == b"beta"
    assert (tmp_path / "names" / "latest" / "digits").read_text() == f"{digest}\n"


def test_what_the_next_version_keeps_takes_no_second_copy(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    kept = store.get(store.put(FILES)) / "a"
    (tmp_path / "loose").write_bytes(b"loose")
    later = store.get(store.put({"a": kept, "loose": tmp_path / "loose"}))
    assert (later / "a").stat().st_ino == kept.stat().st_ino
    assert (later / "loose").stat().st_ino != (tmp_path / "loose").stat().st_ino


def test_scratch_lies_on_the_disk_of_the_store(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "not" / "yet")
    assert store.scratch() == store.scratch() == tmp_path / "not" / "yet" / "scratch"
    assert store.scratch().is_dir()


def test_a_digest_is_shortened_for_people_and_nonsense_is_too(tmp_path: Path) -> None:
    assert short("0123456789abcdef" * 4) == "0123456789ab"
    with pytest.raises(InputRefused) as error:
        LocalStore(tmp_path).get("x" * 200)
    assert error.value.problems[0].item == "x" * 80


def test_a_damaged_object_is_refused_then_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = store.put(FILES)
    (store.get(digest) / "a").write_bytes(b"alphA")
    with pytest.raises(InputRefused) as error:
        store.get(digest)
    assert code(error) == "ARTIFACT_TAMPERED"
    assert store.put(FILES) == digest
    assert (store.get(digest) / "a").read_bytes() == b"alpha"


def test_one_file_is_read_though_another_is_damaged(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = store.put(FILES)
    folder = store.get(digest)
    (folder / "a").write_bytes(b"other")
    assert store.read(digest, "b/c") == b"beta"
    for name, right in (("a", "ARTIFACT_TAMPERED"), ("d", "ARTIFACT_MISSING")):
        with pytest.raises(InputRefused) as refused:
            store.read(digest, name)
        assert code(refused) == right
    shutil.rmtree(folder)
    shutil.copytree(store.get(store.put({"b/c": b"forged"})), folder)
    with pytest.raises(InputRefused) as refused:
        store.read(digest, "b/c")
    assert code(refused) == "ARTIFACT_TAMPERED"


def test_another_artifact_in_its_place_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first, second = store.put(FILES), store.put({"a": b"other"})
    place, other = store.get(first), store.get(second)
    shutil.rmtree(place)
    shutil.copytree(other, place)
    with pytest.raises(InputRefused) as error:
        store.get(first)
    assert code(error) == "ARTIFACT_TAMPERED"


def test_a_manifest_rewritten_with_its_file_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    folder = store.get(store.put({"a": b"alpha"}))
    (folder / "a").write_bytes(b"evil")
    (folder / MANIFEST).write_bytes(
        canonical_json({"a": "4e7d9e4c3a5ea2b5d4e1b0ce1f9b4a8f2fd0c4ac02e1b0ce1f9b4a8f2fd0c4ac"})
    )
    with pytest.raises(InputRefused):
        store.get(folder.name)


@pytest.mark.parametrize("digest", ["0" * 64, "", "../../etc", "0" * 63, "0" * 65, "G" * 64])
def test_what_is_not_there_is_missing(tmp_path: Path, digest: str) -> None:
    with pytest.raises(InputRefused) as error:
        LocalStore(tmp_path).get(digest)
    assert code(error) == "ARTIFACT_MISSING"


def test_a_name_points_and_is_swapped(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.resolve("keys/a") is None
    store.point("keys/a", "0" * 64)
    store.point("keys/a", "1" * 64)
    assert store.resolve("keys/a") == "1" * 64
    store.point("latest/digits/evaluation", "2" * 64)
    assert list(store.names("latest")) == ["latest/digits/evaluation"]
    assert list(store.names("nothing")) == []
    (tmp_path / "names" / "latest" / ".digits.1.draft").write_bytes(b"never finished")
    store.point("latest/ants/evaluation", "2" * 64)
    assert list(store.names("latest")) == ["latest/ants/evaluation", "latest/digits/evaluation"]
    assert time.time() - 60 < store.pointed_at("keys/a") < time.time() + 60
    assert store.resolve("keys") is None
    assert store.resolve("keys/a/below") is None


@pytest.mark.parametrize("body", [b"", b"zz", b"\xff" * 64, b"0" * 63])
def test_a_damaged_pointer_counts_as_absent(tmp_path: Path, body: bytes) -> None:
    store = LocalStore(tmp_path)
    store.point("a", "0" * 64)
    (tmp_path / "names" / "a").write_bytes(body)
    assert store.resolve("a") is None


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a/", "a//b", "."])
def test_a_name_cannot_leave_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputRefused) as error:
        LocalStore(tmp_path).point(name, "0" * 64)
    assert code(error) == "NAME_SPECIAL"


@pytest.mark.slow
def test_a_put_that_was_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = store.put(FILES)
    points = 0
    while True:
        shutil.rmtree(tmp_path / "objects", ignore_errors=True)
        damaged = store.get(store.put(FILES)) / "a"
        damaged.write_bytes(b"damaged")
        done = survives(lambda: store.put(FILES), points + 1)
        assert store.put(FILES) == digest
        assert (store.get(digest) / "a").read_bytes() == b"alpha"
        if done:
            break
        points += 1
    assert points > 20
