"""Every code that a room of data refuses with says what would be right."""

import re
from pathlib import Path

import pytest

from qa_assets import datasets
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.remarks import RULES
from qa_assets.datasets.remedies import REMEDIES, remedies, with_remedy

ROOM = Path(str(datasets.__file__)).parent
KINDS = "SET|IMG|CSV|FEAT|ARC|NAME|NPZ|NPY|IDX|JSON|LABEL"
USED_AS_IT_IS = {*RULES, "IMG_EXTENSION", "SET_DUPLICATE", "SET_EMBEDDED"}
"""Odd but used, or said with a remedy of its own."""


def test_every_code_of_the_room_has_one() -> None:
    sources = "".join(p.read_text() for p in ROOM.rglob("*.py") if p.name != "remedies.py")
    codes = set(re.findall(rf'"((?:{KINDS})_[A-Z_]+)"', sources))
    assert len(codes) > 60
    assert codes - REMEDIES.keys() - USED_AS_IT_IS == set()


@pytest.mark.parametrize("text", REMEDIES.values())
def test_a_remedy_is_a_sentence(text: str) -> None:
    assert re.fullmatch(r"[A-Z].*[a-z.)]", text)


def test_what_was_said_more_closely_stays() -> None:
    close = Quarantined("IMG_EMPTY", "a.png", "is empty.", "Draw it.")
    assert with_remedy(close) is close
    assert with_remedy(Problem("IMG_EMPTY", "a.png", "is empty.")).remedy == "Fetch it again."
    assert with_remedy(Problem("OTHER", "a", "is odd.")).remedy == ""


def test_a_refusal_says_what_would_be_right() -> None:
    with pytest.raises(InputRefused) as refused, remedies():
        raise InputRefused.of("SET_MISSING", "x", "does not exist.")
    assert REMEDIES["SET_MISSING"] in str(refused.value)
    assert refused.value.problems[0].remedy == REMEDIES["SET_MISSING"]
