"""The doctor names what is broken and how to mend it."""

from pathlib import Path

import pytest

from qa_assets import doctor


def test_every_finding_that_is_not_fine_has_a_remedy() -> None:
    for finding in doctor.examine():
        assert finding.state == "fine" or finding.remedy, finding.what


def test_a_missing_extra_says_which_one_to_install() -> None:
    assert doctor.extra_of("selenium") == "qa-assets[dev]"
    assert doctor.extra_of("torch") == "qa-assets"


def test_a_package_out_of_its_bounds_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy>=999", "no-such-package>=1"])
    states = {f.what: f.state for f in doctor.examine()}
    assert (states["numpy"], states["no-such-package"]) == ("broken", "broken")


def test_a_store_that_is_a_file_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / ".qa").write_text("not a folder")
    monkeypatch.setenv("QA_ROOT", str(tmp_path))
    (found,) = [f for f in doctor.examine() if f.what == "store"]
    assert found.state == "broken"
    assert found.remedy
