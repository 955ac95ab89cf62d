"""``qa suite propose``: expectations from the data as they are, for a person to review."""

import json as json_text
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from qa_assets.core.record import Record

suite = typer.Typer(no_args_is_help=True, help="Expectation suites.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@suite.callback()
def suites() -> None:
    """Expectation suites."""


@suite.command()
def propose(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace proposals that are there.")
    ] = False,
    json: Json = False,
) -> None:
    """Write suites from the current version beside defs.yaml, to be reviewed and committed."""
    from qa_assets.console import Voice
    from qa_assets.core.publish import replace_file
    from qa_assets.runs import find_pipeline

    voice = Voice(as_json=json)
    found = find_pipeline(pipeline)
    bodies = proposals(pipeline, _records(pipeline))
    written = {found.folder / proposed_file(table): body for table, body in bodies.items()}
    if not replace:
        _refuse_other(written)
    for path, body in written.items():
        replace_file(path, body)
        count = len(json_text.loads(body)["expectations"])
        voice.say(f"{path}: {count} expectations")
        voice.give({"suite": str(path), "expectations": count})
    voice.say("Review each bound, say why it is right, then name the file under gates:")
    for table in ("samples", "quality", "statistics"):
        voice.say(f"    expectations_hold_on_{table}: {{suite: {proposed_file(table)}}}")


def proposed_file(table: str) -> str:
    """What the proposed suite of a table is called."""
    return f"{table}_suite.proposed.json"


def proposals(pipeline: str, records: Mapping[str, Record]) -> dict[str, bytes]:
    """The suite of each table, as JSON.

    Args:
        pipeline: Its name.
        records: ``dataset_snapshot``, ``sample_quality`` and ``dataset_statistics``.
    """
    from qa_assets.checks.suite_proposal import propose as suite_of
    from qa_assets.core.records.datasets import SAMPLES, STATISTICS
    from qa_assets.core.records.quality import QUALITY
    from qa_assets.core.tables import read_table

    tables = {
        "samples": (read_table(records["dataset_snapshot"], SAMPLES), "id"),
        "quality": (read_table(records["sample_quality"], QUALITY), "id"),
        "statistics": (read_table(records["dataset_statistics"], STATISTICS), "label"),
    }
    made: dict[str, Any] = {
        name: suite_of(table, name=f"{pipeline}_{name}", key=key)
        for name, (table, key) in tables.items()
    }
    return {
        name: (json_text.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()
        for name, body in made.items()
    }


def _records(pipeline: str) -> dict[str, Record]:
    from qa_assets.core.errors import InputRefused
    from qa_assets.resources import local_store
    from qa_assets.runs import find_pipeline, stored_state

    state = stored_state(find_pipeline(pipeline))
    names = ("dataset_snapshot", "sample_quality", "dataset_statistics")
    missing = [name for name in names if name not in state.digests]
    if missing:
        remedy = f"qa run {pipeline} --until dataset_statistics"
        raise InputRefused.of("ARTIFACT_MISSING", missing[0], "was never made.", remedy)
    store = local_store(state.pipeline.root)
    return {n: state.artifacts[n].record.load(store.get(state.digests[n])) for n in names}


def _refuse_other(written: dict[Path, bytes]) -> None:
    from qa_assets.core.errors import InputRefused, Problem

    there = [p for p, body in written.items() if p.exists() and p.read_bytes() != body]
    if there:
        what = "is there already, and is another one."
        remedy = "Rename what you reviewed, or --replace it."
        raise InputRefused(*(Problem("SUITE_EXISTS", p.name, what, remedy) for p in there))
