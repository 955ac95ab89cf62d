"""Every fault of a settings file is refused by code, with its line and key; nothing is guessed."""

import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.core.config import Frozen
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.strict_yaml import load_settings
from qa_assets.core.yaml_tree import MAX_BYTES
from qa_assets_tests.core.control import CONTROL, Control


class Loose(Frozen):
    value: Any = None


def refusals(folder: Path, text: str | bytes, model: type[Frozen] = Control) -> list[Problem]:
    file = folder / "qa.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputRefused) as refused:
        load_settings(file, model)
    return list(refused.value.problems)


def value_of(folder: Path, text: str) -> object:
    file = folder / "qa.yaml"
    file.write_text(f"value: {text}\n", encoding="utf-8")
    return load_settings(file, Loose).value


def test_the_control_is_read_as_written(tmp_path: Path) -> None:
    file = tmp_path / "qa.yaml"
    file.write_text(CONTROL)
    settings = load_settings(file, Control)
    assert settings.classes == ("cat", "dog")
    assert (settings.seed, settings.train.lr, settings.gates.latency_ms_max) == (7, 0.01, 50)


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("seed: 7", "seed: 7\nseed: 8", "YAML_DUPLICATE", 5, "seed' appears twice, lines 4 and 5"),
        ("seed: 7", "seed: !!python/name:os.system", "YAML_TAG", 4, "python/name"),
        ("seed: 7", "seed: !env ${HOME}", "YAML_TAG", 4, "!env"),
        ("seed: 7", "seed: &a 7\nother: *a", "YAML_ALIAS", 4, "anchors"),
        ("seed: 7", "<<: {seed: 7}", "YAML_ALIAS", 4, "merge"),
        ("seed: 7", "seed: " + "[" * 40 + "]" * 40, "YAML_DEPTH", 4, "deeper"),
        ("  accuracy_min", "\taccuracy_min", "YAML_SYNTAX", 7, "column 1"),
        ("seed: 7", "? [a, b]\n: 7", "YAML_TYPE", 4, "key must be text"),
        ("seed: 7", "seed: 010", "CONF_TYPE", 4, "'010'"),
        ("seed: 7", "seed: 2024-01-01", "CONF_TYPE", 4, "timestamp"),
        ("seed: 7", "seed: 7.5", "CONF_TYPE", 4, "the number 7.5"),
        ("seed: 7", "seed: true", "CONF_TYPE", 4, "found true"),
        ("seed: 7", "seed: -1", "CONF_RANGE", 4, "the number -1"),
        ("seed: 7", f"seed: {'9' * 5000}", "CONF_RANGE", 4, "finite"),
        ("seed: 7", "sede: 7", "CONF_UNKNOWN", 4, "did you mean 'seed'"),
        ("[cat, dog]", "[no, yes]", "CONF_TYPE", 2, "'no' is text to one"),
        ("[cat, dog]", "[1, cat]", "CONF_TYPE", 2, "classes.0"),
        ("[cat, dog]", "[cat, dog, cat]", "CONF_RANGE", 2, "'cat' is there twice"),
        ("epochs: 2", "epochs: 2, epoch: 3", "CONF_UNKNOWN", 5, "train.epoch: "),
        ("lr: 0.01", "lr: 0.01, optimiser: adm", "CONF_RANGE", 5, "Did you mean 'adam'?"),
        ("latency_ms_max: 50", "latency_ms_max: 1:30", "CONF_TYPE", 8, "'1:30'"),
        ("accuracy_min: 0.90", "accuracy_min: 90", "CONF_RANGE", 7, "did you mean 0.9?"),
        ("accuracy_min: 0.90", "accuracy_min: .nan", "CONF_RANGE", 7, "finite"),
        ("accuracy_min: 0.90", "accuracy_min: null", "CONF_TYPE", 7, "found null"),
        ("accuracy_min: 0.90", "acuracy_min: 0.90", "CONF_UNKNOWN", 7, "gates.acuracy_min"),
        ("train: 0.6", "train: 0.9", "CONF_RANGE", 3, "add up to 1.3"),
        ("dataset: data", "dataset: /etc", "CONF_PATH", 1, "inside the project"),
        ("dataset: data", 'dataset: "\\ud800"', "YAML_ENCODING", 1, "surrogate"),
    ],
)
def test_a_planted_fault_is_named(
    tmp_path: Path, old: str, new: str, code: str, line: int, words: str
) -> None:
    assert old in CONTROL
    found = refusals(tmp_path, CONTROL.replace(old, new))
    problem = next(p for p in found if p.code == code)
    assert f"qa.yaml:{line}" in problem.item
    assert words in str(problem)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "YAML_EMPTY"),
        ("# nothing\n", "YAML_EMPTY"),
        ("- a\n", "YAML_TYPE"),
        ("just words\n", "YAML_TYPE"),
        (CONTROL + "---\nseed: 9\n", "YAML_SYNTAX"),
        (CONTROL + "\0", "YAML_SYNTAX"),
        (CONTROL + "gates: {\n", "YAML_SYNTAX"),
        (CONTROL.replace("cat", "caf\xe9").encode("latin-1"), "YAML_ENCODING"),
        (b"\xff\xfe" + CONTROL.encode("utf-16-le"), "YAML_ENCODING"),
        ("#" * (MAX_BYTES + 1), "YAML_SIZE"),
        ("a: &a [*a]\n", "YAML_ALIAS"),
        ("a: " + "[" * 20_000 + "]" * 20_000, "YAML_DEPTH"),
        ("\n".join("  " * i + "a:" for i in range(500)), "YAML_DEPTH"),
    ],
)
def test_a_file_that_is_no_settings_is_refused(
    tmp_path: Path, text: str | bytes, code: str
) -> None:
    began = time.process_time()
    assert [p.code for p in refusals(tmp_path, text)] == [code]
    assert time.process_time() - began < 1


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    text = CONTROL.replace("epochs: 2", "epochs: 0").replace("dataset", "datasets")
    found = {(p.code, p.item.rpartition(" ")[2]) for p in refusals(tmp_path, text)}
    assert found == {
        ("CONF_RANGE", "train.epochs"),
        ("CONF_UNKNOWN", "datasets"),
        ("CONF_MISSING", "dataset"),
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-2", 0.01),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-7", -7),
        ("'no'", "no"),
        ("|\n  010", "010\n"),
        ("", None),
        ("~", None),
        ("True", True),
        ("0o10", "0o10"),
        ("08", "08"),
        ("1.0.0", "1.0.0"),
        ("[1, [2]]", [1, [2]]),
    ],
)
def test_a_plain_scalar_means_what_it_says(tmp_path: Path, text: str, value: object) -> None:
    got = value_of(tmp_path, text)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["no", "Yes", "on", "OFF", "010", "0x1F", "0b1", "1_000", "1:30", "2024-01-01", "="]
)
def test_what_two_yaml_versions_read_differently_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = refusals(tmp_path, f"value: {text}\n", Loose)
    assert problem.code == "CONF_TYPE"
    assert "Quote it" in problem.remedy
    assert value_of(tmp_path, f"'{text}'") == text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_any_line_is_read_or_refused_but_never_crashes(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "qa.yaml")
        file.write_text(text, encoding="utf-8", newline="")
        try:
            load_settings(file, Loose)
        except InputRefused as refused:
            assert all(p.code and p.message and "\x1b" not in str(p) for p in refused.problems)  # noqa: PT017


