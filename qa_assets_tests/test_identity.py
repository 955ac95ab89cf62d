"""What an artifact depends on is told from what it does not depend on."""

from importlib.metadata import version
from pathlib import Path

import pytest

from qa_assets import identity
from qa_assets.identity import LIBRARIES, code_version, digest_source, version_of


@pytest.mark.parametrize("library", sorted({n for names in LIBRARIES.values() for n in names}))
def test_versions_are_those_of_the_standard_library(library: str) -> None:
    assert version_of(library) == version(library)


def test_a_source_is_the_same_with_either_kind_of_line_ends(tmp_path: Path) -> None:
    for name, body in (("a", b"x\ny\n"), ("b", b"x\r\ny\r\n"), ("c", b"x\ny \n")):
        (tmp_path / name).write_bytes(body)
    one, two, other = (digest_source(tmp_path / name) for name in "abc")
    assert one == two == digest_source(str(tmp_path / "a")) != other


def test_the_code_of_a_room_is_all_of_its_sources_and_of_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("core/a.py", "edge/b.py", "edge/deep/c.py", "edge/page.html", "checks/d.py")
    for name in (*files, "edge/note.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(identity, "PACKAGE", tmp_path)

    def told() -> str:
        code_version.cache_clear()
        return code_version(("edge",))

    found = {told()}
    for name in (*files[:4], "edge/new.py"):
        (tmp_path / name).write_text("changed")
        found.add(told())
    assert len(found) == 6
    (tmp_path / "edge/new.py").rename(tmp_path / "edge/newer.py")
    found.add(told())
    assert len(found) == 7
    for name in ("checks/d.py", "edge/note.txt"):
        (tmp_path / name).write_text("changed too")
        assert told() in found
    code_version.cache_clear()
