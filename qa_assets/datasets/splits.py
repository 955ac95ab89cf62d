"""Which sample is used for what, decided by its group alone: it never changes side."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

from qa_assets.core.attributes import ATTRIBUTES
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import PARTS, SAMPLES, DatasetSnapshot, DatasetSplits, Split
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets.settings import SplitSettings
from qa_assets.datasets.source import visible

SPLITS: tuple[Split, ...] = get_args(Split)
_BITS = 64
_SHOWN = 3


def split(snapshot: DatasetSnapshot, settings: SplitSettings) -> DatasetSplits:
    """Assign every sample, without looking at any other one.

    Raises:
        InputRefused: ``SPLIT_GROUP_UNKNOWN``, ``SPLIT_EMPTY``, ``SPLIT_CLASS_MISSING`` or
            ``SPLIT_UNNAMED``.
    """
    samples: Any = read_table(snapshot, SAMPLES)
    if ATTRIBUTES not in samples:
        samples[ATTRIBUTES] = ""
    named = _named(snapshot)
    _refuse_unknown_groups(set(samples["group"]), settings)
    if settings.by == "source":
        samples = _as_named(samples, named, settings)
    else:
        pairs = zip(samples["id"], samples["group"], strict=True)
        samples["split"] = [side(g, s, settings) for s, g in pairs]
    columns = ["id", "label", "group", "split", ATTRIBUTES]
    sides, labels, groups = (list(samples[n]) for n in ("split", "label", "group"))
    counts = Counter(sides)
    per_class = Counter(zip(sides, labels, strict=True))
    per_group = Counter(s for s, group in set(zip(sides, groups, strict=True)) if group)
    class_counts = {
        s: {c: per_class[s, c] for c in snapshot.classes if per_class[s, c]} for s in SPLITS
    }
    _refuse_unusable(snapshot, counts, class_counts["train"])
    return DatasetSplits(
        counts={s: counts[s] for s in SPLITS},
        groups={s: per_group[s] for s in SPLITS},
        class_counts=class_counts,
        by=settings.by,
        named=dict(sorted(Counter(named).items())) if any(named) else {},
        files={SAMPLES: table_bytes(samples[columns])},
    )


def _named(snapshot: DatasetSnapshot) -> list[str]:
    """The side, or sides, that the source puts each sample on."""
    if PARTS not in snapshot.files:
        return [""] * snapshot.samples
    return read_table(snapshot, PARTS)["part"].tolist()


def _as_named(samples: Any, named: list[str], settings: SplitSettings) -> Any:
    """The samples, each as often as there are sides that the source puts it on."""
    unnamed = [i for i, part in enumerate(named) if not set(part.split(",")) <= {*SPLITS}]
    if unnamed:
        some = ", ".join(visible(n) for n in samples["name"].iloc[unnamed[:_SHOWN]])
        raise InputRefused.of(
            "SPLIT_UNNAMED",
            some,
            f"and others ({len(unnamed)} of {len(named)} samples) are on no side by the source.",
            "Put them into folders train, val or test (or a column split), or split by: content.",
        )
    rows = samples.assign(split=[part.split(",") for part in named]).explode("split")
    missing = {s for s in ("test", "validation") if s not in set(rows["split"])}
    cut = [
        _cut(now, group, sample, missing, settings)
        for now, group, sample in zip(rows["split"], rows["group"], rows["id"], strict=True)
    ]
    return rows.assign(split=cut)


def _cut(now: str, group: str, sample: str, missing: set[str], settings: SplitSettings) -> str:
    """The side of a sample of the train part, of which sides that are not named are cut."""
    drawn = side(group, sample, settings) if now == "train" and missing else now
    return drawn if drawn in missing else now


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
