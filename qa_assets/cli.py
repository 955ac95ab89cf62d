"""The command line: ``qa run``, ``check``, ``report``, ``status``, ``data``, ``doctor``."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from qa_assets import (
    data_commands,
    prune_command,
    rehearse_command,
    selftest_command,
    suite_command,
)
from qa_assets.core.errors import Problem, QaError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Quality assurance of deep-learning models, cloud to edge.",
    epilog="Exit codes: 0 fine, 1 a gate failed, 2 the input was refused, 3 the environment, "
    "4 a bug of ours.",
)
data = typer.Typer(no_args_is_help=True, help="Datasets and their versions.")
app.add_typer(data, name="data")
app.add_typer(suite_command.suite, name="suite")
app.command()(data_commands.inspect)
app.command("try")(data_commands.try_out)
app.command()(selftest_command.selftest)
app.command()(rehearse_command.rehearse)
app.command()(prune_command.prune)
Name = Annotated[str, typer.Argument(help="Name of the pipeline: a folder under defs/.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"qa_assets {version('qa_assets')}")
        raise typer.Exit


@app.callback()
def every_command(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Which one this is."),
    ] = False,
) -> None:
    """What holds for all of them."""


@app.command()
def run(
    pipeline: Name,
    until: Annotated[str, typer.Option(help="Stop behind this asset.")] = "",
    json: Json = False,
) -> None:
    """Take the data through every asset and gate; what is unchanged costs nothing."""
    from qa_assets.console import Voice, closing, gate_problems
    from qa_assets.outputs import write_outputs
    from qa_assets.runs import execute, find_pipeline

    voice = Voice(as_json=json)
    found = find_pipeline(pipeline)
    with voice.progress(pipeline):
        state = execute(found, until=until)
    folder = write_outputs(state, [until] if until else None)
    voice.verdicts([j for j in state.judged if j.verdict] if until else state.judged)
    problems = [*state.problems, *(gate_problems(state) if json else [])]
    voice.problems(problems)
    closing(voice, state, None if until else folder / "report.html")
    raise typer.Exit(_exit_code(state.problems, blocked=bool(state.blocked), bug=state.bug))


@app.command()
def check(pipeline: Name, json: Json = False) -> None:
    """Judge the stored evidence again, with today's thresholds; run no model."""
    from qa_assets.console import Voice, gate_problems
    from qa_assets.runs import execute, find_pipeline

    voice = Voice(as_json=json)
    state = execute(find_pipeline(pipeline), checks_only=True)
    if not state.digests:
        raise _nothing_yet(pipeline)
    voice.verdicts(state.judged)
    voice.problems([*state.problems, *(gate_problems(state) if json else [])])
    raise typer.Exit(_exit_code(state.problems, blocked=bool(state.blocked), bug=state.bug))


@app.command()
def report(pipeline: Name, json: Json = False) -> None:
    """Write the report on what is stored, whether or not it may be released."""
    from qa_assets.console import Voice
    from qa_assets.outputs import REPORTS, make_report, write_page
    from qa_assets.resources import local_store
    from qa_assets.runs import find_pipeline, stored_state

    voice = Voice(as_json=json)
    found = find_pipeline(pipeline)
    state = stored_state(found)
    if not state.digests:
        raise _nothing_yet(pipeline)
    page = make_report(state, state.records(local_store(found.root)))
    path = write_page(page, found.root / REPORTS / pipeline)
    voice.say(f"Report: {path}")
    voice.give({"report": str(path), "passed": page.passed, "failed": page.failed})


@app.command()
def status(
    pipeline: Annotated[str, typer.Argument(help="A pipeline; all of them by default.")] = "",
    json: Json = False,
) -> None:
    """What is stored of each asset, what is stale, and the latest verdicts."""
    from qa_assets.artifacts import stale
    from qa_assets.console import Voice
    from qa_assets.resources import local_store
    from qa_assets.runs import find_pipeline, pipeline_names, stored_state

    voice = Voice(as_json=json)
    names = [pipeline] if pipeline else pipeline_names()
    if not names:
        raise _refused(_no_pipeline())
    for name in names:
        state = stored_state(find_pipeline(name))
        due = set(stale(list(state.artifacts.values()), local_store(state.pipeline.root)))
        rows = [
            (a, state.digests.get(a, "")[:12] or "never made", "stale" if a in due else "fresh")
            for a in state.artifacts
        ]
        voice.table(name, ("asset", "record", "state"), rows)
        voice.verdicts([j for j in state.judged if j.verdict])


@app.command()
def doctor(json: Json = False) -> None:
    """Look at this machine and installation: what would stop a run, and its remedy."""
    from qa_assets.console import Voice
    from qa_assets.doctor import examine

    voice = Voice(as_json=json)
    findings = examine()
    voice.table("doctor", ("what", "state", "found", "remedy"), [f.row() for f in findings])
    raise typer.Exit(3 if any(f.state == "broken" for f in findings) else 0)


@data.command()
def make(pipeline: Name, json: Json = False) -> None:
    """Write the dataset folder of a pipeline from its embedded source."""
    from qa_assets.console import Voice
    from qa_assets.datasets.embedded import make as make_folder
    from qa_assets.runs import find_pipeline

    voice = Voice(as_json=json)
    found = find_pipeline(pipeline)
    settings = found.config.dataset
    if settings.embedded is None:
        problem = Problem("CONF_MISSING", pipeline, "has no embedded source.", "Bring the folder.")
        raise _refused(problem)
    written = make_folder(settings.embedded, found.root / settings.path)
    voice.say(f"{written} samples in {settings.path}")
    voice.give({"samples": written, "path": settings.path})


@data.command()
def versions(pipeline: Name, json: Json = False) -> None:
    """List the versions of a pipeline's dataset that were ever taken, the latest last."""
    from qa_assets.console import Voice
    from qa_assets.runs import find_pipeline
    from qa_assets.stored import dataset_versions

    voice = Voice(as_json=json)
    rows = dataset_versions(find_pipeline(pipeline))
    columns = ("version", "first taken", "samples", "classes", "quarantined", "now")
    voice.table(f"versions of {pipeline}", columns, rows)


def main() -> None:
    """Run a command and leave with its exit code."""
    from qa_assets.endings import ended

    sys.exit(ended(lambda: app(prog_name="qa", standalone_mode=False)))


def _nothing_yet(pipeline: str) -> QaError:
    return _refused(
        Problem("ARTIFACT_MISSING", pipeline, "has no stored evidence.", f"qa run {pipeline}")
    )


def _no_pipeline() -> Problem:
    from qa_assets.runs import defs_folder

    where = str(defs_folder())
    return Problem("PIPELINE_UNKNOWN", where, "holds no pipeline.", "QA_DEFS names another folder.")


def _refused(problem: Problem) -> QaError:
    from qa_assets.core.errors import InputRefused

    return InputRefused(problem)


def _exit_code(problems: Sequence[Problem], *, blocked: bool, bug: bool) -> int:
    if bug:
        return 4
    codes = [p.code for p in problems]
    if any(c.startswith("ENV_") for c in codes):
        return 3
    if [c for c in codes if not c.startswith("GATE_")]:
        return 2
    return 1 if blocked else 0
