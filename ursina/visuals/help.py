"""The overlay with all keys."""

from __future__ import annotations

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.hud_panel import first_baseline, panel_height

KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("W", "A", "S", "D"), "fly ahead, left, back, right"),
    (("Space", "Shift"), "fly up, down"),
    (("M",), "look around with the mouse, on or off"),
    (("Scroll",), "zoom about the point looked at"),
    (("R",), "back to the first view"),
    (("F",), "full screen"),
    (("P",), "pause"),
    (("+", "−"), "more, fewer agents"),
    (("1", "2", "3"), "swarm controlled by CALF, TD3 alone, the stabilizer"),
    (("H",), "landscape"),
    (("G",), "grid lines"),
    (("C",), "certificate overlay: where the critic can be trusted"),
    (("T",), "restart training whose process ended"),
    (("F1",), "write the profile (JSON, CSV)"),
    (("F2",), "profiler table"),
    (("F3",), "reset the profiler"),
    (("Tab",), "this help"),
    (("Q",), "save and quit"),
)


def draw_help(drawing: Drawing, center_x: int, center_y: int) -> None:
    """Draw the list of keys around a point."""
    measures = drawing.measures
    keys_width = max(_keys_width(drawing, keys) for keys, _ in KEYS) + measures.px(14)
    text_width = max(drawing.width(text) for _, text in KEYS)
    inset = measures.px(18)
    row = measures.px(21)
    width = keys_width + text_width + 2 * inset
    height = panel_height(measures, 0) + len(KEYS) * row + inset
    x0, y0 = center_x - width // 2, center_y - height // 2
    area = Rect(x0, y0, x0 + width, y0 + height)
    drawing.rounded(area, (*theme.PANEL[:3], 235))
    baseline = first_baseline(measures, area) + measures.px(6)
    drawing.title(x0 + inset, baseline, "Keys")
    baseline += measures.px(4)
    for keys, text in KEYS:
        baseline += row
        x = x0 + inset
        for key in keys:
            x = _cap(drawing, x, baseline, key)
        drawing.text(x0 + inset + keys_width, baseline, text, theme.TEXT)


def _keys_width(drawing: Drawing, keys: tuple[str, ...]) -> int:
    return sum(_cap_width(drawing, key) + drawing.measures.px(4) for key in keys)


def _cap_width(drawing: Drawing, key: str) -> int:
    return max(drawing.width(key) + drawing.measures.px(10), drawing.measures.px(18))


def _cap(drawing: Drawing, x: int, baseline: int, key: str) -> int:
    """Draw a key and return where the next one starts."""
    measures = drawing.measures
    width = _cap_width(drawing, key)
    top, bottom = drawing.atlas.extent["text"]
    inset = measures.px(1)
    drawing.rounded(Rect(x, baseline + top - inset, x + width, baseline + bottom + inset), theme.KEY)
    drawing.text(x + width / 2, baseline, key, theme.TEXT, align="center")
    return x + width + measures.px(4)
