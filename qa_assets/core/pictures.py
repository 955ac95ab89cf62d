"""Small pictures: SVG that needs no library, readable in light and dark, text escaped."""

from collections.abc import Sequence
from html import escape as _escape_markup

import numpy as np
from numpy.typing import NDArray

INK, BAR, SECOND, FAINT = "#7a8699", "#3b82f6", "#f59e0b", "#cbd5e1"
HALF = 0.5
"""Above this opacity a cell is dark enough for white text, on a light page and on a dark one."""
_FONT = 'font-family="system-ui,sans-serif" font-size="11"'


def bars(labels: Sequence[str], values: Sequence[float], *, width: int = 360) -> bytes:
    """Horizontal bars, one a label, with their numbers."""
    top = max([*values, 1e-12])
    rows = [
        f'<text x="88" y="{18 * i + 14}" text-anchor="end">{_text(label, 14)}</text>'
        f'<rect x="94" y="{18 * i + 4}" width="{(width - 150) * value / top:.1f}" height="12"'
        f' rx="2" fill="{BAR}"/>'
        f'<text x="{98 + (width - 150) * value / top:.1f}" y="{18 * i + 14}">{value:.4g}</text>'
        for i, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    return _svg(width, 18 * len(rows) + 6, rows)


def histogram(values: "NDArray[np.floating]", unit: str, *, bins: int = 30) -> bytes:
    """Counts of ``values`` between their 0.1 and 99.9 percentiles."""
    ordered = np.sort(values)  # many times faster than NumPy's percentile and histogram
    low, high = (_quantile(ordered, share) for share in (0.001, 0.999))
    edges = np.linspace(low, max(high, low + 1e-9), bins + 1)
    ends = np.searchsorted(ordered, [*edges[:-1], np.nextafter(edges[-1], np.inf)])
    counts = np.diff(ends)
    top, step = max(int(counts.max()), 1), 330 / bins
    rows = [
        f'<rect x="{15 + i * step:.1f}" y="{104 - 96 * c / top:.1f}" width="{step - 1:.1f}"'
        f' height="{96 * c / top:.1f}" fill="{BAR}"/>'
        for i, c in enumerate(counts)
    ]
    rows.append(f'<text x="15" y="120">{edges[0]:.3g} {_text(unit)}</text>')
    rows.append(f'<text x="345" y="120" text-anchor="end">{edges[-1]:.3g} {_text(unit)}</text>')
    return _svg(360, 126, rows)


def _quantile(ordered: "NDArray[np.floating]", share: float) -> float:
    """Of sorted values, between the two nearest ones."""
    place = share * (len(ordered) - 1)
    below, above = ordered[[int(place), -int(-place // 1)]].astype(float).tolist()
    return below + (above - below) * (place % 1)


def lines(series: "dict[str, Sequence[float]]", *, width: int = 360, height: int = 150) -> bytes:
    """One line a series over its index, on a common linear scale from zero."""
    top = max([v for values in series.values() for v in values if np.isfinite(v)] or [1.0]) or 1.0
    rows = [f'<text x="4" y="12">{top:.3g}</text><text x="4" y="{height - 16}">0</text>']
    for i, (name, values) in enumerate(series.items()):
        colour = (BAR, SECOND, INK)[i % 3]
        step = (width - 50) / max(len(values) - 1, 1)
        points = " ".join(
            f"{36 + k * step:.1f},{height - 20 - (height - 30) * min(v, top) / top:.1f}"
            for k, v in enumerate(values)
            if np.isfinite(v)
        )
        rows.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        rows.append(
            f'<text x="{36 + 120 * i}" y="{height - 3}" fill="{colour}">{_text(name)}</text>'
        )
    return _svg(width, height, rows)


def heatmap(labels: Sequence[str], counts: "NDArray[np.integer]", *, cell: int = 26) -> bytes:
    """A confusion matrix: rows true, columns predicted; what is off the diagonal stands out."""
    n, edge = len(labels), 64
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        f'<text x="{edge - 4}" y="{edge + cell * i + 17}" text-anchor="end">{_text(s, 8)}'
        f'</text><text x="{edge + cell * i + cell / 2}" y="{edge - 6}" text-anchor="middle">'
        f"{_text(s, max(2, cell // 8))}</text>"
        for i, s in enumerate(labels)
    ]
    for i, j in np.ndindex(n, n):
        if counts[i, j]:
            colour = BAR if i == j else "#ef4444"
            alpha = 0.15 + 0.85 * float(shares[i, j]) if i == j else 0.3 + 0.7 * float(shares[i, j])
            x, y = edge + cell * j, edge + cell * i
            ink = "#ffffff" if alpha > HALF else INK
            rows.append(
                f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" fill="{colour}"'
                f' fill-opacity="{alpha:.2f}"/><text x="{x + cell / 2}" y="{y + 17}"'
                f' text-anchor="middle" fill="{ink}">{counts[i, j]}</text>'
            )
    return _svg(edge + cell * n + 6, edge + cell * n + 6, rows)


def _text(value: object, most: int = 40) -> str:
    """Text for an SVG: short, and without the control characters that no XML may hold."""
    return _escape_markup("".join(c if c.isprintable() else "\ufffd" for c in str(value)[:most]))


def _svg(width: float, height: float, rows: Sequence[str]) -> bytes:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
    size = f' width="{width:.0f}" height="{height:.0f}" {_FONT} fill="{INK}">'
    return (head + size + "".join(rows) + "</svg>").encode()
