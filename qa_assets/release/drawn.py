"""The records that the report draws, and what has to be read out of their files for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from qa_assets.core.record import Record
from qa_assets.core.records.behavior import BehaviorReport, EdgeCases
from qa_assets.core.records.comparison import FLIPS, ReleaseComparison
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits, DatasetStatistics
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import Evaluation, Predictions
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.preprocessing import PreprocessingContract
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.records.quality import DriftReport, LabelAudit, SampleQuality
from qa_assets.core.records.review import SpotCheck
from qa_assets.core.records.training import Baselines, TrainedWeights
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Verdict

COMPARED, MEASURED = "edge_comparison/", "edge_benchmark/"
MOST_FLIPS = 12
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample that the release knew and the candidate does not."""

    id: str
    label: str
    now: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The records that the page draws, by kind; what was never made is missing."""

    snapshot: DatasetSnapshot | None
    statistics: DatasetStatistics | None
    splits: DatasetSplits | None
    quality: SampleQuality | None
    drift: DriftReport | None
    audit: LabelAudit | None
    spot_check: SpotCheck | None
    preprocessing: PreprocessingContract | None
    baselines: Baselines | None
    weights: TrainedWeights | None
    predictions: Predictions | None
    evaluation: Evaluation | None
    model: OnnxModel | None
    probe: TrainingProbe | None
    comparison: ReleaseComparison | None
    flips: tuple[Flip, ...]
    behavior: BehaviorReport | None
    cases: EdgeCases | None
    benchmarks: Mapping[str, EdgeBenchmark]
    agreements: Mapping[str, Verdict]


def stages_of(made: Mapping[str, Record], agreements: Mapping[str, Verdict]) -> Stages:
    """What there is to draw of each stage.

    Args:
        made: The records by asset name.
        agreements: The verdict on each target's stages, by the asset that was judged.
    """
    comparison = _find(ReleaseComparison, made)
    return Stages(
        snapshot=_find(DatasetSnapshot, made),
        statistics=_find(DatasetStatistics, made),
        splits=_find(DatasetSplits, made),
        quality=_find(SampleQuality, made),
        drift=_find(DriftReport, made),
        audit=_find(LabelAudit, made),
        spot_check=_find(SpotCheck, made),
        preprocessing=_find(PreprocessingContract, made),
        baselines=_find(Baselines, made),
        weights=_find(TrainedWeights, made),
        predictions=_find(Predictions, made),
        evaluation=_find(Evaluation, made),
        model=_find(OnnxModel, made),
        probe=_find(TrainingProbe, made),
        comparison=comparison,
        flips=_flips(comparison),
        behavior=_find(BehaviorReport, made),
        cases=_find(EdgeCases, made),
        benchmarks={name: r for name, r in made.items() if isinstance(r, EdgeBenchmark)},
        agreements={a.replace(COMPARED, MEASURED): v for a, v in agreements.items()},
    )


def _flips(comparison: ReleaseComparison | None) -> tuple[Flip, ...]:
    if comparison is None or FLIPS not in comparison.files:
        return ()
    worst = read_table(comparison, FLIPS).head(MOST_FLIPS)
    rows: Any = worst[["id", "label", "now", "confidence"]].itertuples(index=False)
    return tuple(Flip(str(i), str(label), str(now), float(sure)) for i, label, now, sure in rows)


def _find(kind: type[R], made: Mapping[str, Record]) -> R | None:
    return next((record for record in made.values() if isinstance(record, kind)), None)
