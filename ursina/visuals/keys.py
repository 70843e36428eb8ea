"""Every key of the viewer in one table: what it is called, what it does in words, and which command it gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.hud_panel import first_baseline, panel_height


class Do(Enum):
    """What keys ask of the viewer."""

    FLY = auto()
    LOOK = auto()
    ZOOM = auto()
    HOME = auto()
    FULLSCREEN = auto()
    PAUSE = auto()
    ADVANCE = auto()
    AGENTS = auto()
    CONTROLLER = auto()
    PART = auto()
    LEARNING = auto()
    RESTART = auto()
    WRITE_PROFILE = auto()
    TABLE = auto()
    RESET_PROFILE = auto()
    HELP = auto()
    QUIT = auto()


@dataclass(frozen=True)
class Keys:
    """Keys that belong together.

    Attributes
    ----------
    caps
        What is written on them.
    words
        What they do, for the help.
    do
        The command.
    values
        Ursina's name of each key, and what the command does with it.
    """

    caps: tuple[str, ...]
    words: str
    do: Do
    values: dict[str, Any]


KEYS = (
    Keys(("W", "A", "S", "D"), "fly ahead, left, back, right", Do.FLY,
         {"w": (0, 0, 1), "a": (-1, 0, 0), "s": (0, 0, -1), "d": (1, 0, 0)}),
    Keys(("Space", "Shift"), "fly up, down", Do.FLY, {"space": (0, 1, 0), "shift": (0, -1, 0)}),
    Keys(("M",), "look around with the mouse, on or off", Do.LOOK, {"m": None}),
    Keys(("Scroll",), "zoom about the point looked at", Do.ZOOM, {"scroll up": 1, "scroll down": -1}),
    Keys(("R",), "back to the first view", Do.HOME, {"r": None}),
    Keys(("F",), "full screen", Do.FULLSCREEN, {"f": None}),
    Keys(("P",), "pause", Do.PAUSE, {"p": None}),
    Keys(("N",), "one step while paused", Do.ADVANCE, {"n": None}),
    Keys(("+", "−"), "more, fewer agents", Do.AGENTS, {"+": 1, "=": 1, "-": -1}),
    Keys(("1", "2", "3"), "swarm controlled by CALF, TD3 alone, the stabilizer", Do.CONTROLLER,
         {"1": 0, "2": 1, "3": 2}),
    Keys(("H",), "landscape", Do.PART, {"h": "landscape"}),
    Keys(("G",), "grid lines", Do.PART, {"g": "grid"}),
    Keys(("C",), "certificate overlay: where the critic can be trusted", Do.PART, {"c": "overlay"}),
    Keys(("L",), "learning curves", Do.LEARNING, {"l": None}),
    Keys(("T",), "restart training whose process ended", Do.RESTART, {"t": None}),
    Keys(("F1",), "write the profile (JSON, CSV)", Do.WRITE_PROFILE, {"f1": None}),
    Keys(("F2",), "profiler table", Do.TABLE, {"f2": None}),
    Keys(("F3",), "reset the profiler", Do.RESET_PROFILE, {"f3": None}),
    Keys(("Tab",), "this help", Do.HELP, {"tab": None}),
    Keys(("Q",), "save and quit", Do.QUIT, {"q": None}),
)  # fmt: skip

COMMANDS: dict[str, tuple[Do, Any]] = {
    name: (keys.do, value) for keys in KEYS for name, value in keys.values.items()
}
"""Command and its value by Ursina's name of the key."""


def draw_help(drawing: Drawing, center_x: int, center_y: int) -> None:
    """Draw the list of keys around a point."""
    measures = drawing.measures
    keys_width = max(_keys_width(drawing, keys.caps) for keys in KEYS) + measures.px(14)
    text_width = max(drawing.width(keys.words) for keys in KEYS)
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
    for keys in KEYS:
        baseline += row
        x = x0 + inset
        for cap in keys.caps:
            x = _cap(drawing, x, baseline, cap)
        drawing.text(x0 + inset + keys_width, baseline, keys.words, theme.TEXT)


def _keys_width(drawing: Drawing, caps: tuple[str, ...]) -> int:
    return sum(_cap_width(drawing, cap) + drawing.measures.px(4) for cap in caps)


def _cap_width(drawing: Drawing, cap: str) -> int:
    return max(drawing.width(cap) + drawing.measures.px(10), drawing.measures.px(18))


def _cap(drawing: Drawing, x: int, baseline: int, cap: str) -> int:
    """Draw a key and return where the next one starts."""
    measures = drawing.measures
    width = _cap_width(drawing, cap)
    top, bottom = drawing.atlas.extent["text"]
    inset = measures.px(1)
    drawing.rounded(Rect(x, baseline + top - inset, x + width, baseline + bottom + inset), theme.KEY)
    drawing.text(x + width / 2, baseline, cap, theme.TEXT, align="center")
    return x + width + measures.px(4)
