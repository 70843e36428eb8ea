"""A panel of numbers: a title, and rows with a label on the left and a value on the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.theme import Measures


def panel_height(measures: Measures, rows: int, titled: bool = True) -> int:
    """Return the height of a panel with so many rows in pixels."""
    return 2 * measures.px(6) + (rows + titled) * measures.row + titled * measures.px(1)


def draw_panel(
    drawing: Drawing,
    area: Rect,
    title: str,
    rows: Iterable[tuple[str, str]],
    chips: Mapping[str, theme.Color] | None = None,
) -> None:
    """Draw a panel of (label, value) lines; a value that is a key of ``chips`` becomes a chip in that colour."""
    measures = drawing.measures
    left, right = area.x0 + measures.padding, area.x1 - measures.padding
    drawing.panel(area)
    baseline = first_baseline(measures, area)
    drawing.title(left, baseline, title)
    baseline += measures.px(1)
    for label, value in rows:
        baseline += measures.row
        color = chips.get(value) if chips else None
        if color is not None:
            _chip(drawing, right, baseline, value, color)
            value_width = drawing.width(value) + measures.px(12)
        else:
            least_label = min(drawing.width(label), (right - left) // 3)
            value = drawing.atlas.fit(value, right - left - least_label - measures.px(8))
            drawing.text(right, baseline, value, align="right")
            value_width = drawing.width(value)
        room = right - left - value_width - measures.px(4)
        drawing.text(left, baseline, drawing.atlas.fit(label, room), theme.DIM)


def first_baseline(measures: Measures, area: Rect) -> int:
    """Return the baseline of the first line of text in a panel."""
    return area.y0 + measures.px(6) + round(0.76 * measures.row)


def _chip(drawing: Drawing, right: int, baseline: int, text: str, color: theme.Color) -> None:
    """Write dark text on a rounded patch of colour that ends at ``right``."""
    measures = drawing.measures
    inset = measures.px(6)
    top, bottom = drawing.atlas.extent["text"]
    left = right - drawing.width(text) - 2 * inset
    drawing.rounded(Rect(left, baseline + top - 1, right, baseline + bottom), color)
    drawing.text(left + inset, baseline, text, theme.DARK)
