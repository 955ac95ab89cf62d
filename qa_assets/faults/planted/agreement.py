"""Things that must agree with one another and do not: twins, groups, people, the whole set."""

from dataclasses import replace
from typing import Any

from qa_assets.core.digests import digest_bytes
from qa_assets.faults.fault import fault
from qa_assets.faults.site import Site

SNAPSHOT = "dataset_snapshot"


@fault(
    "data",
    enters=SNAPSHOT,
    causes=("data.labels_disagree",),
    mild=0.002,
    clear=0.01,
    source="Barz & Denzler (2020), ciFAIR",
)
def twins_disagree(site: Site, dose: float) -> None:
    """A share of the samples is there again, one grey level apart, under another label."""
    for path in site.data.some(dose):
        label = site.data.another(site.data.label(path))
        twin = site.data.root / label / f"{path.stem}_again{path.suffix}"
        site.culprits.add(site.data.copy(path, twin))
        site.culprits |= site.data.repaint(
            [twin], lambda p: p + site.rng.integers(0, 2, p.shape) * 2.0
        )


@fault(
    "data",
    enters=SNAPSHOT,
    causes=("data.labels_shifted", "data.labels_permuted"),
    source="a list of classes that was sorted otherwise",
)
def every_label_shifted(site: Site, dose: float) -> None:
    """Every class has the name of the next one, in the whole dataset."""
    classes = site.data.classes
    aside = [(site.data.root / c).rename(site.data.root / f"{c}.aside") for c in classes]
    for folder, name in zip(aside, (*classes[1:], classes[0]), strict=True):
        folder.rename(site.data.root / name)


@fault(
    "data", enters="dataset_splits", causes=("data.group_leak",), mild=0.02, clear=0.2,
    source="Kapoor & Narayanan (2023), leakage between groups",
)  # fmt: skip
def groups_divided(site: Site, dose: float) -> None:
    """A share of the test samples was moved to the training split, whatever their group."""
    from qa_assets.core.records.datasets import SAMPLES
    from qa_assets.core.tables import read_table, table_bytes

    def move(record: Any) -> Any:
        table: Any = read_table(record, SAMPLES)
        held = table.index[table["split"] == "test"]
        moved = site.rng.choice(held, size=max(1, round(dose * len(held))), replace=False)
        table.loc[moved, "split"] = "train"
        return replace(record, files={**record.files, SAMPLES: table_bytes(table)})

    site.result("dataset_splits", move)


@fault(
    "data",
    enters="spot_check",
    causes=("data.decision_ignored",),
    source="a list of corrections that nobody carried out",
)
def decision_ignored(site: Site, dose: float) -> None:
    """A person decided that a sample be removed; it is still there."""
    from qa_assets.datasets.ledger import COLUMNS, NAME

    path = site.data.some(0.0)[0]
    sample = digest_bytes(path.read_bytes())
    site.culprits.add(sample)
    words = (sample, "label", site.data.label(path), "remove", "", "a person", "2026-01-01", "")
    ledger = site.pipeline.root / "data" / site.pipeline.name / f"{NAME}.csv"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    ledger.write_text(f"{','.join(COLUMNS)}\n{','.join(words)}\n", encoding="utf-8")
