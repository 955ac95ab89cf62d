"""What a stage of complexity must gain, and which mix-up explains hand-made samples: the edges."""

from dataclasses import replace

import pytest

from qa_assets.checks.baselines import complexity_earns_its_keep, data_read_as_by_hand
from qa_assets.core.record import Estimate
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.training import Baselines, Reading

RIGHT = Estimate(0.9, 0.2, 0.99, 20)
NOTHING, SURE = Estimate(0.0, -0.1, 0.1, 20), Estimate(0.4, 0.1, 0.6, 20)
PLAIN = Reading("as they are", RIGHT, NOTHING)
READ = Baselines(accuracies={}, chance=0.15, readings=(PLAIN,))


def measured(**gains: Estimate) -> Evaluation:
    return Evaluation(
        classes=("a",), accuracy=RIGHT, per_class=(), confusion=(), gains={}, steps=gains
    )


def test_a_gain_that_may_be_nothing_at_all_is_not_earned() -> None:
    none, some = Estimate(0.1, 0.0, 0.2, 30), Estimate(0.2, 0.001, 0.4, 30)
    assert complexity_earns_its_keep(measured(linear=some)).passed
    verdict = complexity_earns_its_keep(measured(linear=none, small=some, model=none))
    assert (verdict.outcome, verdict.cause) == ("fail", "evaluation.complexity_unearned")
    assert (verdict.measured, verdict.where) == (2, {"stage": "linear, model"})
    assert "linear +0.100 [+0.000, +0.200], model" in verdict.summary
    shown = verdict.evidence["stages"]
    assert shown.columns == ("stage", "gain", "low", "high", "samples")
    assert shown.rows[1] == ("small", 0.2, 0.001, 0.4, 30)


def read(*others: Reading, **changes: object) -> Baselines:
    return replace(READ, readings=(PLAIN, *others), **changes)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "cause", "where"),
    [
        ("transposed", "preprocessing.images_transposed", {"found": "transposed"}),
        ("inverted", "preprocessing.images_inverted", {"found": "inverted"}),
        ("channels swapped", "preprocessing.channels_swapped", {"found": "channels swapped"}),
        ("upside down", "preprocessing.images_turned", {"found": "upside down"}),
        ("labels shifted by 3", "data.labels_shifted", {"shift": "3"}),
    ],
)
def test_the_mixup_that_surely_explains_them_better_is_named(
    name: str, cause: str, where: dict[str, str]
) -> None:
    unsure = Reading("turned by a quarter", RIGHT, NOTHING)
    verdict = data_read_as_by_hand(read(unsure, Reading(name, Estimate(1, 0.9, 1, 20), SURE)))
    assert (verdict.outcome, verdict.cause, verdict.where) == ("fail", cause, where)
    assert f"100% are right if {name}, 90% are not" in verdict.summary
    shown = verdict.evidence["readings"]
    assert shown.columns == ("read", "right", "more than as they are", "low")
    assert shown.rows == (
        ("as they are", 0.9, 0.0, -0.1), ("turned by a quarter", 0.9, 0.0, -0.1),
        (name, 1, 0.4, 0.1),
    )  # fmt: skip


@pytest.mark.parametrize("low", [-0.2, 0.0])
def test_one_that_may_be_no_better_explains_nothing(low: float) -> None:
    other = Reading("transposed", RIGHT, Estimate(0.3, low, 0.5, 20))
    verdict = data_read_as_by_hand(read(other))
    assert (verdict.outcome, verdict.cause) == ("pass", "")
    assert len(verdict.evidence["readings"].rows) == 2


def test_a_model_that_reads_them_by_chance_cannot_vouch_for_the_data() -> None:
    assert data_read_as_by_hand(read(chance=0.199)).passed
    verdict = data_read_as_by_hand(read(chance=0.2))
    assert verdict.outcome == "cannot tell"
    assert "no better than chance" in verdict.summary
    assert len(verdict.evidence["readings"].rows) == 1
    none = data_read_as_by_hand(replace(READ, readings=()))
    assert none.outcome == "cannot tell"
    assert "no critical hand-made sample" in none.summary
