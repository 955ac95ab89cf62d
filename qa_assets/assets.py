"""Artifacts as Dagster assets: the thin shell around each of them."""

import warnings
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from qa_assets.artifacts import Artifact, Made, obtain
from qa_assets.core import progress
from qa_assets.core.errors import Problem, QaError, os_errors_named
from qa_assets.core.store import short
from qa_assets.dead_runs import claim
from qa_assets.gates import shown
from qa_assets.resources import ANYTHING, ArtifactStoreResource, Stored, asset_key

PROBLEMS = "problems"
"""Under this name a failed step keeps everything that was wrong."""
MOST_SHOWN, MOST_KEPT = 20, 10_000


def build_assets(
    prefix: str, artifacts: Iterable[Artifact], *, owners: Sequence[str] = (), group: str = ""
) -> list[dg.AssetsDefinition]:
    """One Dagster asset an artifact, answered from the store where nothing has changed."""
    return [_build(prefix, artifact, owners, group or prefix) for artifact in artifacts]


def _build(
    prefix: str, artifact: Artifact, owners: Sequence[str], group: str
) -> dg.AssetsDefinition:
    name = f"{prefix}/{artifact.name}"

    @dg.asset(
        key=asset_key(prefix, artifact.name),
        ins={
            read.replace("/", "__"): dg.AssetIn(key=asset_key(prefix, read), dagster_type=ANYTHING)
            for read in artifact.reads
        },
        description=artifact.description,
        group_name=group,
        kinds=set(artifact.kinds),
        owners=list(owners),
        code_version=artifact.code[:12],
        required_resource_keys={"store"},
        io_manager_key="io_manager",
        dagster_type=ANYTHING,
    )
    def make(context: dg.AssetExecutionContext, **found: Stored) -> dg.Output[Stored]:
        resource: ArtifactStoreResource = context.resources.store
        claim(context.instance, context.run)
        progress.report(name, 0.0)
        inputs = {s.name: s.digest for s in found.values()}
        made = _obtain(artifact, inputs, resource)
        how = "answered from the store" if made.reused else f"made in {made.seconds:.1f} s"
        progress.report(f"{name}: {how}", 1.0)
        return _output(Stored(artifact.name, made.digest, inputs), made)

    return make


def _output(stored: Stored, made: Made) -> dg.Output[Stored]:
    metadata = {
        **shown(made.record.metadata()),
        "answered from the store": made.reused,
        "seconds": made.seconds,
        "record": short(made.digest),
    }
    with warnings.catch_warnings():  # Dagster calls data versions beta; its minor version is pinned
        warnings.simplefilter("ignore", dg.BetaWarning)
        version = dg.DataVersion(made.digest)
        return dg.Output(stored, data_version=version, metadata=metadata)


def _obtain(artifact: Artifact, inputs: Mapping[str, str], resource: ArtifactStoreResource) -> Made:
    missing = [name for name, digest in inputs.items() if not digest]
    if missing:
        raise dg.Failure(f"{', '.join(missing)} was never made.", allow_retries=False)
    try:
        with os_errors_named(resource.folder):
            return obtain(artifact, inputs, resource.open())
    except QaError as error:
        raise _failure(error.problems) from error


def _failure(problems: Sequence[Problem]) -> dg.Failure:
    """What the UI shows first in words, and the rest as data, for whoever reads the event."""
    first, many = problems[0], len(problems)
    told = [str(p) for p in problems[:MOST_SHOWN]]
    more = [f"and {many - MOST_SHOWN:,} more"] if many > MOST_SHOWN else []
    kept = [p.as_json() for p in problems[:MOST_KEPT]]
    if many > MOST_KEPT:
        rest = Problem(first.code, first.item, f"and {many - MOST_KEPT:,} more problems.")
        kept.append(rest.as_json())
    return dg.Failure(
        description="\n".join([*told, *more]),
        metadata={
            "code": first.code,
            "item": first.item,
            "remedy": first.remedy,
            PROBLEMS: dg.MetadataValue.json(kept),
        },
        allow_retries=False,
    )
