"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and bad inputs, which is never part of the project."""
    folder = Path(os.environ.get("QA_SHARED", BESIDE))
    if not folder.is_dir():
        pytest.skip(
            f"needs the shared test data: {folder} is absent; QA_SHARED may name its folder"
        )
    return folder
