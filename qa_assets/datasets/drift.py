"""How differently columns are distributed in two sets, each with an interval that knows their size.

The intervals hold for all columns of a comparison together, whatever the distributions, so two
halves of one set alarm no more often than the confidence says, however large they are.
"""

import math
from collections.abc import Iterator, Mapping

from qa_assets.core.intervals import share
from qa_assets.core.record import Estimate
from qa_assets.core.records.quality import Shift
from qa_assets.datasets.sketches import Numbers, Sketch, Words

CONFIDENCE = 0.99


def drift(
    reference: Mapping[str, Sketch],
    current: Mapping[str, Sketch],
    *,
    confidence: float = CONFIDENCE,
) -> tuple[Shift, ...]:
    """One shift a column that both have in the same kind, the largest lower end first.

    Beside it one for the share of its values that is missing, where any is; of a column that is
    not there any more all are. (A new column is no shift: nothing is known of it before.)
    """
    rows = max((s.count + s.missing for s in current.values()), default=0)
    gone = Words(0, rows, {})
    pairs = [
        (name, old, current.get(name, gone))
        for name, old in reference.items()
        if name not in current or _comparable(old, current[name])
    ]
    valued = [p for p in pairs if p[1].count and p[2].count]
    lacking = [p for p in pairs if p[1].missing or p[2].missing]
    risk = (1 - confidence) / max(len(valued) + len(lacking), 1)
    shifts = [_shift(name, old, new, risk) for name, old, new in valued]
    shifts += [_lack(name, old, new, risk) for name, old, new in lacking]
    return tuple(sorted(shifts, key=lambda s: (-s.low, -s.effect, s.column)))


def uncompared(
    reference: Mapping[str, Sketch], current: Mapping[str, Sketch]
) -> Iterator[tuple[str, str]]:
    """Columns of which nothing but their names can be compared, and why."""
    for name in (*reference, *(n for n in current if n not in reference)):
        old, new = reference.get(name), current.get(name)
        if old is None or new is None:
            yield name, "is new" if old is None else "is not there any more"
        elif not _comparable(old, new):
            yield name, f"held {_kind(old)}, holds {_kind(new)} now: {_usual_of(new)}"
        elif isinstance(old, Words) and isinstance(new, Words) and (old.too_many or new.too_many):
            yield name, "holds too many different words"


def _shift(name: str, old: Sketch, new: Sketch, risk: float) -> Shift:
    if isinstance(old, Numbers) and isinstance(new, Numbers):
        effect, low, high = largest_gap(old, new, risk)
        before, after = (f"{s.mean:.4g} +- {s.std:.3g}" for s in (old, new))
        return Shift(name, "number", effect, low, high, old.count, new.count, before, after)
    assert isinstance(old, Words)
    assert isinstance(new, Words)
    effect, low, high = total_variation(old, new, risk)
    before, after = (_usual(s) for s in (old, new))
    return Shift(name, "word", effect, low, high, old.count, new.count, before, after)


def _lack(name: str, old: Sketch, new: Sketch, risk: float) -> Shift:
    """How far the share of missing values moved; both shares at half the risk."""
    one, two = (_missing(s, risk / 2) for s in (old, new))
    low = max(0.0, two.low - one.high, one.low - two.high)
    high = max(two.high - one.low, one.high - two.low)
    before, after = (f"{s.value:.1%}" for s in (one, two))
    gap = abs(two.value - one.value)
    return Shift(f"{name} is missing", "word", gap, low, high, one.n, two.n, before, after)


def _missing(sketch: Sketch, risk: float) -> Estimate:
    return share(sketch.missing, sketch.count + sketch.missing, confidence=1 - risk)


def _comparable(old: Sketch, new: Sketch) -> bool:
    """Of one kind; what has no values is of any."""
    return type(old) is type(new) or not old.count or not new.count


def _kind(sketch: Sketch) -> str:
    return "numbers" if isinstance(sketch, Numbers) else "words"


def _usual_of(sketch: Sketch) -> str:
    return (
        f"{sketch.mean:.4g} +- {sketch.std:.3g}" if isinstance(sketch, Numbers) else _usual(sketch)
    )


def largest_gap(old: Numbers, new: Numbers, risk: float) -> tuple[float, float, float]:
    """Kolmogorov-Smirnov distance at the edges of the sketches' buckets, and its interval.

    Source: Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, for
    each of the two samples at half the risk.
    """
    gap = below = above = 0.0
    for key in sorted({*old.buckets, *new.buckets}):
        below += old.buckets.get(key, 0) / old.count
        above += new.buckets.get(key, 0) / new.count
        gap = max(gap, abs(below - above))
    error = sum(math.sqrt(math.log(4 / risk) / (2 * n)) for n in (old.count, new.count))
    return gap, max(0.0, gap - error), min(1.0, gap + error)


def total_variation(old: Words, new: Words, risk: float) -> tuple[float, float, float]:
    """Half the sum of the differences of the shares, and its interval.

    Source: McDiarmid (1989), On the method of bounded differences; the mean error of a share over
    k words is at most sqrt((k - 1) / n) / 2 by Cauchy and Schwarz.
    """
    if old.too_many or new.too_many:
        return math.nan, 0.0, 1.0
    words = {*old.counts, *new.counts}
    gap = sum(
        abs(old.counts.get(w, 0) / old.count - new.counts.get(w, 0) / new.count) for w in words
    )
    bias = sum(math.sqrt((len(words) - 1) / n) / 2 for n in (old.count, new.count))
    spread = math.sqrt(math.log(2 / risk) / 2 * (1 / old.count + 1 / new.count))
    return gap / 2, max(0.0, gap / 2 - bias - spread), min(1.0, gap / 2 + bias + spread)


def _usual(words: Words) -> str:
    first = sorted(words.counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return ", ".join(f"{w} {n / words.count:.1%}" for w, n in first)
