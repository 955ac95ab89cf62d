"""What the store knows of a pipeline, without running anything."""

from collections.abc import Mapping
from datetime import UTC, datetime

from qa_assets.artifacts import Artifact
from qa_assets.config import Pipeline
from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.core.store import LocalStore
from qa_assets.resources import local_store, made_from


def made_by(
    run: str, pipeline: Pipeline, artifacts: Mapping[str, Artifact], store: LocalStore
) -> dict[str, str]:
    """What one run made."""
    found = {name: store.resolve(f"runs/{run}/{pipeline.name}/{name}") for name in artifacts}
    return {name: digest for name, digest in found.items() if digest}


def latest(
    pipeline: Pipeline, artifacts: Mapping[str, Artifact], store: LocalStore
) -> dict[str, str]:
    """The latest of each artifact, as long as it was made from the latest of what it reads.

    Behind a gate that is shut, older records lie that speak of another candidate.
    """
    found: dict[str, str] = {}
    for name, artifact in artifacts.items():
        digest = store.resolve(f"latest/{pipeline.name}/{name}")
        inputs = {read: found[read] for read in artifact.reads if read in found}
        whole = len(inputs) == len(artifact.reads)
        same = whole and store.resolve(made_from(f"{pipeline.name}/{name}", inputs)) == digest
        if digest and same:
            found[name] = digest
    return found


def dataset_versions(pipeline: Pipeline) -> list[tuple[str, str, int, int, int, str]]:
    """Each version of the dataset ever taken: version, when, samples, classes, set aside, now."""
    store = local_store(pipeline.root)
    prefix = f"history/{pipeline.name}/dataset_snapshot"
    now = store.resolve(f"latest/{pipeline.name}/dataset_snapshot")
    found = [(store.pointed_at(name), name.rsplit("/", 1)[1]) for name in store.names(prefix)]
    rows: dict[str, tuple[str, str, int, int, int, str]] = {}
    for seconds, digest in sorted(found):
        taken = DatasetSnapshot.load(store.get(digest))
        when = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
        first = rows.get(taken.version, ("", when))[1]
        counts = (taken.samples, len(taken.classes), len(taken.quarantined))
        mark = "current" if digest == now else ""
        rows[taken.version] = (taken.version[:12], first, *counts, mark)
    return list(rows.values())
