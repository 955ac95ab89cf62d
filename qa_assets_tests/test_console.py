"""How problems are told: all of them to a program, the first of each kind to a person."""

import json

import pytest

from qa_assets.console import SHOWN_OF_A_KIND, Voice
from qa_assets.core import progress
from qa_assets.core.errors import Problem

MANY = [Problem("LABEL_MISSING", f"{n}.png", "lies in no class folder.") for n in range(25)]
ONE = Problem("IMG_TRUNCATED", "z.png", "ends early.")


def test_a_person_is_told_the_first_of_each_kind_and_how_many_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Voice(as_json=False).problems([*MANY, ONE])
    told = capsys.readouterr().err.splitlines()
    assert sum("LABEL_MISSING" in line for line in told) == SHOWN_OF_A_KIND + 1
    assert "and 15 more LABEL_MISSING" in told[-1]
    assert any("IMG_TRUNCATED z.png" in line for line in told)


def test_a_program_is_told_everything(capsys: pytest.CaptureFixture[str]) -> None:
    Voice(as_json=True).problems([*MANY, ONE])
    spoken = capsys.readouterr()
    assert len([json.loads(line) for line in spoken.out.splitlines()]) == len(MANY) + 1
    assert spoken.err == ""


def test_where_there_is_no_terminal_each_finished_step_is_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Voice(as_json=False).progress("digits"):
        progress.report("epoch 1 of 2", 0.5)
        progress.report("labels_flipped (clear): gate", 0.5, step=True)
        progress.report("digits/release: made", 1.0)
    told = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert told == ["labels_flipped (clear): gate", "digits/release: made"]
    progress.report("nobody listens any more", 1.0)
    assert capsys.readouterr().err == ""


def test_text_from_data_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(as_json=False)
    voice.problem(Problem("SET_EMPTY", "a:x:b", "holds :smile: and [red]."))
    voice.say(":x:")
    voice.table("t", ("c",), [(":warning:",)])
    told = capsys.readouterr()
    assert "a:x:b" in told.err
    assert ":smile: and [red]" in told.err
    assert ":x:" in told.out
    assert ":warning:" in told.out
