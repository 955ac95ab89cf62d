"""Wrong labels, and classes that are missing, new or out of proportion."""

from qa_assets.faults.fault import fault
from qa_assets.faults.site import Site

NOISE = ("data.label_noise", "data.labels_*")
CONFUSED = ("data.labels_confused",)
NORTHCUTT = "Northcutt et al. (2021), Pervasive label errors in test sets"


@fault("data", enters="dataset_snapshot", causes=NOISE, mild=0.02, clear=0.1, source=NORTHCUTT)
def labels_flipped(site: Site, dose: float) -> None:
    """A share of the samples, at random, has the label of another class."""
    for path in site.data.some(dose):
        site.data.relabel(path, site.data.another(site.data.label(path)))


@fault("data", enters="dataset_snapshot", causes=CONFUSED, mild=0.1, clear=0.4, source=NORTHCUTT)
def two_classes_confused(site: Site, dose: float) -> None:
    """A share of one class is labelled as another one, as an annotator would who mixes two up."""
    label = str(site.rng.choice(site.data.classes))
    other = site.data.another(label)
    site.culprits |= {label, other}
    for path in site.data.some(dose, site.data.files(label)):
        site.data.relabel(path, other)


@fault(
    "data",
    enters="dataset_snapshot",
    causes=CONFUSED,
    mild=0.1,
    clear=0.5,
    source="shards merged with another class list",
)
def two_classes_swapped_in_part(site: Site, dose: float) -> None:
    """In a share of the samples of two classes the two labels are swapped."""
    first = str(site.rng.choice(site.data.classes))
    second = site.data.another(first)
    site.culprits |= {first, second}
    left, right = (site.data.some(dose, site.data.files(c)) for c in (first, second))
    for path in left:
        site.data.relabel(path, f"{second}")
    for path in right:
        site.data.relabel(path, f"{first}")


@fault(
    "data",
    enters="dataset_snapshot",
    causes=NOISE,
    mild=0.05,
    clear=0.25,
    source="a table of labels that lost one row",
)
def labels_shifted_by_one_row(site: Site, dose: float) -> None:
    """From somewhere on, for a share of all rows, each sample has the label of the one before."""
    rows = sorted(site.data.files(), key=lambda p: p.name)
    count = max(2, round(dose * len(rows)))
    start = int(site.rng.integers(1, len(rows) - count + 1))
    labels = [site.data.label(p) for p in rows]
    for i in range(start, start + count):
        if labels[i] != labels[i - 1]:
            site.data.relabel(rows[i], labels[i - 1])


@fault(
    "data",
    enters="dataset_snapshot",
    causes=("data.class_missing", "SPLIT_CLASS_MISSING"),
    source="a folder that was not copied",
)
def class_missing(site: Site, dose: float) -> None:
    """One class has no samples."""
    label = str(site.rng.choice(site.data.classes))
    site.culprits.add(label)
    for path in site.data.files(label):
        path.unlink()
    (site.data.root / label).rmdir()


@fault(
    "data",
    enters="dataset_snapshot",
    causes=("data.class_new",),
    mild=0.02,
    clear=0.1,
    source="a folder too many",
)
def class_new(site: Site, dose: float) -> None:
    """A share of the samples lies in a folder that is no class."""
    site.culprits.add("misc")
    for path in site.data.some(dose):
        site.data.relabel(path, "misc")


@fault(
    "data",
    enters="dataset_snapshot",
    causes=("data.class_imbalance", "data.counts", "data.drifted*", "SET_CLASS_SMALL"),
    mild=0.5,
    clear=0.9,
    source="Buda et al. (2018), class imbalance in neural networks",
)
def class_starved(site: Site, dose: float) -> None:
    """One class has lost a share of its samples."""
    label = str(site.rng.choice(site.data.classes))
    site.culprits.add(label)
    for path in site.data.some(dose, site.data.files(label)):
        path.unlink()


@fault(
    "data",
    enters="dataset_snapshot",
    causes=("data.class_imbalance", "data.counts", "data.drifted*"),
    mild=0.3,
    clear=0.7,
    source="Lipton et al. (2018), label shift",
)
def prior_drifted(site: Site, dose: float) -> None:
    """Half of the classes have become rarer by a share, as if another season was sampled."""
    site.culprits |= {"label", *site.data.classes[::2]}
    for label in site.data.classes[::2]:
        for path in site.data.some(dose, site.data.files(label)):
            path.unlink()


@fault(
    "data",
    enters="dataset_snapshot",
    causes=("data.counts", "data.too_few_in_split"),
    mild=0.3,
    clear=0.7,
    source="DeepCrime: fewer training data",
)
def samples_lost(site: Site, dose: float) -> None:
    """A share of all samples is gone, whatever their class."""
    for path in site.data.some(dose):
        path.unlink()
