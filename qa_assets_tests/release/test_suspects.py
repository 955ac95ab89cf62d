"""The samples that a verdict names: with what is known of them, and no more."""

from dataclasses import replace

import pandas as pd
import pytest

from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.core.verdict import Verdict
from qa_assets.release.report import ReportedVerdict, report
from qa_assets.release.suspects import Suspect, _picture, suspects
from qa_assets_tests.datasets.samples import digits

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def test_a_sample_is_shown_with_its_label_name_answer_and_picture() -> None:
    taken, _, _ = digits()
    first, second = read_table(taken, SAMPLES).head(2).to_dict("records")
    table = pd.DataFrame({"id": [first["id"]], "predicted": ["7"], "confidence": [0.756]})
    answers = Predictions(
        samples=1, classes=taken.classes, weights_digest="w", files={SAMPLES: table_bytes(table)}
    )
    found = suspects([first["id"], second["id"], "unknown"], taken, answers)
    assert found.keys() == {first["id"], second["id"]}
    shown = found[first["id"]]
    assert (shown.label, shown.name, shown.answer) == (first["label"], first["name"], "7 (0.76)")
    assert str(shown.picture).startswith("data:image/png;base64,")
    assert found[second["id"]].answer == "", "nobody asked the model"
    assert suspects([first["id"]], taken, None)[first["id"]].answer == ""


def test_without_ids_or_samples_nothing_is_shown() -> None:
    taken, _, _ = digits()
    some = read_table(taken, SAMPLES)["id"].iloc[0]
    assert suspects([], taken, None) == {}
    assert suspects([some], None, None) == {}
    assert suspects([some], replace(taken, files={}), None) == {}
    unread = Predictions(samples=0, classes=(), weights_digest="w")
    assert suspects([some], taken, unread)[some].answer == ""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PNG + b"x", "png"),
        (JPEG + b"x", "jpeg"),
        (PNG.ljust(40_000, b"x"), "png"),
        (PNG.ljust(40_001, b"x"), ""),
        (b"GIF89a", ""),
        (b"", ""),
    ],
)
def test_a_picture_is_shown_where_it_is_one_and_small(body: bytes, kind: str) -> None:
    shown = str(_picture(body))
    assert shown.startswith(f"data:image/{kind};base64,") if kind else shown == ""


def test_a_page_shows_the_twelve_worst_and_names_the_others() -> None:
    ids = tuple(f"{i:064x}" for i in range(13))
    for count, listed in ((12, False), (13, True)):
        verdict = Verdict(outcome="fail", summary="", samples=ids[:count])
        judged = [ReportedVerdict("dataset_snapshot", "c", "It is so.", True, verdict)]
        text = report("p", "", {}, judged, None).read("report.html").decode()
        assert text.count("<li><") + text.count("<li>\n") - text.count("<li><a") == 12
        assert (f"All {count} sample ids" in text) is listed


def test_a_suspect_of_whom_nothing_is_known_is_an_id() -> None:
    nobody = Suspect("i")
    assert (nobody.label, nobody.name, nobody.answer, str(nobody.picture)) == ("", "", "", "")
