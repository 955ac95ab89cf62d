"""Samples that are there twice, or on both sides of the split."""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from qa_assets.faults.fault import fault
from qa_assets.faults.site import Site

SNAPSHOT = "dataset_snapshot"
COPIES, TWICE, LEAK = ("data.copies",), ("data.near_duplicates",), ("data.leaked",)
twice = partial(fault, "data", enters=SNAPSHOT, mild=0.02, clear=0.2)
leaked = partial(fault, "data", enters=SNAPSHOT, causes=LEAK, mild=0.05, clear=0.5)


@twice(causes=COPIES, source="files copied twice")
def duplicates_exact(site: Site, dose: float) -> None:
    """A share of the samples is there twice, under another name."""
    for path in site.data.some(dose):
        site.culprits.add(site.data.copy(path, path.with_stem(f"{path.stem}_copy")))


@twice(causes=TWICE, source="frames of one film")
def duplicates_near(site: Site, dose: float) -> None:
    """A share of the samples is there again with one grey level changed here and there."""
    for path in site.data.some(dose):
        twin = path.with_stem(f"{path.stem}_again")
        site.data.copy(path, twin)
        site.culprits |= site.data.repaint(
            [twin], lambda p: p + site.rng.integers(0, 2, p.shape) * 2.0
        )


def _leak(site: Site, share: float, change: Any, **options: Any) -> None:
    """Copy test samples under the group of a training sample, changed or not."""
    held, others = sides(site)
    for path in site.data.some(share, held):
        other = others[int(site.rng.integers(len(others)))]
        target = path.with_name(f"{other.stem}_{site.rng.integers(10**6)}{path.suffix}")
        site.culprits.add(site.data.copy(path, target))
        if change is not None:
            site.culprits |= site.data.repaint([target], change, **options)


def test_files(site: Site) -> list[Path]:
    """Files of the test split, where groups are held out by name; else every file."""
    return sides(site)[0]


def sides(site: Site) -> tuple[list[Path], list[Path]]:
    """Files of the test split, and the others; by group where groups are held out by name."""
    files, groups = site.data.files(), set(site.pipeline.config.splits.test_groups)
    if groups and site.pipeline.config.dataset.group_pattern:
        held = [p for p in files if groups_of(site, [p]) & groups]
        return held, [p for p in files if p not in set(held)]
    return files, files


def groups_of(site: Site, files: Iterable[Path]) -> set[str]:
    """Groups that the names of files tell, by the pattern of the settings."""
    pattern = site.pipeline.config.dataset.group_pattern or "$^()"
    found = (re.search(pattern, p.relative_to(site.data.root).as_posix()) for p in files)
    return {m.group(1) for m in found if m}


@twice(causes=COPIES, clear=0.5, source="Kapoor & Narayanan (2023), leakage")
def test_leaked_exact(site: Site, dose: float) -> None:
    """A share of the test samples is among the training samples too."""
    _leak(site, dose, None)


@leaked(source="Barz & Denzler (2020), ciFAIR")
def test_leaked_near(site: Site, dose: float) -> None:
    """A share of the test samples is among the training samples, one grey level apart."""
    _leak(site, dose, lambda p: p + site.rng.integers(0, 2, p.shape) * 2.0)


@leaked(source="a web crawl and its thumbnails")
def test_leaked_recoded(site: Site, dose: float) -> None:
    """A share of the test samples is among the training samples as JPEG of quality 90."""
    _leak(site, dose, lambda p: p, format="JPEG", quality=90)
