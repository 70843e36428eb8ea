"""A sheet to draw panels, text and lines on, which becomes the quads of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.glyph_atlas import Align, Color, Face, GlyphAtlas, Run, rectangle
from calf_gpu.app.visuals.theme import Measures


@dataclass(frozen=True)
class TextBox:
    """Where a piece of text lies, in pixels from the picture's top left; for checks that no two overlap."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Rect:
    """An area in pixels from the picture's top left, y down."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.x1 - self.x0


class Drawing:
    """Areas of one colour below, lines and text above, each in the order of the calls."""

    def __init__(self, atlas: GlyphAtlas, measures: Measures) -> None:
        self.atlas = atlas
        self.measures = measures
        self._areas: list[bytes] = []
        self._details: list[bytes] = []
        self._runs: list[Run] = []

    def panel(self, area: Rect) -> None:
        """Draw the background that all panels have."""
        self.rounded(area, theme.PANEL)

    def rounded(self, area: Rect, color: Color) -> None:
        """Fill an area with rounded corners."""
        areas, corners = _rounded(self.atlas, area, color)
        self._areas.append(areas)
        self._details.append(corners)

    def fill(self, area: Rect, color: Color) -> None:
        """Fill an area."""
        self._areas.append(rectangle(area.x0, area.y0, area.x1, area.y1, color).tobytes())

    def line(self, points: NDArray[np.floating], width: float, color: Color) -> None:
        """Draw a soft line through (n, 2) points; NaN leaves a gap."""
        self._details.append(self.atlas.polyline(points, width, color).tobytes())

    def text(
        self, x: float, baseline: float, text: str, color: Color = theme.TEXT, align: Align = "left"
    ) -> None:
        """Write one line of text."""
        self._runs.append(Run(x, baseline, text, color, "text", align))

    def title(self, x: float, baseline: float, text: str) -> None:
        """Write the small bold heading of a panel."""
        # Greek capitals look like Latin ones, so κ stays small.
        capitals = "".join(letter.upper() if letter.isascii() else letter for letter in text)
        self._runs.append(Run(x, baseline, capitals, theme.TITLE, "title"))

    def areas(self) -> bytes:
        """Return what needs no texture as quads of four :data:`~calf_gpu.app.visuals.glyph_atlas.VERTEX` records."""
        return b"".join(self._areas)

    def details(self) -> bytes:
        """Return what is cut out of the atlas, in the same form."""
        return b"".join((*self._details, self.atlas.runs(self._runs).tobytes()))

    def boxes(self) -> list[TextBox]:
        """Return where each piece of text lies."""
        return [self._box(run) for run in self._runs if run.text.strip()]

    def width(self, text: str, face: Face = "text") -> int:
        """Return the width of a text in pixels."""
        return self.atlas.width(text, face)

    def _box(self, run: Run) -> TextBox:
        width = self.atlas.width(run.text, run.face)
        x0 = run.x - {"left": 0.0, "center": 0.5, "right": 1.0}[run.align] * width
        # Capitals and descenders; the font's own ascent leaves room for accents on capitals.
        top, bottom = self.atlas.extent[run.face]
        return TextBox(run.text, x0, run.y + top, x0 + width, run.y + bottom)


@lru_cache(maxsize=256)
def _rounded(atlas: GlyphAtlas, area: Rect, color: Color) -> tuple[bytes, bytes]:
    """Return the middle of a rounded rectangle, which needs no texture, and its corners, which do."""
    r = atlas.corner
    middle = (
        rectangle(area.x0 + r, area.y0, area.x1 - r, area.y0 + r, color),
        rectangle(area.x0, area.y0 + r, area.x1, area.y1 - r, color),
        rectangle(area.x0 + r, area.y1 - r, area.x1 - r, area.y1, color),
    )
    corners = atlas.corners(area.x0, area.y0, area.x1, area.y1, color)
    return b"".join(quads.tobytes() for quads in middle), corners.tobytes()
