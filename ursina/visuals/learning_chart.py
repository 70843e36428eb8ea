"""How far learning has come: numbers of finished episodes from the first to the newest, as live curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.stream.header import Curves, Header, Number
from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.hud_panel import first_baseline
from calf_gpu.app.visuals.number_text import text

POINTS = 256
"""Points that a curve keeps; when there are more, neighbours become their mean."""

COLORS: tuple[theme.Color, ...] = ((0xE6, 0xED, 0xF3, 255), (0x34, 0xD3, 0x99, 255), (0xC4, 0xA7, 0xF5, 255))
"""Of the lines, in the order of the header's numbers."""

DASH = 5
"""Pieces of the reference line of which every second is drawn, for each hundred pixels."""


class LearningChart:
    """The curves of one run.

    Parameters
    ----------
    header
        Declares the numbers.
    curves
        Which of them are drawn.
    """

    def __init__(self, header: Header, curves: Curves) -> None:
        self._title = curves.title
        self._numbers = [header.numbers[header.index(name)] for name in curves.numbers]
        self._places = [header.index(name) for name in curves.numbers]
        self._over = header.index(curves.over)
        self._reference = header.numbers[header.index(curves.reference)] if curves.reference else None
        self._reference_place = header.index(curves.reference) if curves.reference else None
        self._newest = -np.inf
        self._reference_value = np.nan
        self._rows = np.empty((0, 1 + len(self._places)))

    def push(self, numbers: Sequence[float] | NDArray[np.float64]) -> bool:
        """Take the numbers of a frame; return whether an episode ended since the last ones.

        Numbers that go back belong to a run that was started again: its curves begin anew.
        """
        over = float(numbers[self._over])
        if over == self._newest or not over > 0:
            return False
        if over < self._newest:
            self._rows = self._rows[:0]
        self._newest = over
        if self._reference_place is not None:
            self._reference_value = float(numbers[self._reference_place])
        row = [over, *(float(numbers[place]) for place in self._places)]
        self._rows = np.vstack([self._rows, row])
        if len(self._rows) > POINTS:
            halved = 0.5 * (self._rows[0:POINTS:2] + self._rows[1:POINTS:2])
            self._rows = np.vstack([halved, self._rows[POINTS:]])
        return True

    def samples(self) -> NDArray[np.float64]:
        """Return (n, 1 + K) points, oldest first: the episode, then the K numbers."""
        return self._rows

    def draw(self, drawing: Drawing, area: Rect) -> None:
        """Draw the curves with their names, newest values and axes."""
        measures = drawing.measures
        left, right = area.x0 + measures.padding, area.x1 - measures.padding
        drawing.panel(area)
        baseline = first_baseline(measures, area)
        drawing.title(left, baseline, self._title)
        newest = self._rows[-1, 1:] if len(self._rows) else [np.nan] * len(self._numbers)
        for number, value, color in zip(self._numbers, newest, COLORS, strict=False):
            baseline += measures.row
            drawing.text(left, baseline, number.label, color)
            drawing.text(right, baseline, text(number, value), color, align="right")
        if self._reference is not None:
            baseline += measures.row
            drawing.text(left, baseline, f"– – {self._reference.label}", theme.DIM)
            value = text(self._reference, self._reference_value)
            drawing.text(right, baseline, value, theme.DIM, align="right")
        bottom = area.y1 - measures.px(8)
        chart = Rect(left, baseline + measures.px(8), right, bottom - measures.row)
        for share in (0.0, 0.5, 1.0):
            y = round(chart.y0 + share * (chart.y1 - chart.y0))
            drawing.fill(Rect(chart.x0, y, chart.x1, y + 1), theme.RULE)
        first = self._rows[0, 0] if len(self._rows) else 1  # a run may be older than its viewer
        drawing.text(left, bottom, f"episode {first:,.0f}", theme.DIM)
        drawing.text(right, bottom, f"{max(self._newest, 1):,.0f}", theme.DIM, align="right")
        if len(self._rows) > 1:
            self._draw_lines(drawing, chart)

    def height(self, rows: int, row: int) -> int:
        """Return a height in pixels that leaves ``rows`` rows of ``row`` pixels for the curves."""
        return (len(self._numbers) + (self._reference is not None) + 2 + rows) * row

    def _draw_lines(self, drawing: Drawing, chart: Rect) -> None:
        x = chart.x0 + (self._rows[:, 0] - self._rows[0, 0]) / np.ptp(self._rows[:, 0]) * chart.width
        low, high = self._value_range()
        for place, (number, color) in enumerate(zip(self._numbers, COLORS, strict=False)):
            ends = (0.0, 1.0) if _is_share(number) else (low, high)
            y = _across(chart, self._rows[:, 1 + place], *ends)
            drawing.line(np.stack([x, y], axis=1), 1.6 * drawing.measures.scale, color)
        if np.isfinite(self._reference_value):
            self._draw_reference(drawing, chart, float(_across(chart, self._reference_value, low, high)))

    def _draw_reference(self, drawing: Drawing, chart: Rect, y: float) -> None:
        pieces = 2 * (DASH * chart.width // 100) + 1
        x = np.linspace(chart.x0, chart.x1, pieces + 1)
        points = np.stack([x, np.full(len(x), y)], axis=1)
        for start in range(0, pieces, 2):
            drawing.line(points[start : start + 2], drawing.measures.scale, theme.DIM)

    def _value_range(self) -> tuple[float, float]:
        """Return what the axis of all that are no percentages spans, the reference among them."""
        places = [1 + place for place, number in enumerate(self._numbers) if not _is_share(number)]
        values = np.append(self._rows[:, places].ravel(), self._reference_value)
        known = values[np.isfinite(values)]
        if not known.size:
            return 0.0, 1.0
        margin = max(0.05 * float(np.ptp(known)), 1e-6)
        return float(known.min()) - margin, float(known.max()) + margin


def _is_share(number: Number) -> bool:
    return number.format == "percent"


def _across(chart: Rect, values: NDArray[np.float64] | float, low: float, high: float) -> NDArray[np.float64]:
    """Return the heights in pixels of values between the ends of an axis."""
    return np.asarray(chart.y1 - (np.asarray(values) - low) / (high - low) * (chart.y1 - chart.y0))
