"""The graph is what graph.txt says, loading it is cheap, and every part keeps its contract."""

import json
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from qa_assets import graph
from qa_assets.core.check import CHECKS
from qa_assets.definitions import defs
from qa_assets.graph import build_graph
from qa_assets.runs import definitions_of, find_pipeline, pipeline_names

GOLDEN = Path(__file__).with_name("graph.txt")
HEAVY = ("torch", "great_expectations", "onnxruntime", "onnx", "sklearn", "scipy", "dvc", "duckdb")
MAX_CPU_SECONDS = 1.2


def describe(definitions: dg.Definitions) -> str:
    """One line an asset, one a check."""
    graph = definitions.resolve_asset_graph()
    lines: list[str] = []
    for key in sorted(graph.get_all_asset_keys(), key=dg.AssetKey.to_user_string):
        node = graph.get(key)
        parents = ", ".join(sorted(p.to_user_string() for p in node.parent_keys)) or "-"
        lines.append(f"{key.to_user_string()} <- {parents}")
        for check in sorted(node.check_keys, key=lambda c: c.name):
            kind = "gate" if graph.get(check).blocking else "monitor"
            lines.append(f"    {kind} {check.name}")
    return "\n".join(lines) + "\n"


def test_graph_is_the_documented_one() -> None:
    found = describe(definitions_of(find_pipeline("digits")))
    assert found == GOLDEN.read_text(encoding="utf-8"), "a changed graph is a deliberate act"


def test_graph_names_every_asset_in_the_order_it_is_made() -> None:
    listed = re.findall(r"^    (\S+)  ", graph.__doc__ or "", flags=re.MULTILINE)
    built, _ = build_graph(find_pipeline("digits"))
    made = dict.fromkeys(re.sub("/.*", "/TARGET", name) for name in built)
    assert listed == list(made)


@pytest.fixture(scope="module")
def loaded() -> dict[str, object]:
    code = (
        "import sys, json, resource\n"
        "from qa_assets.definitions import defs\n"
        "defs().resolve_asset_graph()\n"
        f"heavy = [m for m in {HEAVY} if m in sys.modules]\n"
        "cpu = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps({'heavy': heavy, 'cpu': cpu.ru_utime + cpu.ru_stime}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_loading_definitions_imports_nothing_heavy(loaded: dict[str, object]) -> None:
    assert loaded["heavy"] == []


def test_every_pipeline_loads_through_its_component() -> None:
    graph = defs().resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == set(pipeline_names())


def test_string_selections_are_understood() -> None:
    """The antlr of dvc and that of Dagster must not meet (dagster-io/dagster#27487)."""
    graph = defs().resolve_asset_graph()
    chosen = dg.AssetSelection.from_string('key:"digits/onnx_model"+').resolve(graph)
    assert dg.AssetKey(["digits", "release"]) in chosen
    assert dg.AssetKey(["digits", "evaluation"]) not in chosen


def test_every_asset_and_check_is_described() -> None:
    graph = defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.group_name, key
        assert node.kinds, key
    assert all(check.description for check in CHECKS.values())


def test_every_check_reads_assets_that_exist() -> None:
    artifacts, _ = build_graph(find_pipeline("digits"))
    names = {name.split("/")[0] for name in artifacts}
    for check in CHECKS.values():
        assert set(check.assets) <= names, check.name


def test_code_location_starts_within_its_budget(loaded: dict[str, object]) -> None:
    """CPU seconds: 1.2 is the budget on a quiet machine, twice that what a noisy one may show."""
    assert float(str(loaded["cpu"])) <= 2 * MAX_CPU_SECONDS
