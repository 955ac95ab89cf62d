"""Checks beside simple models: is each stage worth its complexity, and do the data mean the same.

A model of the data that reads hand-made samples shows what training, validation and test share.
"""

from qa_assets.core.check import check
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.training import Baselines, Reading
from qa_assets.core.verdict import Evidence, Verdict, cannot_tell, none_of

_CAUSES = {
    "transposed": "preprocessing.images_transposed",
    "inverted": "preprocessing.images_inverted",
    "channels swapped": "preprocessing.channels_swapped",
}
_TURNED, _SHIFTED = "preprocessing.images_turned", "labels shifted by "


@check
def complexity_earns_its_keep(evaluation: Evaluation) -> Verdict:
    """Each stage, from the majority to the model, surely beats the simpler one before it.

    Args:
        evaluation: The paired gain of each stage, with its 95 % interval, on the same samples.

    Returns:
        Measured: stages whose gain may be nothing. Evidence: every stage.

    Source: start basic, add complexity stepwise; the gain is judged beyond its interval.
    """
    steps = evaluation.steps
    if not steps:
        return cannot_tell("no simpler model was measured on these samples")
    unearned = {name: gain for name, gain in steps.items() if not gain.low > 0}
    rows = tuple((name, e.value, e.low, e.high, e.n) for name, e in steps.items())
    evidence = {"stages": Evidence(("stage", "gain", "low", "high", "samples"), rows)}
    return none_of(
        [f"{n} {e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]" for n, e in unearned.items()],
        "stages whose complexity is not shown to earn its keep",
        cause="evaluation.complexity_unearned",
        where={"stage": ", ".join(unearned)},
        evidence=evidence,
    )


@check
def data_read_as_by_hand(baselines: Baselines) -> Verdict:
    """A linear model of the data reads hand-made samples as the person does who made them.

    What a whole dataset shares (labels moved by one, pictures transposed) no split of it can show;
    hand-made samples do not share it. It fails where a mix-up surely explains them better than
    the data as they are, and cannot tell where the linear model reads them no better than chance.

    Args:
        baselines: Share of the critical hand-made samples that are right under each mix-up; the
            intervals of the differences are corrected for their number.
    """
    plain = next(iter(baselines.readings), None)
    if plain is None:
        return cannot_tell("there is no critical hand-made sample; behavior.edge_cases names them")
    rows = tuple((r.name, r.right.value, r.gain.value, r.gain.low) for r in baselines.readings)
    columns = ("read", "right", "more than as they are", "low")
    evidence = {"readings": Evidence(columns, rows)}
    best = max(baselines.readings, key=lambda r: r.gain.low if r is not plain else 0.0)
    if best is not plain:
        cause, where = _mixup(best)
        said = f"{best.right.value:.0%} are right if {best.name}, {plain.right.value:.0%} are not"
        return none_of(
            [said], "mix-up of the whole dataset", cause=cause, where=where, evidence=evidence
        )
    if not plain.right.low > baselines.chance:
        return cannot_tell(
            f"the linear model reads {plain.right} of the hand-made samples right, no better than "
            "chance: they cannot vouch for the data",
            evidence=evidence,
        )
    return none_of([], "mix-ups of the whole dataset", cause="", evidence=evidence)


def _mixup(reading: Reading) -> tuple[str, dict[str, str]]:
    if reading.name.startswith(_SHIFTED):
        return "data.labels_shifted", {"shift": reading.name.removeprefix(_SHIFTED)}
    return _CAUSES.get(reading.name, _TURNED), {"found": reading.name}
