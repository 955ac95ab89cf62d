"""``qa selftest``: do the gates of a pipeline stop planted faults, and name them?"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from qa_assets.console import Voice
    from qa_assets.core.records.faults import GateSelftest


def selftest(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")] = "digits",
    stage: Annotated[str, typer.Option(help="Only faults of this stage.")] = "",
    fault: Annotated[str, typer.Option(help="Only this fault.")] = "",
    part: Annotated[int, typer.Option(min=1, help="Every so-manieth fault only.")] = 1,
    clean: Annotated[int, typer.Option(min=0, help="Clean runs, for false alarms.")] = 30,
    suggest: Annotated[bool, typer.Option("--suggest", help="Propose thresholds.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Plant faults in copies of a pipeline: which gate stops each, and does it name it?

    Exit code 1: a fault was not stopped at the clear dose.
    """
    from qa_assets.console import Voice
    from qa_assets.runs import find_pipeline, run_selftest

    voice, found = Voice(as_json=json), find_pipeline(pipeline)
    whole = not stage and not fault and part == 1
    with voice.progress(pipeline):
        if whole:
            record, folder = run_selftest(found)
            voice.say(f"Matrix: {folder}")
        else:
            from qa_assets.faults.asset import clean_store
            from qa_assets.faults.selftest import chosen
            from qa_assets.faults.selftest import selftest as plant

            picked = chosen(stage=stage, name=fault, part=part)
            record = plant(found, clean_store(found), picked, clean_runs=clean if suggest else 0)
    _tell(voice, record)
    if suggest:
        _suggest(voice, record)
    escaped = any(not r.stopped for r in record.at("clear"))
    raise typer.Exit(1 if escaped else 0)


def _tell(voice: "Voice", record: "GateSelftest") -> None:
    from qa_assets.faults.matrix import summary

    rows = [
        (r.fault, r.dose, r.stage, r.ending, r.diagnosis, r.cause, "yes" if r.named else "no",
         "yes" if r.plain_gate else "no", f"{r.seconds:.1f}")
        for r in record.runs
    ]  # fmt: skip
    columns = ("fault", "dose", "stage", "ending", "diagnosis", "cause", "named",
               "accuracy alone", "s")  # fmt: skip
    voice.table("planted faults", columns, rows)
    voice.say(summary(record))


def _suggest(voice: "Voice", record: "GateSelftest") -> None:
    from qa_assets.faults.suggest import suggest

    rows = [
        (s.gate, f"{s.limit:.4g}", f"{s.suggested:.4g}", f"{s.clean:.4g}", ", ".join(s.caught))
        for s in suggest(record)
    ]
    columns = ("gate", "limit", "suggested", "worst clean run", "would stop")
    voice.table("thresholds to think about", columns, rows)
