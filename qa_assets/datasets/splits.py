"""Which sample is used for what, decided by its group alone: it never changes side."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import get_args

from qa_assets.core.attributes import ATTRIBUTES
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot, DatasetSplits, Split
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets.settings import SplitSettings

SPLITS: tuple[Split, ...] = get_args(Split)
_BITS = 64


def split(snapshot: DatasetSnapshot, settings: SplitSettings) -> DatasetSplits:
    """Assign every sample, without looking at any other one.

    Raises:
        InputRefused: ``SPLIT_GROUP_UNKNOWN``, ``SPLIT_EMPTY`` or ``SPLIT_CLASS_MISSING``.
    """
    import pandas as pd

    samples = read_table(snapshot, SAMPLES)
    labels, groups = list(samples["label"]), list(samples["group"])
    _refuse_unknown_groups(set(groups), settings)
    sides: list[Split] = [side(g, s, settings) for s, g in zip(samples["id"], groups, strict=True)]
    counts = Counter(sides)
    per_class = Counter(zip(sides, labels, strict=True))
    per_group = Counter(s for s, group in set(zip(sides, groups, strict=True)) if group)
    class_counts = {
        s: {c: per_class[s, c] for c in snapshot.classes if per_class[s, c]} for s in SPLITS
    }
    _refuse_unusable(snapshot, counts, class_counts["train"])
    columns = {"id": samples["id"], "label": labels, "group": groups, "split": sides,
               ATTRIBUTES: samples.get(ATTRIBUTES, "")}  # fmt: skip
    return DatasetSplits(
        counts={s: counts[s] for s in SPLITS},
        groups={s: per_group[s] for s in SPLITS},
        class_counts=class_counts,
        files={SAMPLES: table_bytes(pd.DataFrame(columns))},
    )


def side(group: str, sample: str, settings: SplitSettings) -> Split:
    """The split of one sample: by its group where it has one, by its content digest otherwise.

    Named groups go where they are named; of the others ``place`` in [0, 1) decides, so that a
    share of 0.2 holds about a fifth of the groups.
    """
    if group in settings.test_groups:
        return "test"
    if group in settings.validation_groups:
        return "validation"
    where = place(f"group {group}" if group else f"sample {sample}", settings.seed)
    if where < settings.hashed_test:
        return "test"
    return "validation" if where < settings.hashed_test + settings.hashed_validation else "train"


def place(key: str, seed: int) -> float:
    """A number in [0, 1) that only ``key`` and ``seed`` decide, uniform over keys."""
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return int.from_bytes(digest[: _BITS // 8], "big") / 2**_BITS


def _refuse_unknown_groups(known: set[str], settings: SplitSettings) -> None:
    unknown = [g for g in (*settings.test_groups, *settings.validation_groups) if g not in known]
    if unknown:
        there = ", ".join(sorted(known - {""})) or "none (is group_pattern set?)"
        raise InputRefused(
            *(
                Problem(
                    "SPLIT_GROUP_UNKNOWN",
                    group,
                    "is held out by the settings, but no sample is of this group.",
                    f"Groups of the data: {there}.",
                )
                for group in unknown
            )
        )


def _refuse_unusable(
    snapshot: DatasetSnapshot, counts: Mapping[Split, int], train: Mapping[str, int]
) -> None:
    problems = [
        Problem(
            "SPLIT_EMPTY",
            name,
            f"got none of the {snapshot.samples} samples of {snapshot.name!r}.",
            "Raise its share, name its groups, try another seed, or add samples.",
        )
        for name in SPLITS
        if not counts.get(name)
    ]
    problems += [
        Problem(
            "SPLIT_CLASS_MISSING",
            label,
            "has no sample to train on: all of them are held out.",
            "Add samples, hold out fewer groups, or try another seed.",
        )
        for label in snapshot.classes
        if label not in train
    ]
    if problems:
        raise InputRefused(*problems)
