"""How differently columns are distributed in two sets, each with an interval that knows their size.

The intervals hold for all columns of a comparison together, whatever the distributions, so two
halves of one set alarm no more often than the confidence says, however large they are.
"""

import math
from collections.abc import Mapping

from qa_assets.core.records.quality import Shift
from qa_assets.datasets.sketches import Numbers, Sketch, Words

CONFIDENCE = 0.99


def drift(
    reference: Mapping[str, Sketch],
    current: Mapping[str, Sketch],
    *,
    confidence: float = CONFIDENCE,
) -> tuple[Shift, ...]:
    """One shift a column that both have in the same kind, the largest lower end first."""
    pairs = [
        (name, reference[name], current[name])
        for name in reference
        if name in current and type(reference[name]) is type(current[name])
    ]
    risk = (1 - confidence) / max(len(pairs), 1)
    shifts = [_shift(name, old, new, risk) for name, old, new in pairs if old.count and new.count]
    return tuple(sorted(shifts, key=lambda s: (-s.low, -s.effect, s.column)))


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
