"""A check is declared by its function; absent evidence is a verdict, a wrong threshold refused."""

import importlib
import types
from pathlib import Path

import pytest
from pydantic import ValidationError

from qa_assets.core.check import CHECKS, Check
from qa_assets.core.config import Share
from qa_assets.core.registry import Registry
from qa_assets.core.verdict import Verdict, at_most


def enough_light(
    dataset_statistics: object, baselines: object = None, *, max_dark: Share = 0.1, bins: int
) -> Verdict:
    """The pictures are not dark.

    Source: the tests.

    Args:
        dataset_statistics: What was measured.
        baselines: Not looked at.
        max_dark: Largest share of dark pictures a bin.
        bins: How many there are.
    """
    return at_most(float(str(dataset_statistics)), max_dark * bins, "dark", cause="data.dark")


def declared() -> Check:
    """What ``@check`` makes of it, without leaving it in everyone's registry."""
    from qa_assets.core.check import check

    kept = dict(CHECKS)
    assert "enough_light" not in kept
    try:
        assert check(enough_light) is enough_light, "it stays a function that anyone can call"
        return CHECKS["enough_light"]
    finally:
        CHECKS._items.pop("enough_light")  # pyright: ignore[reportPrivateUsage]


def test_everything_follows_from_the_function() -> None:
    made = declared()
    assert made.name == "enough_light"
    assert made.assets == ("dataset_statistics", "baselines")
    assert made.description == "The pictures are not dark.\n\nSource: the tests."
    assert made.module == __name__
    fields = made.thresholds.model_fields
    assert (fields["max_dark"].default, fields["bins"].is_required()) == (0.1, True)


@pytest.mark.parametrize(
    "wrong", [{"bins": 1, "max_dark": 90}, {"bins": 1, "max_dark": "0.1"}, {}, {"bins": 1, "x": 1}]
)
def test_thresholds_are_strict(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        declared().thresholds(**wrong)


def test_absent_evidence_is_named_and_never_a_pass() -> None:
    made = declared()
    verdict = made({"dataset_statistics": 0}, {"max_dark": 0.1, "bins": 1})
    assert verdict.outcome == "cannot tell"
    assert "baselines" in verdict.summary
    assert (verdict.cause, verdict.where) == ("evidence.missing", {"asset": "baselines"})
    neither = made({}, {"max_dark": 0.1, "bins": 1})
    assert neither.where == {"asset": "dataset_statistics, baselines"}
    assert made({"dataset_statistics": 0, "baselines": 1}, {"max_dark": 0.1, "bins": 1}).passed


def package(name: str, monkeypatch: pytest.MonkeyPatch, source: str, folder: Path) -> None:
    root = folder / name
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "plugin.py").write_text(source)
    monkeypatch.syspath_prepend(folder)


def test_a_registry_holds_the_modules_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf: Registry[object] = Registry("plugins_a")
    host = types.ModuleType("shelf_a")
    host.shelf = shelf  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(__import__("sys").modules, "shelf_a", host)
    package("plugins_a", monkeypatch, "from shelf_a import shelf\nshelf.add('one', 1)", tmp_path)
    assert dict(shelf) == {"one": 1}
    assert "two" not in shelf
    with pytest.raises(KeyError, match=r"no 'two'; it has \['one'\]"):
        shelf["two"]
    with pytest.raises(ValueError, match="'one' is already registered"):
        shelf.add("one", 2)
    shelf.add("three", "x")
    assert len(shelf) == 2


def test_a_registry_is_in_one_order_whichever_module_was_imported_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "plugins_c"
    root.mkdir()
    (root / "__init__.py").write_text(
        "from qa_assets.core.registry import Registry\nshelf = Registry('plugins_c')"
    )
    (root / "early.py").write_text(
        "from plugins_c import shelf\nshelf.add('z', 1)\nshelf.add('y', 2)"
    )
    (root / "late.py").write_text("from plugins_c import shelf\nshelf.add('a', 3)")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("plugins_c.late")
    assert list(importlib.import_module("plugins_c").shelf) == ["z", "y", "a"]


def test_a_plugin_that_breaks_is_heard_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("plugins_b", monkeypatch, "raise RuntimeError('broken plug-in')", tmp_path)
    shelf: Registry[object] = Registry("plugins_b")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken plug-in"):
            list(shelf)
