"""Breaks the deciding code in one small way at a time: do its own tests notice?

``python -m benchmarks.mutate core/verdict release/bundle`` changes these modules of ``qa_assets``,
one comparison, operator, number, name or branch after another (sentences stay), and runs the tests
that mirror each module. A change that no test notices survives: either a test is missing, or the
change means nothing. Survivors are printed, and explained in ``docs/mutation.md``.

Why not mutmut: it leaves decorated functions alone, and every check is one; nor can it tell which
tests mirror a module. Each change runs in a fork of a process that has loaded the libraries
already, so one costs about half a second.
"""

import ast
import gc
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = ROOT / "qa_assets", ROOT / "qa_assets_tests"
DECIDING = (
    "core/verdict", "core/intervals", "core/publish", "core/store", "core/unchanged",
    "core/diagnosis", "core/check", "gates",
    *(f"release/{name}" for name in ("bundle", "gate_settings", "report", "page", "advice", "card",
                                     "drawn", "suspects")),
    *(f"checks/{name}" for name in (
        "baselines", "behavior", "calibration", "comparison", "data_integrity", "diagnosis",
        "drift", "edge", "evaluation", "expectations", "export", "inputs", "leakage", "parity",
        "preprocessing", "probe", "probe_shape", "probe_steps", "quality", "released", "review",
        "suite_proposal", "suites", "thresholds", "training")),
)  # fmt: skip
MORE_TESTS = {
    "core/publish": ["core/test_publish_files.py"],
    "core/unchanged": ["core/test_unchanged_limits.py"],
    "gates": ["test_posted.py"],
    "checks/baselines": ["checks/test_baselines_limits.py"],
    "checks/data_integrity": ["checks/test_data_integrity_shown.py"],
    "checks/edge": ["checks/test_edge_limits.py"],
    "checks/evaluation": ["checks/test_evaluation_limits.py"],
    "checks/expectations": ["checks/test_expectations_shown.py"],
    "checks/export": ["checks/test_export_limits.py"],
    "checks/probe_shape": ["checks/test_probe.py"],
    "checks/probe_steps": ["checks/test_probe.py"],
    "checks/training": ["checks/test_training_limits.py"],
    "checks/suite_proposal": ["checks/test_suite_proposal_bounds.py"],
    "release/drawn": ["release/test_report.py"],
    "release/page": ["release/test_report.py"],
    "release/report": ["release/test_report_read.py"],
}
"""Where the tests of a module lie, if not in the file that mirrors it."""
MOST = 250
"""Changes of one module that are tried; of more a sample, the same every time."""
LONGEST_S = 60.0
LIBRARIES = ("qa_assets", "numpy", "pandas", "pyarrow.parquet", "pydantic", "pytest",
             "scipy.stats", "sklearn.linear_model", "hypothesis.extra.numpy", "dagster", "jinja2",
             "torch", "onnx", "onnxruntime", "great_expectations", "PIL.Image")  # fmt: skip
OPPOSITE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or,
    ast.Or: ast.And, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what, and the module with it."""

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every change of a module, in the order of its lines; annotations and docstrings stay."""
    tree = ast.parse(source)
    left = {id(n) for part in _untouched(tree) for n in ast.walk(part)}
    nodes = [n for n in ast.walk(tree) if id(n) not in left]
    for index, node in enumerate(ast.walk(tree)):
        if node in nodes:
            for what, new in _changes(node):
                other = deepcopy(tree)
                twin = list(ast.walk(other))[index]
                for name, value in new.items():
                    setattr(twin, name, value)
                yield Mutant(getattr(node, "lineno", 0), what, ast.unparse(other))


def _untouched(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        yield from (n for n in (getattr(node, name, None) for name in _PARTS) if _is_node(n))
        yield from getattr(node, "decorator_list", [])
        sentence = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        literal = isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if sentence or literal or typing or isinstance(node, _SPARED):
            yield node


_PARTS, _SPARED = ("annotation", "returns"), (ast.ImportFrom, ast.Import, ast.JoinedStr)


def _is_node(node: object) -> bool:
    return isinstance(node, ast.AST)


def _none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _changes(node: ast.AST) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPPOSITE:
        yield (
            f"{ast.unparse(node)}: the other comparison",
            {"ops": [OPPOSITE[type(node.ops[0])](), *node.ops[1:]]},
        )
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OPPOSITE:
        yield f"{ast.unparse(node)}: the other operator", {"op": OPPOSITE[type(node.op)]()}
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        test = ast.UnaryOp(ast.Not(), node.test)
        yield f"if {ast.unparse(node.test)}: the other branch", {"test": test}
    if isinstance(node, ast.Return) and not _none(node.value):
        yield f"return {ast.unparse(node.value)[:60]}: None", {"value": ast.Constant(None)}
    if isinstance(node, ast.Constant):
        yield from _other_constants(node.value)


def _other_constants(value: object) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(value, bool):
        yield f"{value}: {not value}", {"value": not value}
    elif isinstance(value, int | float):
        yield f"{value}: {value + 1}", {"value": value + 1}
    elif isinstance(value, str) and value and " " not in value:  # a sentence is for people
        yield f"{value[:40]!r}: other words", {"value": f"XX{value}XX"}


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname: str, path: object, target: object = None) -> object:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def exec_module(self, module: object) -> None:
        exec(compile(self.source, self.path, "exec"), vars(module))


def noticed(name: str, path: Path, source: str, tests: list[str]) -> bool:
    """Whether the tests fail, crash or hang with this source in the module's place."""
    child = os.fork()
    if child == 0:
        import pytest

        sys.meta_path.insert(0, _Changed(name, path, source))
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            plain = ["-c", os.devnull, "--rootdir", str(ROOT), "-x", "-q", "-p", "no:cacheprovider"]
            os._exit(int(pytest.main([*plain, *tests])) and 1)
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def tests_of(module: str) -> list[str]:
    """The tests that mirror a module."""
    folder, _, file = module.rpartition("/")
    own = TESTS / folder / f"test_{file}.py"
    more = [str(TESTS / name) for name in MORE_TESTS.get(module, [])]
    return [*more, *([str(own)] if own.exists() else [])]


def main(*words: str) -> int:
    """Print what survived and the share that was noticed, module by module.

    Args:
        *words: Modules; a number before them is how many changes of each are tried.
    """
    counted = words[:1] if words and words[0].isdigit() else ()
    most, modules = int(counted[0]) if counted else MOST, words[len(counted) :]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and they cost two seconds
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # pytest collects garbage twice as it ends: a second, if it looks at all of them
    whole = [0, 0]
    for module in modules or DECIDING:
        path, tests = PACKAGE / f"{module}.py", tests_of(module)
        name, source = f"qa_assets.{module.replace('/', '.')}", path.read_text(encoding="utf-8")
        if noticed(name, path, source, tests):
            sys.stdout.write(f"{module}: its tests fail as it is, {tests}\n")
            return 1
        found = list(mutants(source))
        if len(found) > most:
            found = [found[i] for i in sorted(Random(0).sample(range(len(found)), most))]
        survived = [m for m in found if not noticed(name, path, m.source, tests)]
        whole = [whole[0] + len(found) - len(survived), whole[1] + len(found)]
        share = f"{len(found) - len(survived)} of {len(found)}"
        sys.stdout.write(f"{module}: {share} noticed\n")
        for mutant in survived:
            sys.stdout.write(f"    line {mutant.line}: {mutant.change}\n")
        sys.stdout.flush()
    sys.stdout.write(f"in all: {whole[0]} of {whole[1]} = {whole[0] / max(whole[1], 1):.1%}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
