"""What a store may forget, and what it must not."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.core.errors import InputRefused
from qa_assets.core.leftovers import at_work, scratch_prefix, sweep
from qa_assets.core.retention import NEWEST, WHOLE_RELEASES, days_ago, forget, forgettable
from qa_assets.core.store import LocalStore

OLD, NOW = 100.0, 0.0
LIMIT = 30.0


def put(store: LocalStore, text: str, *needs: str, days: float = OLD) -> str:
    """A record that speaks of others, stored so many days ago."""
    body = json.dumps({"text": text, "needs": needs}).encode()
    digest = store.put({"record.json": body})
    aged(store.get(digest), days)
    return digest


def point(store: LocalStore, digest: str, *names: str, days: float = OLD) -> None:
    for name in names:
        store.point(name, digest)
        aged(store.root / "names" / name, days)


def aged(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def pruned(store: LocalStore) -> list[str]:
    """Digests that went."""
    found = forgettable(store, days_ago(LIMIT))
    forget(store, found)
    again = forgettable(store, days_ago(LIMIT))
    assert (again.objects, again.names, again.folders) == ((), (), ()), "once is enough"
    assert again.kept == found.kept
    return [path.name for path in found.objects]


def there(store: LocalStore, *digests: str) -> list[bool]:
    return [(store.root / "objects" / d[:2] / d).exists() for d in digests]


def test_an_old_record_that_nobody_needs_goes_with_its_names(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    gone, needed, latest, recent, nameless = (put(store, text) for text in "abcde")
    speaks = put(store, "f", needed)
    point(store, gone, "keys/1", "runs/7/p/evaluation", "from/p/evaluation/1", "series/1/latest")
    point(store, latest, "latest/p/evaluation", "keys/2")
    point(store, speaks, "latest/p/drift_report")
    point(store, recent, "keys/3", days=NOW)
    found = forgettable(store, days_ago(LIMIT))
    assert {path.name for path in found.objects} == {gone, nameless}
    assert sorted(found.names) == [
        "from/p/evaluation/1", "keys/1", "runs/7/p/evaluation", "series/1/latest"
    ]  # fmt: skip
    assert there(store, gone) == [True], "to count is not to remove"
    forget(store, found)
    assert there(store, gone, nameless, needed, latest, recent, speaks) == [False] * 2 + [True] * 4
    assert list(store.names("")) == [
        "keys/2", "keys/3", "latest/p/drift_report", "latest/p/evaluation"
    ]  # fmt: skip
    assert [p for p in tmp_path.rglob("*") if p.is_dir() and not any(p.iterdir())] == []
    with pytest.raises(InputRefused, match="ARTIFACT_MISSING"):
        store.get(gone)


def test_what_was_just_made_and_has_no_name_yet_stays(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    needed = put(store, "old")
    made = put(store, "new", needed, days=NOW)
    assert pruned(store) == []
    assert there(store, made, needed) == [True, True]


def test_every_release_stays_and_the_newest_with_what_they_were_judged_by(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    evidence = [put(store, f"evidence {n}") for n in range(WHOLE_RELEASES + 3)]
    releases = [put(store, f"release {n}", digest) for n, digest in enumerate(evidence)]
    for n, (release, shown) in enumerate(zip(releases, evidence, strict=True)):
        point(store, release, f"history/p/release/{release}", days=OLD - n)
        point(store, shown, f"keys/{n}", days=OLD - n)
    pruned(store)
    assert there(store, *releases) == [True] * len(releases)
    assert there(store, *evidence) == [False] * 3 + [True] * WHOLE_RELEASES
    assert len(list(store.names("history/p/release"))) == len(releases)


def test_the_newest_records_of_each_asset_stay_however_old(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    made = {asset: [put(store, f"{asset} {n}") for n in range(4)] for asset in ("a", "b/cpu")}
    for asset, digests in made.items():
        for n, digest in enumerate(digests):
            point(store, digest, f"history/p/{asset}/{digest}", days=OLD + n)
    pruned(store)
    for digests in made.values():
        assert there(store, *digests) == [True] * NEWEST + [False] * (4 - NEWEST)


def test_what_spares_work_goes_with_its_series_or_when_it_was_given_up(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    point(store, put(store, "a"), "latest/p/a", "series/used/latest")
    point(store, put(store, "b"), "series/lost/latest")
    for name, days in (("memory/used", OLD), ("memory/lost", OLD), ("memory/new", NOW),
                       ("unfinished/old", OLD), ("unfinished/new", NOW)):  # fmt: skip
        (tmp_path / name / "in").mkdir(parents=True)
        (tmp_path / name / "in/file").write_bytes(b"")
        aged(tmp_path / name / "in/file", days)
    (tmp_path / "unfinished/empty").mkdir()
    pruned(store)
    left = {p.relative_to(tmp_path).as_posix() for k in ("memory", "unfinished")
            for p in (tmp_path / k).iterdir()}  # fmt: skip
    assert left == {"memory/used", "memory/new", "unfinished/new"}


def test_a_file_that_is_shared_with_a_record_that_stays_frees_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    shared, size = tmp_path / "shard", 1 << 20
    shared.write_bytes(os.urandom(size))
    first = store.put({"record.json": b"{}", "shard": shared, "own": os.urandom(size)})
    second = store.put({"record.json": b"[]", "shard": store.get(first) / "shard"})
    shared.unlink()
    for digest in (first, second):
        aged(store.get(digest), OLD)
    point(store, second, "latest/p/a")
    few = 1 << 16
    found = forgettable(store, days_ago(LIMIT))
    assert abs(found.freed - size) < few
    (tmp_path / "names/latest/p/a").unlink()
    found = forgettable(store, days_ago(LIMIT))
    assert abs(found.freed - 2 * size) < few


def test_a_damaged_pointer_and_a_record_without_fields_do_not_stop_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    kept = store.put({"file": b"no record"})
    aged(store.get(kept), OLD)
    point(store, kept, "latest/p/a")
    (tmp_path / "names/keys").mkdir()
    (tmp_path / "names/keys/odd").write_bytes(b"\xff\xfe no digest")
    draft = tmp_path / "objects" / kept[:2] / ".draft-1-x"
    draft.mkdir()
    aged(draft, OLD)
    point(store, "0" * 64, "latest/p/lost", "keys/lost")
    found = forgettable(store, days_ago(LIMIT))
    assert (found.objects, found.names) == ((), ("keys/lost",)), "others say what latest lost"
    assert pruned(store) == []
    assert draft.exists()
    assert pruned(LocalStore(tmp_path / "nowhere")) == []


def test_one_who_was_killed_on_the_way_leaves_drafts_that_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    digests = [put(store, text) for text in "ab"]

    def killed(path: Path) -> None:
        raise KeyboardInterrupt(path)

    found = forgettable(store, days_ago(LIMIT))
    with monkeypatch.context() as patch:
        patch.setattr("qa_assets.core.retention.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(store, found)
    assert sorted(there(store, *digests)) == [False, True]
    monkeypatch.setattr("qa_assets.core.leftovers._alive", lambda _: False)
    assert len(sweep(tmp_path)) == 1
    assert len(pruned(store)) == 1


def test_who_is_making_something_is_known(tmp_path: Path) -> None:
    (tmp_path / "scratch" / scratch_prefix()).mkdir(parents=True)
    assert at_work(tmp_path) == [], "we ourselves"
    (tmp_path / "scratch" / f"scratch-{os.getppid()}-x").mkdir()
    (tmp_path / "scratch" / "scratch-999999999-x").mkdir()
    assert at_work(tmp_path) == [os.getppid()]
    assert at_work(tmp_path / "nowhere") == []


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    needs=st.lists(st.lists(st.integers(0, 11), max_size=3), min_size=1, max_size=12),
    kinds=st.lists(
        st.sampled_from(["latest", "keys", "recent", "nothing"]), min_size=12, max_size=12
    ),
)
def test_what_is_named_to_stay_can_be_read_with_all_it_speaks_of(
    needs: Sequence[Sequence[int]], kinds: Sequence[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    digests: list[str] = []
    for n, some in enumerate(needs):  # each may speak of those before it
        digests.append(put(store, str(n), *(digests[i] for i in some if i < n)))
    reach: Mapping[int, set[int]] = {}
    for n, some in enumerate(needs):
        reach = {**reach, n: {n}.union(*(reach[i] for i in some if i < n))}
    stays: set[int] = set()
    for n, digest in enumerate(digests):
        kind = kinds[n]
        if kind != "nothing":
            days = NOW if kind == "recent" else OLD
            point(store, digest, f"{'keys' if kind == 'recent' else kind}/{n}", days=days)
        if kind in ("latest", "recent"):
            stays |= reach[n]
    pruned(store)
    assert {n for n, here in enumerate(there(store, *digests)) if here} == stays
    for n in stays:
        store.get(digests[n])
    for name in store.names(""):
        store.get(store.resolve(name) or "")
