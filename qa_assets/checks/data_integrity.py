"""Is the data whole: classes as declared, in proportion, little set aside, splits apart."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from qa_assets.core.check import check
from qa_assets.core.config import Count, Share
from qa_assets.core.records.datasets import (
    SAMPLES,
    DatasetSnapshot,
    DatasetSplits,
    DatasetStatistics,
)
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell, none_of

SHOWN = 50
"""Rows of evidence; the summary counts all of them."""
Ratio = Annotated[float, Field(ge=1, strict=True)]


@check
def class_balance(dataset_statistics: DatasetStatistics, *, max_ratio: Ratio = 10.0) -> Verdict:
    """No class is much larger than another.

    Args:
        dataset_statistics: Counts by class.
        max_ratio: Samples of the largest class over those of the smallest.

    Returns:
        Measured: that ratio. Evidence: samples a class.
    """
    counts = dataset_statistics.class_counts
    if not counts or not min(counts.values()):
        return cannot_tell("some class has no samples, so there is no ratio")
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[largest] / counts[smallest]
    rows = sorted(counts.items(), key=lambda row: row[1])
    return at_most(
        ratio,
        max_ratio,
        f"the size of class {largest!r} over that of class {smallest!r}",
        cause="data.class_imbalance",
        where={"class": smallest},
        evidence={"samples per class": Evidence(("class", "samples"), tuple(rows[:SHOWN]))},
    )


@check
def classes_known(
    dataset_snapshot: DatasetSnapshot, *, classes: tuple[str, ...] | None = None
) -> Verdict:
    """The classes of the data are the declared ones: none is missing, none is new.

    Args:
        dataset_snapshot: Its classes.
        classes: Names of all classes, in any order. Not declared is no judgement.

    Returns:
        Measured: how many are missing or new; each is named.
    """
    found = dataset_snapshot.classes
    if classes is None:
        return cannot_tell(f"no classes are declared; the data has {', '.join(found)}")
    missing = [c for c in classes if c not in found]
    new = [c for c in found if c not in classes]
    rows = [*((c, "missing") for c in missing), *((c, "new") for c in new)]
    return none_of(
        [f"{name!r} ({what})" for name, what in rows],
        "classes differ from those declared",
        cause="data.class_missing" if missing else "data.class_new",
        where={"class": ", ".join(missing or new)},
        evidence={"classes": Evidence(("class", "is"), tuple(rows[:SHOWN]))},
    )


@check
def quarantine_share(dataset_snapshot: DatasetSnapshot, *, max_share: Share = 0.01) -> Verdict:
    """Few samples had to be set aside.

    Args:
        dataset_snapshot: What was accepted and what was set aside.
        max_share: Largest share of the samples that were found, in [0, 1].

    Returns:
        Measured: that share. Evidence: what was set aside, and why.
    """
    aside = dataset_snapshot.quarantined
    found = len(aside) + dataset_snapshot.samples
    if not found:
        return cannot_tell("the snapshot has no samples at all")
    codes = Counter(q.code for q in aside).most_common()
    rows = tuple((q.code, q.item, q.message) for q in aside[:SHOWN])
    return at_most(
        len(aside) / found,
        max_share,
        f"the share of samples set aside ({len(aside)} of {found})",
        cause="data.quarantined",
        where={"code": codes[0][0] if codes else ""},
        evidence={
            "codes": Evidence(("code", "samples"), tuple(codes)),
            "set aside": Evidence(("code", "item", "reason"), rows),
        },
    )


@check
def splits_disjoint(dataset_splits: DatasetSplits, dataset_snapshot: DatasetSnapshot) -> Verdict:
    """Every sample is in exactly one split, and no group is in two.

    Args:
        dataset_splits: The side of each sample.
        dataset_snapshot: All samples, and the groups that count.

    Returns:
        Measured: samples that are in several splits, in none, unknown, or of a divided group.
    """
    samples = read_table(dataset_snapshot, SAMPLES)
    groups = dict(zip(samples["id"], samples["group"], strict=True))
    assigned = read_table(dataset_splits, SAMPLES)
    sides: dict[str, list[str]] = {}
    for sample, side in zip(assigned["id"], assigned["split"], strict=True):
        sides.setdefault(sample, []).append(side)
    findings = {
        "data.sample_leak": [s for s, where in sides.items() if len(where) > 1],
        "data.group_leak": _divided(groups, sides),
        "data.split_incomplete": [s for s in groups if s not in sides],
        "data.split_foreign": [s for s in sides if s not in groups],
    }
    wrong = {cause: tuple(sorted(ids)) for cause, ids in findings.items() if ids}
    cause = next(iter(wrong), "")
    rows = [
        (fault, sample, groups.get(sample), ", ".join(sides.get(sample, ())))
        for fault, ids in wrong.items()
        for sample in ids[:SHOWN]
    ]
    return none_of(
        sorted({sample for ids in wrong.values() for sample in ids}),
        "samples are not on exactly one side",
        cause=cause,
        where={"faults": ", ".join(wrong)},
        samples=wrong.get(cause, ())[:SHOWN],
        evidence={"samples": Evidence(("fault", "sample", "group", "splits"), tuple(rows))},
    )


@check
def splits_cover_classes(dataset_splits: DatasetSplits, *, min_samples: Count = 1) -> Verdict:
    """Every class is in every split.

    Args:
        dataset_splits: Counts by split and class.
        min_samples: Fewest samples of a class in a split.

    Returns:
        Measured: classes with fewer in some split. Evidence: samples a class and split.
    """
    counts = dataset_splits.class_counts
    classes = sorted({label for split in counts.values() for label in split})
    if not classes:
        return cannot_tell("the splits hold no samples")
    short = [(s, c) for s in counts for c in classes if counts[s].get(c, 0) < min_samples]
    missing = [(s, c) for s, c in short if not counts[s].get(c, 0)]
    named = missing or short
    rows = tuple((c, *(counts[s].get(c, 0) for s in counts)) for c in classes[:SHOWN])
    return none_of(
        [f"{c!r} in {s} ({counts[s].get(c, 0)} of at least {min_samples})" for s, c in short],
        "classes have too few samples",
        cause="data.class_missing_in_split" if missing else "data.too_few_in_split",
        where={"split": named[0][0], "class": named[0][1]} if named else {},
        evidence={"samples": Evidence(("class", *counts), rows)},
    )


def _divided(groups: Mapping[str, str], sides: Mapping[str, list[str]]) -> list[str]:
    """Samples of the groups that are on more than one side."""
    found: dict[str, set[str]] = {}
    for sample, group in groups.items():
        found.setdefault(group, set()).update(sides.get(sample, ()))
    return [s for s, group in groups.items() if group and len(found[group]) > 1]
