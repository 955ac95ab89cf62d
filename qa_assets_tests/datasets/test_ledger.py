"""The ledger is read strictly: what cannot be meant is refused with file and line."""

from pathlib import Path

import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.ledger import COLUMNS, ledger_file, read_ledger

HEADER = ",".join(COLUMNS)
ID = "ab" * 32
GOOD = f"{ID},label,3,relabel,8,ann,2026-01-31,looks like an 8"


def ledger(folder: Path, *lines: str, header: str = HEADER) -> Path:
    file = folder / "adjudications.csv"
    file.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return file


def test_decisions_are_read(tmp_path: Path) -> None:
    found = read_ledger(ledger(tmp_path, GOOD, "", f'{ID},quality,3,keep,,ann,2026-02-01,"a, b"'))
    assert (found[ID, "label", "3"].decision, found[ID, "label", "3"].right) == ("relabel", "8")
    assert found[ID, "quality", "3"].note == "a, b"
    assert read_ledger(None) == {}
    assert read_ledger(ledger(tmp_path)) == {}


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (GOOD.replace(ID, "ab12"), "LEDGER_VALUE", "sample"),
        (GOOD.replace(",label,", ",lable,"), "LEDGER_VALUE", "label, rare"),
        (GOOD.replace("relabel", "delete"), "LEDGER_VALUE", "keep, relabel, remove"),
        (GOOD.replace(",8,", ",,"), "LEDGER_VALUE", "right"),
        (GOOD.replace("relabel", "keep"), "LEDGER_VALUE", "right"),
        (GOOD.replace(",8,", ",3,"), "LEDGER_VALUE", "label it has"),
        (GOOD.replace(",3,", ",,"), "LEDGER_VALUE", "label is empty"),
        (GOOD.replace("ann", " "), "LEDGER_VALUE", "by is empty"),
        (GOOD.replace("2026-01-31", "31.1.2026"), "LEDGER_VALUE", "YYYY-MM-DD"),
        (GOOD.replace("2026-01-31", "2026-02-30"), "LEDGER_VALUE", "YYYY-MM-DD"),
        (GOOD.replace("2026-01-31", "20260131"), "LEDGER_VALUE", "YYYY-MM-DD"),
        (f"{GOOD},more", "LEDGER_ROW", "9 cells"),
        (f"{ID},label", "LEDGER_ROW", "2 cells"),
        (f'{ID},"label"x,3', "LEDGER_ROW", "no CSV"),
        (GOOD.replace("looks", "again"), "LEDGER_TWICE", "line 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, line: str, code: str, said: str
) -> None:
    with pytest.raises(InputRefused) as caught:
        read_ledger(ledger(tmp_path, GOOD, line))
    problem = caught.value.problems[0]
    assert (problem.code, problem.item) == (code, "adjudications.csv:3")
    assert said in f"{problem.message} {problem.remedy}"


def test_the_file_itself(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="LEDGER_HEADER"):
        read_ledger(ledger(tmp_path, GOOD, header=HEADER.replace("by", "who")))
    file = ledger(tmp_path, GOOD)
    file.write_bytes(file.read_bytes().replace(b"ann", b"\xe9"))
    with pytest.raises(InputRefused, match="LEDGER_ENCODING adjudications.csv:2"):
        read_ledger(file)
    assert ledger_file(tmp_path) == file
    assert ledger_file(tmp_path / "none") is None
    (tmp_path / "adjudications.json").write_text("{}")
    with pytest.raises(InputRefused, match="LEDGER_FORMAT"):
        ledger_file(tmp_path)
