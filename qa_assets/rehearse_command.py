"""``qa rehearse``: do old releases still answer, here and under a candidate environment?"""

import math
from typing import Annotated

import typer

LISTED = ("release", "target", "runtime", "outcome", "flips", "error", "samples", "breaks")


def rehearse(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")] = "digits",
    requirements: Annotated[
        list[str] | None,
        typer.Option("--with", help="PACKAGE==VERSION of the candidate environment."),
    ] = None,
    targets: Annotated[
        list[str] | None, typer.Option("--on", help="A target; those of the pipeline by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Replay the golden samples of every release on every target: which breaks where.

    Exit code 1: a release answers otherwise than when it was released.
    """
    from qa_assets.console import Voice
    from qa_assets.core.errors import InputRefused, Problem
    from qa_assets.edge.rehearsal import kept_releases, releases_still_answer, why_broken
    from qa_assets.edge.rehearsal import rehearse as replay
    from qa_assets.resources import local_store
    from qa_assets.runs import find_pipeline

    voice, found = Voice(as_json=json), find_pipeline(pipeline)
    edge, store = found.config.edge, local_store(found.root)
    releases = kept_releases(store, pipeline)
    if not releases:
        what = "has no release that could be replayed."
        raise InputRefused.of("ARTIFACT_MISSING", pipeline, what, f"qa run {pipeline}")
    record = replay(
        releases,
        targets or edge.targets,
        requirements or (),
        settings=edge,
        scratch=store.scratch(),
    )
    verdict = releases_still_answer(record)
    broken = [why_broken(r) for r in record.replays]
    rows = [
        (r.release[:12], r.target, r.runtime, r.outcome, r.flips, _rounded(r.error), r.samples,
         "yes" if why else "no")
        for r, why in zip(record.replays, broken, strict=True)
    ]  # fmt: skip
    title = f"releases of {pipeline} with {record.environment or 'what is installed'}"
    voice.table(title, LISTED, rows)
    for text in record.left_out:
        voice.say(f"not replayed: {text}")
    voice.say(f"{verdict.outcome}: {verdict.summary}")
    remedy = "Keep the environment of today for that target, or export and release anew."
    for replayed, why in zip(record.replays, broken, strict=True):
        if why:
            item = f"{replayed.release[:12]} on {replayed.target}"
            voice.problem(Problem("RELEASE_BROKEN", item, f"{why}.", remedy))
    raise typer.Exit(0 if verdict.passed else 1)


def _rounded(error: float) -> float | str:
    """Two digits; "" where there is no answer."""
    return float(f"{error:.2g}") if math.isfinite(error) else ""
