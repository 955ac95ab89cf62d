"""Where inside the model a target departs: in its file or on its runtime, and at which layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.pictures import bars
from qa_assets.core.records.edge import LAYERS, EdgeComparison, Finding, LayerDifference
from qa_assets.edge import layers, parts, quantised
from qa_assets.edge.job import Answered
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget

if TYPE_CHECKING:
    import onnx

Numbers = NDArray[np.floating]
_LOGITS = "logits"
_ASIDE = ("probabilities",)
_MOST = 24
_ROUNDED = ("int8", "fp16")
"""Variants that answer a little otherwise by design: they are held against their own file."""


@dataclass(frozen=True)
class Sides:
    """What is known of the two sides.

    Attributes:
        device: Where the target's file runs.
        settings: From which difference on layers are compared.
        golden: Raw bytes of the golden samples by id.
        model: The exported model, on which everything is judged.
        shipped: The target's file.
        seen: Name of the tensor that is the preprocessed input; "" where none is.
        ask: Runs parts of a model on the target.
    """

    device: EdgeTarget
    settings: EdgeSettings
    golden: Mapping[str, bytes]
    model: "onnx.ModelProto"
    shipped: "onnx.ModelProto"
    seen: str
    ask: Callable[[Sequence[bytes], Mapping[str, bytes]], Answered]


@dataclass
class Inside:
    """The model stage of a comparison.

    Attributes:
        sides: What is compared.
        pixels: What the target decoded.
        given: The reference and its input: the target's own, as far as it is known.
        logits: What the target answered.
        right: What the reference makes of the same input.
    """

    sides: Sides
    pixels: NDArray[np.uint8]
    given: "tuple[onnx.ModelProto, NDArray[np.generic]]"
    logits: Numbers
    right: Numbers = field(init=False)

    def __post_init__(self) -> None:
        model, value = self.given
        self.right = parts.values(model, [_LOGITS], value)[_LOGITS]

    def compare(self, compared: EdgeComparison) -> EdgeComparison:
        """Complete ``compared`` with what was lost where."""
        rounded = self.sides.device.variant in _ROUNDED
        own = self._own_file()
        compared = replace(
            compared,
            file_error=float(relative(own, self.right).max()),
            runtime_error=float(relative(self.logits, own).max()),
        )
        if rounded:
            compared = self._calibration(compared)
        apart = (
            compared.runtime_error if rounded else float(relative(self.logits, self.right).max())
        )
        if apart <= self.sides.settings.trace_from:
            return compared
        if rounded:
            return self._by_layer(compared, self.sides.shipped, self.pixels)
        return self._by_layer(compared, *self.given)

    def _own_file(self) -> Numbers:
        """What the target's file answers on the reference runtime; it need not take that file."""
        try:
            return parts.values(self.sides.shipped, [_LOGITS], self.pixels)[_LOGITS]
        except Exception:  # whatever it cannot load is told apart by the layers alone
            return self.right

    def _calibration(self, compared: EdgeComparison) -> EdgeComparison:
        sides = self.sides
        found = quantised.saturations(sides.model, sides.shipped, self.pixels)
        limit = sides.settings.saturated_share
        bad = quantised.badly_calibrated(
            found, sides.shipped, self.pixels, seen=sides.seen, limit=limit
        )
        worst = sorted((s for s in found if s.share > 0), key=lambda s: -s.share)[:_MOST]
        return replace(compared, saturations=tuple(worst), findings=_more(compared, bad))

    def _by_layer(
        self, compared: EdgeComparison, model: "onnx.ModelProto", value: NDArray[np.generic]
    ) -> EdgeComparison:
        shipped, limit = self.sides.shipped, self.sides.settings.trace_from
        made = {name for node in shipped.graph.node for name in node.output} - {*_ASIDE}
        common = [x for x in parts.layers(model) if x.tensor in made]
        right = parts.values(model, [x.tensor for x in common], value)
        answered = self.sides.ask(
            [parts.part(shipped, x.tensor) for x in common], self.sides.golden
        )
        told = {
            x.tensor: np.asarray(answered.arrays[f"trace-{i}.npy"], np.float32)
            for i, x in enumerate(common)
            if f"trace-{i}.npy" in answered.arrays
        }
        errors = {x: _apart(told[x.tensor], right[x.tensor]) for x in common if x.tensor in told}
        listed = tuple(LayerDifference(str(x), x.tensor, e) for x, e in errors.items())
        picture = bars([x.tensor for x in listed], [min(x.error, 1.0) for x in listed])
        compared = replace(compared, layers=listed, files={**compared.files, LAYERS: picture})
        first = next((x for x, e in errors.items() if e > limit), None)
        if first is None:
            return compared
        agreed = frozenset(x.tensor for x, e in errors.items() if e <= limit)
        departure = layers.Departure(first, right[first.tensor], told[first.tensor], agreed, value)
        found = self._explain(departure, model)
        return replace(compared, first_layer=str(first), findings=_more(compared, found))

    def _explain(self, departure: layers.Departure, model: "onnx.ModelProto") -> Finding | None:
        shipped = self.sides.shipped
        if model is shipped:
            return quantised.overflowing(shipped, str(departure.layer))
        return layers.explain(departure, model, shipped)


def relative(answers: Numbers, right: Numbers) -> NDArray[np.float64]:
    """Largest difference of each sample's logits, in shares of the range of its reference."""
    if answers.shape != right.shape:
        return np.full(len(right), np.inf)
    exact = right.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(answers.astype(np.float64) - exact).max(axis=1)
        errors = np.where(apart == 0, 0.0, apart / np.ptp(exact, axis=1))
    return np.where(np.isfinite(errors), errors, np.inf)


def _apart(told: Numbers, right: Numbers) -> float:
    if told.shape != right.shape:
        return float("inf")
    most = float(np.abs(told.astype(np.float64) - right).max()) if right.size else 0.0
    error = most / (float(np.ptp(right)) or 1.0)
    return error if np.isfinite(error) else float("inf")


def _more(compared: EdgeComparison, found: Finding | None) -> tuple[Finding, ...]:
    return compared.findings if found is None else (*compared.findings, found)
