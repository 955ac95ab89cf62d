"""What a changed preprocessing is called, what is shown of it, and when nothing can be told."""

from dataclasses import replace

import pytest

from qa_assets.checks.preprocessing import (
    preprocessing_round_trips,
    preprocessing_unchanged_since_release,
)
from qa_assets.core.records.preprocessing import Change, PreprocessingContract

SOUND = PreprocessingContract(
    spec={"mean": "[0.5]", "scale": "255.0"}, libraries={"pillow": "12"}, inputs=2,
    round_trip_error=0.01, reference="release r1",
)  # fmt: skip
LIBRARY = Change("library", "pillow", "11", "12")
DECODER = Change("decoder", "other pixels", "a", "b", ("made: noise", "id1", "id2"))
SIZE = Change("size", "height", "8", "9", ("id3",))


def changed(*changes: Change) -> PreprocessingContract:
    return replace(SOUND, changes=changes)


def test_a_hundredth_of_a_level_may_be_lost() -> None:
    verdict = preprocessing_round_trips(SOUND)
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("pass", 0.01, 0.01)
    shown = verdict.evidence["declared"]
    assert shown.columns == ("setting", "value")
    assert shown.rows == (("mean", "[0.5]"), ("scale", "255.0"))
    lossy = preprocessing_round_trips(replace(SOUND, round_trip_error=0.011))
    assert (lossy.outcome, lossy.cause) == ("fail", "preprocessing.not_invertible")


def test_the_first_change_names_the_cause_and_all_are_shown() -> None:
    verdict = preprocessing_unchanged_since_release(changed(LIBRARY, DECODER, SIZE, SIZE))
    assert (verdict.outcome, verdict.cause) == ("fail", "preprocessing.decoder_changed")
    assert (verdict.measured, verdict.limit) == (3, 0)
    assert verdict.where == {"parts": "library, decoder, size"}
    assert verdict.samples == ("id1", "id2", "id3", "id3"), "made pictures are no samples"
    shown = verdict.evidence["changes"]
    assert shown.columns == ("part", "what", "in the release", "now", "inputs that differ")
    assert shown.rows[:2] == (
        ("library", "pillow", "11", "12", ""),
        ("decoder", "other pixels", "a", "b", "made: noise, id1, id2"),
    )
    assert verdict.summary.startswith("against release r1: library (pillow), decoder (other")


def test_a_change_that_is_meant_is_shown_and_passes() -> None:
    found = changed(DECODER, SIZE)
    one = preprocessing_unchanged_since_release(found, accepted=("decoder",))
    assert (one.cause, one.samples) == ("preprocessing.size_changed", ("id3",))
    both = preprocessing_unchanged_since_release(found, accepted=("decoder", "size"))
    assert (both.outcome, both.cause, both.where, both.measured) == ("pass", "", {}, 0)
    assert len(both.evidence["changes"].rows) == 2
    library = preprocessing_unchanged_since_release(changed(LIBRARY))
    assert (library.outcome, library.measured) == ("pass", 0)


def test_fifty_changes_and_samples_are_shown() -> None:
    ids = tuple(f"id{i}" for i in range(60))
    verdict = preprocessing_unchanged_since_release(changed(*[replace(SIZE, inputs=ids)] * 60))
    assert (verdict.measured, len(verdict.samples)) == (60, 50)
    assert len(verdict.evidence["changes"].rows) == 50


@pytest.mark.parametrize(
    ("before", "outcome", "said"),
    [
        ({"unreadable": "record.json"}, "cannot tell", "record.json"),
        ({"unreadable": "lost", "reference": "release r1"}, "cannot tell", "lost"),
        ({"released": True}, "pass", "as in the release"),
        ({"released": True, "first_release": "absolute"}, "pass", "as in the release"),
        ({"first_release": "absolute"}, "pass", "nothing else was ever released"),
        ({}, "cannot tell", "there is no release"),
    ],
)
def test_without_a_change_the_release_or_the_declaration_decides(
    before: dict[str, object], outcome: str, said: str
) -> None:
    found = replace(SOUND, **{"reference": "", **before})  # pyright: ignore[reportArgumentType]
    verdict = preprocessing_unchanged_since_release(found)
    assert verdict.outcome == outcome
    assert said in verdict.summary
