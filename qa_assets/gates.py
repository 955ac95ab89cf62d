"""Checks on the edges of the graph: a gate blocks what lies downstream, a monitor warns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from qa_assets.artifacts import Artifact
from qa_assets.config import Pipeline
from qa_assets.core.check import Check
from qa_assets.core.digests import digest_file, digest_json
from qa_assets.core.errors import InputRefused, QaError
from qa_assets.core.record import Markdown, Metadata, Record
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict, cannot_tell
from qa_assets.identity import as_json, code_version
from qa_assets.resources import ArtifactStoreResource, Stored, asset_key

PER_TARGET = ("edge_benchmark", "edge_comparison", "latency_duel")
"""A check that names one of these assets is posted once on the asset of each target."""
EXPLAINED = {"dataset_snapshot": "dataset_splits"}
"""Checks on the one stand behind the other: what looks at the samples is made even so."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A check where it stands: on which artifact, with which thresholds, blocking or not.

    Attributes:
        check: What is checked.
        judged: Name of the artifact it judges.
        reads: Artifact by each of the check's parameters, the judged one first.
        thresholds: Values of its keyword-only parameters; files with their full path.
        blocking: A gate blocks, a monitor warns.
    """

    check: Check
    judged: str
    reads: Mapping[str, Artifact]
    thresholds: Mapping[str, Any]
    blocking: bool

    @property
    def title(self) -> str:
        """How people name it."""
        return f"{self.judged}: {self.check.name}"

    @property
    def stage(self) -> str:
        """The room that made what is judged; a diagnosis prefers the earliest."""
        return next(iter(self.reads.values())).rooms[0]

    def identity(self) -> dict[str, Any]:
        """Everything but the evidence that the verdict depends on."""
        given = {
            name: digest_file(value) if isinstance(value, Path) else as_json(value)
            for name, value in self.thresholds.items()
        }
        return {"check": self.check.name, "code": code_version(("checks",)), "thresholds": given}

    def judge(self, records: Mapping[str, Record]) -> Verdict:
        """Judge records given by artifact name; whatever goes wrong is a verdict, never a pass."""
        given = {parameter: records.get(a.name) for parameter, a in self.reads.items()}
        try:
            return self.check(given, self.thresholds)
        except QaError as error:
            return cannot_tell(f"the check could not be made: {error}")
        except Exception as error:  # a check that crashes has judged nothing, and must say so
            return cannot_tell(f"the check crashed: {type(error).__name__}: {error}")

    def judge_stored(self, digests: Mapping[str, str], store: LocalStore) -> tuple[Verdict, bool]:
        """Judge what the store holds, by artifact name; the same question is answered from it.

        Returns:
            The verdict, and whether it was there already.
        """
        known = {a.name: digests[a.name] for a in self.reads.values() if a.name in digests}
        name = f"keys/{digest_json({**self.identity(), 'inputs': known})}"
        found = store.resolve(name)
        if found is not None:
            try:
                return Verdict.load(store.get(found)), True
            except InputRefused:
                pass  # damaged since: judge again
        by_name = {a.name: a for a in self.reads.values()}
        try:
            records = {n: by_name[n].record.load(store.get(d)) for n, d in known.items()}
            verdict = self.judge(records)
        except QaError as error:
            return cannot_tell(f"the evidence cannot be read: {error}"), False
        if len(known) == len(by_name):
            store.point(name, store.put(verdict.content()))
        return verdict, False


def posted_checks(pipeline: Pipeline, artifacts: Mapping[str, Artifact]) -> list[Posted]:
    """Every check that the pipeline's settings post, per target where it reads one."""
    prefix = f"{PER_TARGET[0]}/"
    targets = [name.removeprefix(prefix) for name in artifacts if name.startswith(prefix)]
    posted: list[Posted] = []
    for chosen, blocking in ((pipeline.config.gates, True), (pipeline.config.monitors, False)):
        for check, thresholds in chosen.chosen():
            given = pipeline.resolve_files(check, thresholds)
            for target in [""] if set(PER_TARGET).isdisjoint(check.assets) else targets:
                names = {p: f"{p}/{target}" if p in PER_TARGET else p for p in check.assets}
                reads = {p: artifacts[name] for p, name in names.items()}
                judged = _judged(names[check.assets[0]], artifacts)
                posted.append(Posted(check, judged, reads, given, blocking))
    order = list(artifacts)
    return sorted(posted, key=lambda p: order.index(p.judged))


