"""Colours and measures of everything that is drawn flat over the scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from calf_gpu.app.visuals.glyph_atlas import Color
from calf_gpu.palette import HIGHLIGHT_COLOR

TEXT: Color = (0xE6, 0xED, 0xF3, 255)
DIM: Color = (0x8B, 0x98, 0xA9, 255)
TITLE: Color = (0x7D, 0xB7, 0xDC, 255)
PANEL: Color = (13, 17, 23, 199)
RULE: Color = (0x8B, 0x98, 0xA9, 52)
KEY: Color = (0x8B, 0x98, 0xA9, 46)
DARK: Color = (0x0B, 0x0F, 0x17, 255)
WARNING: Color = (0xFB, 0xBF, 0x24, 255)


def color(rgb: Iterable[float]) -> Color:
    """Return an opaque colour of three numbers in [0, 1]."""
    red, green, blue = (round(255 * float(channel)) for channel in rgb)
    return red, green, blue, 255


HIGHLIGHT: Color = color(HIGHLIGHT_COLOR)
PALE: Color = (0xBD, 0xC7, 0xD4, 255)
"""Agents whose own critic value is not the surface's; as in ``shaders/agents.vert``."""
CERTIFICATE = HIGHLIGHT
"""The live boundary Q = Q† + ν̄ on the landscape and the Q† timeline: the training agent's own."""

DESIGN_SIZE = (1280, 720)
"""Picture for which the measures below are pixels; other sizes scale them."""

LEAST_SCALE = 0.45
"""Below this share of the design size nothing could be read, and nothing is drawn."""


@dataclass(frozen=True)
class Measures:
    """Pixels of a picture of a certain size; whole numbers, so that everything stays sharp."""

    width: int
    height: int
    scale: float

    @classmethod
    def of(cls, width: int, height: int) -> Measures:
        """Return the measures for a picture of this size."""
        return cls(width, height, min(width / DESIGN_SIZE[0], height / DESIGN_SIZE[1]))

    @property
    def readable(self) -> bool:
        """Whether text of this scale can be read at all."""
        return self.scale >= LEAST_SCALE

    def px(self, design: float) -> int:
        """Return design pixels in pixels of this picture, at least one."""
        return max(1, round(design * self.scale))

    @cached_property
    def margin(self) -> int:
        """From the picture's edge to a panel."""
        return self.px(10)

    @cached_property
    def padding(self) -> int:
        """From a panel's edge to its text."""
        return self.px(9)

    @cached_property
    def row(self) -> int:
        """From one line of text to the next."""
        return self.px(16)

    @cached_property
    def left_column(self) -> int:
        """Width of the panels of numbers."""
        return self.px(196)

    @cached_property
    def right_column(self) -> int:
        """Width of legend, table and timeline."""
        return self.px(252)
