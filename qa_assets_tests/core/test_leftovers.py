"""Drafts of a process that is gone are removed; those of a living one are not touched."""

import subprocess
import sys
from pathlib import Path

from qa_assets.core.leftovers import draft_file, draft_prefix, scratch_prefix, sweep
from qa_assets.core.store import LocalStore

KILLED = """
import os, signal, sys
from pathlib import Path
from qa_assets.core import publish
from qa_assets.core.leftovers import scratch_prefix
from qa_assets.core.store import LocalStore
store = LocalStore(Path(sys.argv[1]))
store.point("latest/p/first", store.put({"a": b"old"}))
(store.scratch() / f"{scratch_prefix()}x").mkdir()
publish._rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.put({"a": b"new"})
"""


def test_what_a_killed_writer_left_goes_and_the_old_stays(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert done.returncode == -9
    assert len(list(tmp_path.rglob("*draft*"))) == 1
    assert len(sweep(tmp_path)) == 2
    assert not list(tmp_path.rglob("*draft*"))
    assert not list(tmp_path.rglob("scratch-*"))
    store = LocalStore(tmp_path)
    digest = store.resolve("latest/p/first")
    assert digest is not None
    assert (store.get(digest) / "a").read_bytes() == b"old"


def test_what_a_living_process_writes_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / f"{draft_prefix()}abc").mkdir()
    (tmp_path / f"{scratch_prefix()}abc").mkdir()
    draft_file(tmp_path / "pointer").write_bytes(b"")
    assert sweep(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 3
