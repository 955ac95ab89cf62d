"""``qa inspect``: one input judged by itself, before it is anybody's dataset."""

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def inspect(
    kind: Annotated[
        str,
        typer.Argument(help="dataset, archive, labels, arrays, features; onnx, weights, device."),
    ],
    path: Annotated[Path, typer.Argument(help="The folder, archive or file.")],
    out: Annotated[
        Path | None, typer.Option(help="Write problems.jsonl and summary.json into this folder.")
    ] = None,
    classes: Annotated[str, typer.Option(help="The only right labels, with commas.")] = "",
    columns: Annotated[str, typer.Option(help="Columns of features, with commas.")] = "",
    reference: Annotated[
        Path | None,
        typer.Option(help="What is right: a table of features, a model, weights, a request."),
    ] = None,
    initial: Annotated[
        Path | None, typer.Option(help="Weights that the training began with.")
    ] = None,
    devices: Annotated[str, typer.Option(help="Registered devices, with commas.")] = "",
    runtime: Annotated[str, typer.Option(help="Runtime version that was checked with.")] = "",
    seconds: Annotated[float, typer.Option(help="How long a model may run on trial.")] = 10.0,
    max_members: Annotated[int, typer.Option(help="Members an archive may have.")] = 10_000_000,
    min_class: Annotated[int, typer.Option(help="Samples that every class needs.")] = 2,
    json: Json = False,
) -> None:
    """Look at one input: what is usable, what is set aside and why; change nothing."""
    from qa_assets import inspect_models
    from qa_assets.console import Voice
    from qa_assets.core.errors import InputRefused
    from qa_assets.core.publish import replace_file
    from qa_assets.datasets import inspection
    from qa_assets.datasets.settings import SampleLimits

    voice = Voice(as_json=json)
    limits = SampleLimits(max_members=max_members)
    if kind in inspect_models.KINDS:
        beside = inspect_models.Beside(reference, initial, _list(devices), runtime, seconds)
        problems = inspect_models.KINDS[kind](path, beside)
        wrong = any(p.severity == "error" for p in problems)
        found = inspection.Inspection(int(not wrong), int(wrong), problems)
    elif kind not in inspection.KINDS:
        known = ", ".join([*inspection.KINDS, *inspect_models.KINDS])
        raise InputRefused.of("INSPECT_KIND", kind, "is no kind of input.", f"Known: {known}.")
    else:
        options = inspection.Options(limits, _list(classes), _list(columns), reference, min_class)
        found = inspection.inspect(kind, path, options)
    if out is not None:
        lines = (json_text.dumps(p.as_json()) + "\n" for p in found.problems)
        replace_file(out / "problems.jsonl", "".join(lines).encode())
        summary = {"kind": kind, "kept": found.kept, "bad": found.bad, "passed": found.passed}
        replace_file(out / "summary.json", json_text.dumps(summary).encode() + b"\n")
    voice.problems(found.problems)
    voice.say(f"{found.kept} usable, {found.bad} set aside")
    raise typer.Exit(0 if found.passed else 1)


def try_out(
    path: Annotated[Path, typer.Argument(help="A folder, archive, IDX, NPZ, CSV or Parquet.")],
    against: Annotated[
        Path | None, typer.Option(help="A table to compare the columns of a table with.")
    ] = None,
    json: Json = False,
) -> None:
    """Print what the data is like and what is odd about it; nothing needs to be configured."""
    from qa_assets.console import Voice
    from qa_assets.core.errors import InputRefused
    from qa_assets.datasets.remedies import remedies
    from qa_assets.try_out import is_table, try_pictures, try_table

    voice, table = Voice(as_json=json), is_table(path)
    if against is not None and not table:
        what = "is no table of columns; --against compares tables."
        raise InputRefused.of("USAGE", str(path), what, "qa run compares versions of pictures.")
    with remedies():
        for section in try_table(path, against) if table else try_pictures(path):
            voice.table(section.title, section.columns, section.rows)
    if not table:
        voice.say("Next: put the path into a defs.yaml (copy qa_assets/defs/digits), `qa run` it.")
    elif against is None:
        voice.say("Next: qa try NEWER --against this table says which columns moved.")


def _list(text: str) -> tuple[str, ...]:
    return tuple(t for t in text.split(",") if t)