def test_settings_lie_under_attributes(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text("type: qa_assets.component.QaPipeline\nattributes:\n  value: 1\n")
    assert load_settings(file, Loose, at=("attributes",)).value == 1
    file.write_text("type: a\nattributes:\n  valu: 1\n")
    with pytest.raises(InputRefused, match=r"defs\.yaml:3 attributes\.valu: .*'value'"):
        load_settings(file, Loose, at=("attributes",))
    file.write_text("type: a\natributes: {}\n")
    with pytest.raises(InputRefused) as refused:
        load_settings(file, Loose, at=("attributes",))
    assert [p.code for p in refused.value.problems] == ["CONF_UNKNOWN", "CONF_MISSING"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"CONF_MISSING .*absent\.yaml"):
        load_settings(tmp_path / "absent.yaml", Loose)
    with pytest.raises(InputRefused, match="CONF_MISSING"):
        load_settings(tmp_path, Loose)


def test_names_are_suggested_inside_lists_unions_and_maps(tmp_path: Path) -> None:
    class Inner(Frozen):
        height: int = 1

    class Outer(Frozen):
        many: tuple[Inner, ...] = ()
        maybe: Inner | None = None
        named: dict[str, Inner] = {}  # noqa: RUF012

    text = "many: [{hight: 1}]\nmaybe: {hight: 1}\nnamed: {a: {hight: 1}}\n"
    found = refusals(tmp_path, text, Outer)
    assert [p.item.rpartition(":")[2] for p in found] == [
        "1 many.0.hight",
        "2 maybe.hight",
        "3 named.a.hight",
    ]
    assert all("did you mean 'height'" in p.message for p in found)
