"""The words and drawings of the report's page; what came from data is shown harmless."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qa_assets.core.record import Estimate, Record
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.quality import AlikeGroup
from qa_assets.core.verdict import Verdict

TEMPLATES = Path(__file__).with_name("templates")
MAX_TEXT = 2000
MAX_CLASSES_DRAWN = 30
WHOLE_FROM = 1000
"""From here on a number is read without its decimals."""


class OnAsset(Protocol):
    """Whatever was judged on an asset."""

    @property
    def asset(self) -> str:
        """Its name."""
        ...


Judged = TypeVar("Judged", bound=OnAsset)
_KINDS = {".png": "png", ".svg": "svg+xml"}


def render(**words: object) -> bytes:
    """The whole page; its only style is named by digest in its content security policy."""
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _environment().get_template("report.html")
    return page.render(style=Markup(style), style_digest=digest, **words).encode()


def harmless(value: object) -> object:
    """Text with every control, bidirectional or invisible character spelled out, cut when long."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    cut = value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
    return "".join(c if c.isprintable() or c == "\n" else f"[U+{ord(c):04X}]" for c in cut)


def number(value: object) -> str:
    """A number as people read it; text as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    whole = isinstance(value, int) or value.is_integer() or WHOLE_FROM <= abs(value) < math.inf
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def spread(estimate: Estimate) -> str:
    """The interval of a share."""
    return f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def size(count: float) -> str:
    """Bytes as people read them."""
    power = min(int(math.log(max(count, 1), 1000)), 3)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"


def picture(record: Record, name: str) -> Markup:
    """One of a record's PNG or SVG files as a data URI; nothing where it has no such file."""
    if name not in record.files:
        return Markup()
    return data_uri(record.read(name), _KINDS[Path(name).suffix])


def data_uri(body: bytes, kind: str) -> Markup:
    """A picture as an address that holds it; base64 needs no escaping and is not cut."""
    return Markup(f"data:image/{kind};base64,{base64.b64encode(body).decode()}")


@dataclass(frozen=True, slots=True)
class Gauge:
    """Where a measurement stands to its limit, each in [0, 100] of a line.

    Attributes:
        measured: The number that was judged.
        limit: The threshold, where there is one.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    measured: float
    limit: float | None
    low: float
    high: float


def gauge(measured: float, limit: float | None, interval: tuple[float, float] | None) -> Gauge:
    """Large shares lie on [0, 1]; anything else on a line from zero (or below) past the largest."""
    low, high = interval or (measured, measured)
    known = [v for v in (measured, limit, low, high) if v is not None]
    share = limit is None or 1 >= max(known) >= 1 / 2
    start, end = min(0.0, *known), 1.0 if share else max(0.0, max(known) * 5 / 4)
    end = end if end > start else start + 1

    def place(value: float) -> float:
        return round(100 * (value - start) / (end - start), 2)

    return Gauge(place(measured), None if limit is None else place(limit), place(low), place(high))


def verdict_gauge(verdict: Verdict) -> Gauge | None:
    """The gauge of a verdict that judged finite numbers, unless all of them are zero."""
    numbers = (verdict.measured, verdict.limit, *(verdict.interval or ()))
    if any(v is None or not math.isfinite(v) for v in numbers) or not any(numbers):
        return None
    assert verdict.measured is not None
    return gauge(verdict.measured, verdict.limit, verdict.interval)


def estimate_gauge(estimate: Estimate) -> Gauge | None:
    """The gauge of a share with its interval."""
    if not all(math.isfinite(v) for v in (estimate.value, estimate.low, estimate.high)):
        return None
    return gauge(estimate.value, None, (estimate.low, estimate.high))


@dataclass(frozen=True, slots=True)
class Cell:
    """One count of the confusion matrix; ``level`` in [0, 9] is its share of the row."""

    count: int
    level: int
    right: bool


def confusion(evaluation: Evaluation) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """The matrix row by row, ready to draw; nothing where there are too many classes."""
    if len(evaluation.classes) > MAX_CLASSES_DRAWN:
        return ()
    return tuple(
        (
            label,
            tuple(Cell(n, min(9, 10 * n // max(sum(row), 1)), i == j) for j, n in enumerate(row)),
        )
        for i, (label, row) in enumerate(zip(evaluation.classes, evaluation.confusion, strict=True))
    )


def most_confused(evaluation: Evaluation, *, most: int = 10) -> list[tuple[str, str, int]]:
    """True class, predicted class and count of the most frequent mistakes."""
    names = evaluation.classes
    pairs = [
        (names[i], names[j], n)
        for i, row in enumerate(evaluation.confusion)
        for j, n in enumerate(row)
        if n and i != j
    ]
    return sorted(pairs, key=lambda p: (-p[2], p[0], p[1]))[:most]


def by_asset(verdicts: Sequence[Judged]) -> list[tuple[str, list[Judged]]]:
    """Verdicts that stand next to each other on one asset, in their order."""
    return [(asset, list(group)) for asset, group in groupby(verdicts, key=lambda v: v.asset)]


def shares(counts: Mapping[str, int]) -> Sequence[tuple[str, int, float]]:
    """Name, count and percentage of the largest count."""
    top = max([*counts.values(), 1])
    return [(name, n, round(100 * n / top, 2)) for name, n in counts.items()]


def columns(rows: Sequence[object], *names: str) -> list[tuple[object, ...]]:
    """The named fields of each row, words for yes and no."""
    found = (tuple(getattr(row, name) for name in names) for row in rows)
    words = {True: "yes", False: "no"}
    return [tuple(words[v] if isinstance(v, bool) else v for v in row) for row in found]


def groups_named(groups: Sequence[AlikeGroup]) -> list[tuple[int, str, str]]:
    """Size, labels and names of each group of samples that look the same."""
    return [(len(g.ids), ", ".join(sorted(set(g.labels))), ", ".join(g.names)) for g in groups]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {  # pyright: ignore[reportAttributeAccessIssue]
        "number": number,
        "size": size,
        "spread": spread,
        "gauge": verdict_gauge,
        "estimate_gauge": estimate_gauge,
        "confusion": confusion,
        "most_confused": most_confused,
        "shares": shares,
        "by_asset": by_asset,
        "columns": columns,
        "groups_named": groups_named,
    }
    environment.globals |= {"picture": picture}  # pyright: ignore[reportAttributeAccessIssue]
    return environment
