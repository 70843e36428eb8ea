"""A number over the last thousand steps, as a live line chart: the certificate's value Q† of a CALF run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.hud_panel import first_baseline

WINDOW = 1000
"""Steps shown."""

STRIDE = 4
"""Every so-manyth step is drawn; steps at multiples of it, so that the line does not swim as it moves."""


class Timeline:
    """Ring of the newest values, and their chart.

    Parameters
    ----------
    redraw
        Called when the chart is to be drawn again.
    interval
        New values from one call of ``redraw`` to the next; a value pushed twice (a paused run) is drawn at once.
    """

    def __init__(self, redraw: Callable[[], None], interval: int = 1) -> None:
        self._redraw = redraw
        self._interval = interval
        self.clear()

    def clear(self) -> None:
        """Forget all values."""
        self._undrawn = 0
        self._values = np.full(WINDOW, np.nan)
        self._newest = -1

    def push(self, step: int, value: float) -> None:
        """Add the value after a step, NaN where there is none; a step seen before is ignored.

        Over steps left out the last value holds. A step smaller than the last one starts a new chart.
        """
        repeated = step == self._newest
        if not repeated:
            self._store(step, value)
        if self._undrawn >= (1 if repeated else self._interval):
            self._undrawn = 0
            self._redraw()

    def _store(self, step: int, value: float) -> None:
        if step < self._newest or step - self._newest >= WINDOW:
            self._values[:] = np.nan
        elif step > self._newest + 1:
            skipped = np.arange(self._newest + 1, step) % WINDOW
            self._values[skipped] = self._values[self._newest % WINDOW]
        self._values[step % WINDOW] = value if math.isfinite(value) else math.nan
        self._newest = step
        self._undrawn += 1

    def samples(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return steps and values that the line goes through, oldest first."""
        first = max(0, self._newest - WINDOW + 1)
        steps = np.arange(-(-first // STRIDE) * STRIDE, self._newest + 1, STRIDE)
        if self._newest >= 0 and self._newest % STRIDE:
            steps = np.append(steps, self._newest)
        return steps, self._values[steps % WINDOW]

    def draw(self, drawing: Drawing, area: Rect, title: str) -> None:
        """Draw the chart under a title, with the range of both axes and the newest value."""
        measures = drawing.measures
        left, right = area.x0 + measures.padding, area.x1 - measures.padding
        drawing.panel(area)
        baseline = first_baseline(measures, area)
        drawing.title(left, baseline, title)
        steps, values = self.samples()
        known = values[np.isfinite(values)]
        newest = values[-1] if len(values) else math.nan
        drawing.text(right, baseline, tick(newest), theme.CERTIFICATE, align="right")
        bottom = area.y1 - measures.px(8)
        low, high = _range(known)
        first = max(0, self._newest - WINDOW + 1)
        labels = (tick(high), tick(low)) if len(known) else ("", "")
        chart = Rect(
            left + max(map(drawing.width, labels)) + measures.px(6),
            baseline + measures.px(14),
            right,
            bottom - measures.row,
        )
        _axes(drawing, chart)
        half_letter = measures.px(4)
        drawing.text(chart.x0 - measures.px(6), chart.y0 + half_letter, labels[0], theme.DIM, align="right")
        drawing.text(chart.x0 - measures.px(6), chart.y1 + half_letter, labels[1], theme.DIM, align="right")
        drawing.text(chart.x0, bottom, f"{first:,}", theme.DIM)
        drawing.text(chart.x1, bottom, f"step {max(self._newest, 0):,}", theme.DIM, align="right")
        if len(known):
            x = chart.x0 + (steps - first) / (WINDOW - 1) * chart.width
            y = chart.y1 - (values - low) / (high - low) * (chart.y1 - chart.y0)
            drawing.line(np.stack([x, y], axis=1), 1.6 * measures.scale, theme.CERTIFICATE)


def tick(value: float) -> str:
    """Return a value in four significant digits with a true minus sign."""
    return f"{value:.4g}".replace("-", "−") if math.isfinite(value) else "–"


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return what the value axis shows: never an empty range, and a wide one around a constant."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    least = max(1e-6, (0.1 if low == high else 1e-3) * max(abs(low), abs(high)))
    missing = max(0.0, least - (high - low)) / 2.0
    return low - missing, high + missing


def _axes(drawing: Drawing, chart: Rect) -> None:
    for share in (0.0, 0.5, 1.0):
        y = round(chart.y0 + share * (chart.y1 - chart.y0))
        drawing.fill(Rect(chart.x0, y, chart.x1, y + 1), theme.RULE)
