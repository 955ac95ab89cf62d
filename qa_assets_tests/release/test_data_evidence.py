"""The page shows what the data are like: quality, drift, doubtful labels, decisions, versions."""

from dataclasses import replace
from functools import cache

from qa_assets.core.record import Record
from qa_assets.core.records.datasets import VersionNumbers
from qa_assets.core.records.preprocessing import Change, PreprocessingContract
from qa_assets.core.records.quality import AlikeGroup
from qa_assets.datasets.drift_report import drift_report
from qa_assets.datasets.label_audit import label_audit
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import SpotCheckSettings
from qa_assets.datasets.spot_check import spot_check
from qa_assets.release.report import report
from qa_assets_tests.datasets.samples import DIGITS_INPUT, digits
from qa_assets_tests.release.test_report import HOSTILE, Page, page


@cache
def records() -> dict[str, Record]:
    snapshot, splits, statistics = digits()
    measured, audit = quality(snapshot), label_audit(snapshot, DIGITS_INPUT)
    drift = drift_report(snapshot, statistics, measured, splits)
    return {
        "dataset_snapshot": snapshot,
        "sample_quality": measured,
        "dataset_statistics": statistics,
        "drift_report": drift,
        "label_audit": audit,
        "spot_check": spot_check(snapshot, measured, audit, SpotCheckSettings(), {}),
        "preprocessing_contract": PreprocessingContract(
            spec={"mean": "[0.5]"}, libraries={"pillow": "12"}, inputs=1, round_trip_error=0.0
        ),
    }


def shown(**changed: Record) -> Page:
    return Page(page(report("digits", "", {**records(), **changed}, [], None)))


def test_every_kind_of_evidence_is_on_the_page() -> None:
    found = shown()
    assert "evidence" in found.values("id")
    alts = " ".join(found.values("alt"))
    for picture in ("Histogram: brightness", "farthest from their class", "doubtful", "by reason"):
        assert picture in alts
    for said in ("look of the samples", "told apart by a model", "rather", "without a decision"):
        assert said in found.text
    suspect = records()["label_audit"].suspects[0]  # type: ignore[attr-defined]
    assert suspect.name in found.text


def test_what_came_from_data_is_harmless_and_named() -> None:
    measured = records()["sample_quality"]
    group = AlikeGroup(("a", "b"), (HOSTILE, "twin.png"), ("3", "8"))
    numbers = records()["dataset_statistics"]
    change = Change("decoder", "the same bytes are decoded to other pixels", "", "", ("x",))
    found = shown(
        sample_quality=replace(measured, groups=(group,), group_count=1, alike=2),  # type: ignore[call-arg]
        dataset_statistics=replace(numbers, history=(VersionNumbers("ab" * 32, 900, 9, 0.3, 0.1),)),  # type: ignore[call-arg]
        preprocessing_contract=replace(
            records()["preprocessing_contract"], reference="release r1", changes=(change,)
        ),  # type: ignore[call-arg]
    )
    assert not [tag for tag, _ in found.elements if tag == "script"]
    for said in ("twin.png", "3, 8", "abababababab", "Otherwise than in release r1", "decoder"):
        assert said in found.text


def test_without_such_evidence_there_is_no_such_section() -> None:
    found = Page(page(report("digits", "", {"dataset_snapshot": digits()[0]}, [], None)))
    assert "evidence" not in found.values("id")
