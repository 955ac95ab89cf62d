"""``qa suite propose``: written beside defs.yaml, never over somebody's work, and it holds."""

import json

import pytest

from qa_assets_tests.conftest import Project


@pytest.mark.slow
def test_suites_are_proposed_and_hold_as_gates(project: Project) -> None:
    done = project.qa("suite", "propose", "digits")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = project.settings().parent
    files = sorted(folder.glob("*_suite.proposed.json"))
    assert len(files) == 3
    assert all(json.loads(f.read_text())["expectations"] for f in files)
    assert project.qa("suite", "propose", "digits").returncode == 0  # the same again is no harm
    files[0].write_text(files[0].read_text().replace("Proposed", "Reviewed"))
    refused = project.qa("suite", "propose", "digits")
    assert refused.returncode == 2
    assert "SUITE_EXISTS" in refused.stdout + refused.stderr
    assert "Reviewed" in files[0].read_text()
    project.edit("{suite: quality_suite.json}", "{suite: quality_suite.proposed.json}")
    checked = project.qa("check", "digits")
    assert "expectations_hold_on_quality" in checked.stdout
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_without_data_there_is_nothing_to_propose_from(empty_project: Project) -> None:
    refused = empty_project.qa("suite", "propose", "digits")
    assert refused.returncode == 2
    assert "qa run digits --until dataset_statistics" in refused.stdout + refused.stderr
