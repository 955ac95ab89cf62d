"""Classes with hardly any sample do not keep the labels of all others from being looked at."""

from pathlib import Path

import pytest

from qa_assets.checks.quality import classes_kept_apart, few_suspicious_labels
from qa_assets.core.errors import InputRefused
from qa_assets.datasets.label_audit import label_audit
from qa_assets.datasets.out_of_fold import FOLDS
from qa_assets.try_out import try_pictures
from qa_assets_tests.datasets.samples import DIGITS_INPUT, picture, take, write
from qa_assets_tests.datasets.test_quality import digit_files


def some_digits(rare: int) -> dict[str, bytes]:
    """The fours and sevens among some real digits, and noise that is a class of its own."""
    files = {n: b for n, b in digit_files(600).items() if n.split("/")[1] in "47"}
    return files | {f"data/rare/{n}.png": picture(n) for n in range(rare)}


def test_samples_of_a_rare_class_are_left_out_and_the_rest_is_ranked(tmp_path: Path) -> None:
    files = some_digits(rare=FOLDS - 1)
    wrong = sorted(n for n in files if "/4/" in n)[:2]
    for name in wrong:
        files[name.replace("/4/", "/7/")] = files.pop(name)
    taken = take(write(tmp_path, files))
    audit = label_audit(taken, DIGITS_INPUT)
    assert (audit.samples, audit.left_out, audit.small) == (len(files) - 4, 4, ("rare",))
    assert {s.name.split("/")[1] for s in audit.suspects[:2]} == {n.split("/")[2] for n in wrong}
    assert {s.suggested for s in audit.suspects} <= {"4", "7"}
    assert few_suspicious_labels(audit, max_share=0.1).outcome == "pass"
    assert classes_kept_apart(audit, max_share=0.2).outcome == "pass"


def test_a_class_of_one_sample_a_fold_is_looked_at(tmp_path: Path) -> None:
    audit = label_audit(take(write(tmp_path, some_digits(rare=FOLDS))), DIGITS_INPUT)
    assert (audit.left_out, audit.small) == (0, ())


def test_two_classes_have_to_be_left(tmp_path: Path) -> None:
    files = {n: b for n, b in some_digits(rare=2).items() if "/7/" not in n}
    with pytest.raises(InputRefused, match="SET_CLASS_SMALL rare: has 2 samples, 5 are needed"):
        label_audit(take(write(tmp_path, files)), DIGITS_INPUT)


def test_what_was_not_looked_at_is_said(tmp_path: Path) -> None:
    write(tmp_path, some_digits(rare=1))
    (title,) = (s.title for s in try_pictures(tmp_path / "data") if "labels" in s.title.lower())
    assert "those of rare are too few" in title
