"""A folder is listed whole, whatever lies in it."""

from pathlib import Path

from qa_assets.core.folders import files_below


def test_whatever_is_in_a_folder_is_listed_links_to_folders_too(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a/link").symlink_to(tmp_path / "a/b")
    (tmp_path / "a/lost").symlink_to(tmp_path / "nowhere")
    found = dict(files_below(tmp_path))
    assert sorted(found) == ["a/b/z", "a/link", "a/lost", "a/y", "x"]
    assert all(path == tmp_path / name for name, path in found.items())
    assert dict(files_below(tmp_path / "empty")) == {}
