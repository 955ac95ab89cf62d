"""Small summaries of a column that merge: in any order and any grouping the result is the same.

Sums are exact (integers scaled by a power of two), quantiles come from buckets of one relative
width, distinct values from registers. A column of any length takes a few kilobytes.

Source: Masson, Rim, Lee (2019), DDSketch, VLDB 12; Flajolet et al. (2007), HyperLogLog.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ACCURACY = 0.01
"""Largest relative error of a quantile."""
MOST_WORDS = 10_000
"""Distinct words that are counted one by one; a column with more is only known to have more."""
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_ZERO = 1e-9
_SCALE = 1 << 1128
_EXPONENT, _MANTISSA, _HALF = 1128, 53, 26
_REGISTERS, _INDEX_BITS = 1024, 10
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers.

    Attributes:
        count: Finite values.
        missing: Values that are not there or not finite.
        total: Their sum, times ``_SCALE``: exact.
        squares: Sum of their squares, times ``_SCALE``.
        low: The smallest.
        high: The largest.
        buckets: How many lie in each: ``k`` holds (gamma^(k-1), gamma^k], 0 nothing but zero; the
            sign of a value is the sign of ``2 k + 1``'s key, see ``_keys``.
        registers: Of the distinct values.
    """

    count: int
    missing: int
    total: int
    squares: int
    low: float
    high: float
    buckets: Mapping[int, int]
    registers: bytes

    @property
    def mean(self) -> float:
        """Arithmetic mean; NaN without values."""
        return float(Fraction(self.total, _SCALE * self.count)) if self.count else math.nan

    @property
    def std(self) -> float:
        """Standard deviation, not corrected for the sample size."""
        if not self.count:
            return math.nan
        mean = Fraction(self.total, _SCALE * self.count)
        variance = Fraction(self.squares, _SCALE * self.count) - mean * mean
        return math.sqrt(max(float(variance), 0.0))

    @property
    def distinct(self) -> float:
        """How many different values there are, within about 3 %."""
        powers = np.frombuffer(self.registers, np.uint8).astype(float)
        raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2 / np.sum(2.0**-powers)
        empty = int((powers == 0).sum())
        if raw <= 2.5 * _REGISTERS and empty:  # Source: HyperLogLog, small range correction
            return _REGISTERS * math.log(_REGISTERS / empty)
        return float(raw)

    def quantile(self, share: float) -> float:
        """The value below which ``share`` of the values lie, within ``ACCURACY``."""
        if not self.count:
            return math.nan
        rank, seen = share * (self.count - 1), 0
        for key in sorted(self.buckets):
            seen += self.buckets[key]
            if seen > rank:
                return min(max(_middle(key), self.low), self.high)
        return self.high

    def merge(self, other: "Numbers") -> "Numbers":
        """The sketch of both columns together."""
        return Numbers(
            self.count + other.count,
            self.missing + other.missing,
            self.total + other.total,
            self.squares + other.squares,
            min(self.low, other.low),
            max(self.high, other.high),
            Counter(self.buckets) + Counter(other.buckets),
            np.maximum(
                np.frombuffer(self.registers, np.uint8), np.frombuffer(other.registers, np.uint8)
            ).tobytes(),
        )


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words.

    Attributes:
        count: Values that are there.
        missing: Values that are not.
        counts: How often each word occurs; empty where there are too many of them.
        too_many: Whether there are.
    """

    count: int
    missing: int
    counts: Mapping[str, int]
    too_many: bool = False

    def merge(self, other: "Words") -> "Words":
        """The sketch of both columns together."""
        both = Counter(self.counts) + Counter(other.counts)
        too_many = self.too_many or other.too_many or len(both) > MOST_WORDS
        return Words(
            self.count + other.count,
            self.missing + other.missing,
            {} if too_many else dict(both),
            too_many,
        )


Sketch = Numbers | Words


def of_numbers(values: ArrayLike) -> Numbers:
    """Sketch some numbers; NaN and the infinities count as missing."""
    given = np.asarray(values, np.float64).ravel()
    finite = given[np.isfinite(given)]
    keys, counts = np.unique(_keys(finite), return_counts=True)
    return Numbers(
        count=len(finite),
        missing=len(given) - len(finite),
        total=_exact_sum(finite),
        squares=_exact_sum(finite * finite),
        low=float(finite.min(initial=math.inf)),
        high=float(finite.max(initial=-math.inf)),
        buckets=dict(zip(keys.tolist(), counts.tolist(), strict=True)),
        registers=_registers(finite),
    )


def of_words(values: "NDArray[Any] | list[str | None]") -> Words:
    """Sketch some words; None counts as missing."""
    counts = Counter(v for v in values if v is not None)
    return words_of_counts(counts, len(values) - counts.total())


def words_of_counts(counts: Mapping[str, int], missing: int) -> Words:
    """Sketch words that were counted."""
    found = {word: n for word, n in counts.items() if n}
    too_many = len(found) > MOST_WORDS
    return Words(sum(found.values()), missing, {} if too_many else found, too_many)


_SIDE = 1 << 20
"""Keys of positive values lie above it, of negative ones below minus it; zero is 0."""


def _keys(values: NDArray[np.float64]) -> NDArray[np.int64]:
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        steps = np.ceil(np.log(size) / math.log(_GAMMA))
    positive = np.where(size <= _ZERO, 0, _SIDE + np.where(size <= _ZERO, 0, steps))
    return (np.sign(values) * positive).astype(np.int64)


def _middle(key: int) -> float:
    """The value of a bucket that is at most ``ACCURACY`` from everything in it."""
    if not key:
        return 0.0
    value = 2 * _GAMMA ** (abs(key) - _SIDE) / (_GAMMA + 1)
    return math.copysign(value, key)


def _exact_sum(values: NDArray[np.float64]) -> int:
    """Sum times ``_SCALE`` as an integer: no order of adding changes it."""
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(mantissas, _MANTISSA).astype(np.int64)
    shifts = exponents.astype(np.int64) - _MANTISSA + _EXPONENT
    places, inverse = np.unique(shifts, return_inverse=True)
    upper = np.zeros(len(places), np.int64)
    lower = np.zeros(len(places), np.int64)
    np.add.at(upper, inverse, whole >> _HALF)
    np.add.at(lower, inverse, whole & ((1 << _HALF) - 1))
    parts = zip(places.tolist(), upper.tolist(), lower.tolist(), strict=True)
    return sum(((high << _HALF) + low) << shift for shift, high, low in parts)


def _registers(values: NDArray[np.float64]) -> bytes:
    bits = (values + 0.0).view(np.uint64).copy()  # minus zero is zero
    for factor in _MIX:  # Source: Steele, Lea, Flood (2014), SplitMix64
        bits ^= bits >> np.uint64(30)
        bits *= np.uint64(factor)
    bits ^= bits >> np.uint64(31)
    index = (bits >> np.uint64(64 - _INDEX_BITS)).astype(np.int64)
    rest = bits << np.uint64(_INDEX_BITS) | np.uint64(1 << (_INDEX_BITS - 1))
    leading = 63 - np.floor(np.log2(rest.astype(np.float64))).astype(np.int64)
    ranks = np.zeros(_REGISTERS, np.uint8)
    np.maximum.at(ranks, index, np.clip(leading + 1, 1, 64).astype(np.uint8))
    return ranks.tobytes()


def as_json(sketch: Sketch) -> dict[str, Any]:
    """A sketch as JSON values."""
    if isinstance(sketch, Words):
        return {"words": dict(sketch.counts), "count": sketch.count, "missing": sketch.missing,
                "too_many": sketch.too_many}  # fmt: skip
    return {
        "count": sketch.count,
        "missing": sketch.missing,
        "total": hex(sketch.total),
        "squares": hex(sketch.squares),
        "low": sketch.low if sketch.count else None,
        "high": sketch.high if sketch.count else None,
        "buckets": {str(k): n for k, n in sketch.buckets.items()},
        "registers": sketch.registers.hex(),
    }


def from_json(value: Mapping[str, Any]) -> Sketch:
    """The sketch that :func:`as_json` wrote."""
    if "words" in value:
        return Words(value["count"], value["missing"], value["words"], value["too_many"])
    return Numbers(
        value["count"],
        value["missing"],
        int(value["total"], 16),
        int(value["squares"], 16),
        math.inf if value["low"] is None else value["low"],
        -math.inf if value["high"] is None else value["high"],
        {int(k): n for k, n in value["buckets"].items()},
        bytes.fromhex(value["registers"]),
    )