def _judged(name: str, artifacts: Mapping[str, Artifact]) -> str:
    """Where a check stands: behind what explains it, where something does.

    One on a benchmark behind the comparison, one on the snapshot behind the splits. In front of
    them a gate that fails would keep the comparison, or the look at the samples, from being made,
    and so the fault from being named; no training begins before either.
    """
    explained = EXPLAINED.get(name, name.replace("edge_benchmark/", "edge_comparison/"))
    return explained if explained in artifacts else name


def thresholds_of(pipeline: Pipeline) -> dict[str, dict[str, str]]:
    """Every gate of the settings with its thresholds as text; what was accepted is none of them."""

    def text(value: Any) -> str:
        if isinstance(value, Path):
            return f"{value.name} {digest_file(value)[:12]}"
        return json.dumps(as_json(value), sort_keys=True)

    return {
        check.name: {
            name: text(value)
            for name, value in pipeline.resolve_files(check, thresholds).items()
            if name != "accepted"
        }
        for check, thresholds in pipeline.config.gates.chosen()
    }


def build_checks(prefix: str, posted: Sequence[Posted]) -> list[dg.AssetChecksDefinition]:
    """One step per judged asset: it finds the evidence once and runs every check posted on it."""
    judged = list(dict.fromkeys(p.judged for p in posted))
    return [_build_step(prefix, j, [p for p in posted if p.judged == j]) for j in judged]


def _build_step(prefix: str, judged: str, posted: list[Posted]) -> dg.AssetChecksDefinition:
    by_name = {p.check.name: p for p in posted}
    read = {a.name: a for p in posted for a in p.reads.values()}
    others = {
        p.check.name: [asset_key(prefix, a.name) for a in p.reads.values() if a.name != judged]
        for p in posted
    }

    @dg.multi_asset_check(
        name=f"{prefix}__{judged.replace('/', '__')}__checks",
        specs=[
            dg.AssetCheckSpec(
                p.check.name,
                asset=asset_key(prefix, judged),
                description=p.check.description,
                blocking=p.blocking,
                additional_deps=others[p.check.name],
                metadata={"thresholds": {k: str(v) for k, v in as_json(p.thresholds).items()}},
            )
            for p in posted
        ],
        ins={name.replace("/", "__"): dg.AssetIn(key=asset_key(prefix, name)) for name in read},
        can_subset=True,
        required_resource_keys={"store"},
    )
    def judge(
        context: dg.AssetCheckExecutionContext, **found: Stored
    ) -> Iterator[dg.AssetCheckResult]:
        resource: ArtifactStoreResource = context.resources.store
        store = resource.open()
        digests = {s.name: s.digest for s in found.values() if s.digest}
        for key in sorted(context.selected_asset_check_keys):
            entry = by_name[key.name]
            verdict, reused = entry.judge_stored(digests, store)
            yield _result(entry, verdict, reused)

    return judge


def _result(posted: Posted, verdict: Verdict, reused: bool) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if posted.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=posted.check.name,
        passed=verdict.passed,
        severity=severity,
        description=f"{verdict.outcome}: {verdict.summary}",
        metadata={**shown(verdict.metadata()), "answered from the store": reused},
    )


def shown(metadata: Metadata) -> dict[str, Any]:
    """A record's metadata as Dagster displays it."""
    return {
        name: dg.MetadataValue.md(value) if isinstance(value, Markdown) else value
        for name, value in metadata.items()
    }
