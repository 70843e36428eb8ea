"""The heads-up display: panels of numbers, legend, timeline, notices, profiler table and help.

Two draw calls, whatever is shown: areas of one colour, and over them everything cut out of the glyph atlas
(:mod:`calf_gpu.app.visuals.quad_batch`). Only the layer whose content changed is laid out again. Sizes follow the
picture's; below 576×324 pixels nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from panda3d.core import NodePath, Texture

from calf_gpu.app.stream.header import Header
from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect, TextBox
from calf_gpu.app.visuals.glyph_atlas import GlyphAtlas
from calf_gpu.app.visuals.hud_panel import draw_panel, first_baseline, panel_height
from calf_gpu.app.visuals.keys import draw_help
from calf_gpu.app.visuals.learning_chart import LearningChart
from calf_gpu.app.visuals.legend import Legend
from calf_gpu.app.visuals.number_text import Rows
from calf_gpu.app.visuals.quad_batch import PixelRoot, QuadBatch
from calf_gpu.app.visuals.theme import Measures
from calf_gpu.app.visuals.timeline import Timeline

PICTURE = "Picture"
"""The block that begins with the viewer's own numbers, under the legend; all others stand on the left."""


class Hud:
    """The display over the scene.

    Nothing but notices and help is shown before :meth:`show_header`.

    Parameters
    ----------
    size
        Width and height of the picture in pixels.
    parent
        Node whose y runs from −0.5 to 0.5 over the picture's height; Ursina's ``camera.ui`` unless given.
    timeline_interval
        Values pushed to the timeline from one redrawing to the next.

    Attributes
    ----------
    root
        Node of all that is drawn; hide it to see the scene alone.
    timeline
        Takes the values of the header's chart: ``hud.timeline.push(step, q)``.
    """

    def __init__(
        self, size: tuple[int, int], parent: NodePath | None = None, timeline_interval: int = 5
    ) -> None:
        if parent is None:
            from ursina import camera

            parent = camera.ui
        self.timeline = Timeline(self._draw_timeline, timeline_interval)
        self._blocks: dict[str, Rows] = {}
        self._message: str | None = None
        self._table: list[tuple[str, str]] = []
        self._help = False
        self._header: Header | None = None
        self._legend: Legend | None = None
        self._chips: dict[str, theme.Color] = {}
        self._controller: int | None = None
        self._overlay = False
        self._learning: LearningChart | None = None
        self._learning_shown = True
        self._drawings: dict[str, Drawing] = {}
        self._pixels = PixelRoot(parent, *size)
        self.root = self._pixels.node
        self._atlas_texture: Texture | None = None
        self._areas = QuadBatch(self.root, order=50)
        self._details = QuadBatch(self.root, order=51)
        self.resize(*size)

    def resize(self, width: int, height: int) -> None:
        """Lay everything out for a picture of this size."""
        self._measures = Measures.of(width, height)
        self._pixels.resize(width, height)
        self._areas.clear()
        self._details.clear()
        self._drawings.clear()
        if not self._measures.readable:
            return
        if self._atlas_texture is not None:  # cached states of the engine keep it alive for long
            self._atlas_texture.release_all()
            self._atlas_texture.clear()
        px = self._measures.px
        self._atlas = GlyphAtlas(text_px=px(12), title_px=px(10), corner_px=px(5))
        self._atlas_texture = self._atlas.texture
        self._details.set_texture(self._atlas.texture)
        self._draw_all()

    def show_header(self, header: Header) -> None:
        """Lay out the legend, the chart and the blocks of a run; what another run showed goes."""
        self._header = header
        self._chips = {category.name: theme.color(category.color) for category in header.categories}
        titles = dict.fromkeys(number.block for number in header.numbers if number.block not in ("", PICTURE))
        self._blocks = {title: [] for title in (*titles, PICTURE)}
        self._controller = None
        self.timeline.clear()
        self._learning = LearningChart(header, header.curves) if header.curves is not None else None
        self._areas.clear()
        self._details.clear()
        self._drawings.clear()
        self._draw_legend()

    def set_block(self, title: str, rows: Rows, *, rebuild: bool = False) -> bool:
        """Show (label, value) rows in a block; return whether anything was laid out again.

        Parameters
        ----------
        title
            The heading of one of the header's blocks, or :data:`PICTURE`.
        rows
            What it shows. A value that is the name of a category is shown as a chip in its colour.
        rebuild
            Lay out even what has not changed.
        """
        old = self._blocks[title]
        if rows == old and not rebuild:
            return False
        self._blocks[title] = rows
        if len(rows) != len(old):
            self._draw_all()  # the panels below move
        else:
            self._draw_block(title)
        return True

    def message(self, text: str | None) -> None:
        """Show a one-line notice at the bottom, cut where it is too long; None removes it."""
        self._message = " ".join(text.split()) if text else None
        self._draw("message", self._message is not None, self._paint_message)

    def table(self, rows: Sequence[tuple[str, str]] | None) -> None:
        """Show (label, text) rows of measurements under the legend; None removes them."""
        self._table = list(rows or ())
        self._draw("table", bool(self._table), self._paint_table)

    def explain_overlay(self, shown: bool) -> None:
        """Have the legend explain the certificate overlay, or not."""
        if shown != self._overlay:
            self._overlay = shown
            self._draw_legend()

    def explain_controller(self, index: int | None) -> None:
        """Have the legend say what the categories mean under one of the header's controllers."""
        if index != self._controller:
            self._controller = index
            self._draw_legend()

    def push_learning(self, numbers: NDArray[np.float64]) -> None:
        """Take a frame's numbers for the learning curves; draws them anew when an episode has ended."""
        if self._learning is not None and self._learning.push(numbers):
            self._draw_learning()

    def toggle_learning(self) -> None:
        """Show the learning curves, or hide them."""
        self._learning_shown = not self._learning_shown
        self._draw_all()

    @property
    def help_visible(self) -> bool:
        """Whether the list of keys is shown."""
        return self._help

    @help_visible.setter
    def help_visible(self, visible: bool) -> None:
        self._help = visible
        self._draw("help", visible, self._paint_help)

    def text_boxes(self) -> list[TextBox]:
        """Return where each piece of text lies that is shown now."""
        return [box for drawing in self._drawings.values() for box in drawing.boxes()]

    def _draw_legend(self) -> None:
        if self._header is not None:
            self._legend = Legend.of(self._header, self._controller, self._overlay)
        self._draw_all()

    def _draw_all(self) -> None:
        for title in self._blocks:
            self._draw_block(title)
        self._draw("legend", self._legend is not None, self._paint_legend)
        self._draw_timeline()
        self._draw_learning()
        self._draw("table", bool(self._table), self._paint_table)
        self._draw("message", self._message is not None, self._paint_message)
        self._draw("help", self._help, self._paint_help)

    def _draw_block(self, title: str) -> None:
        area = self._block_area(title) if self._measures.readable else None
        self._draw(f"block {title}", area is not None, partial(self._paint_block, title=title, area=area))

    def _draw_timeline(self) -> None:
        shown = self._header is not None and self._header.chart is not None
        self._draw("timeline", shown, self._paint_timeline)

    def _draw_learning(self) -> None:
        self._draw("learning", self._learning_area is not None, self._paint_learning)

    def _draw(self, layer: str, shown: bool, paint: Callable[[Drawing], None]) -> None:
        """Lay a layer out again and hand it to the geometry."""
        if not self._measures.readable:
            return
        drawing = Drawing(self._atlas, self._measures)
        if shown:
            paint(drawing)
        self._drawings[layer] = drawing
        self._areas.set(layer, drawing.areas())
        self._details.set(layer, drawing.details())

    def _paint_block(self, drawing: Drawing, title: str, area: Rect | None) -> None:
        if area is not None:
            draw_panel(drawing, area, title, self._blocks[title], self._chips)

    def _paint_legend(self, drawing: Drawing) -> None:
        if self._legend is not None:
            self._legend.draw(drawing, self._right(self._measures.margin, self._legend_height))

    def _paint_timeline(self, drawing: Drawing) -> None:
        if self._header is not None and self._header.chart is not None:
            self.timeline.draw(drawing, self._timeline_area, self._header.chart.title)

    def _paint_learning(self, drawing: Drawing) -> None:
        if self._learning is not None and self._learning_area is not None:
            self._learning.draw(drawing, self._learning_area)

    def _paint_table(self, drawing: Drawing) -> None:
        top = (self._learning_area.y1 if self._learning_area else self._right_bottom) + self._gap
        room = self._timeline_area.y0 - self._gap - top
        rows = self._table
        while rows and panel_height(self._measures, len(rows)) > room:
            rows = rows[:-1]
        if rows:
            draw_panel(drawing, self._right(top, panel_height(self._measures, len(rows))), "Profiler", rows)

    def _paint_message(self, drawing: Drawing) -> None:
        measures = self._measures
        left = measures.margin + measures.left_column + self._gap
        right = measures.width - measures.margin - measures.right_column - self._gap
        text = self._atlas.fit(self._message or "", right - left - 4 * measures.padding)
        half = drawing.width(text) // 2 + 2 * measures.padding
        center = (left + right) // 2
        bottom = measures.height - measures.margin
        area = Rect(center - half, bottom - panel_height(measures, 1, titled=False), center + half, bottom)
        drawing.panel(area)
        drawing.text(center, first_baseline(measures, area), text, theme.WARNING, align="center")

    def _paint_help(self, drawing: Drawing) -> None:
        measures = self._measures
        left = measures.margin + measures.left_column
        right = measures.width - measures.margin - measures.right_column
        draw_help(drawing, (left + right) // 2, measures.height // 2)

    def _block_area(self, title: str) -> Rect | None:
        """Return where a block stands, None if it is empty or there is no room left for it."""
        measures = self._measures
        rows = self._blocks.get(title, [])
        height = panel_height(measures, len(rows))
        if not rows:
            return None
        if title == PICTURE:
            return self._right(measures.margin + self._legend_height + self._gap, height)
        top = measures.margin
        for above in takewhile(lambda other: other != title, self._blocks):
            if self._blocks[above]:
                top += panel_height(measures, len(self._blocks[above])) + self._gap
        if top + height > measures.height - measures.margin:
            return None
        return Rect(measures.margin, top, measures.margin + measures.left_column, top + height)

    def _right(self, top: int, height: int) -> Rect:
        """Return an area of the right column."""
        right = self._measures.width - self._measures.margin
        return Rect(right - self._measures.right_column, top, right, top + height)

    @property
    def _gap(self) -> int:
        return self._measures.px(5)

    @property
    def _legend_height(self) -> int:
        return self._legend.height(self._measures) if self._legend is not None else 0

    @property
    def _right_bottom(self) -> int:
        """Where the panels at the top of the right column end."""
        block = self._block_area(PICTURE)
        return block.y1 if block else self._measures.margin + self._legend_height

    @property
    def _timeline_area(self) -> Rect:
        height = self._measures.px(138)
        return self._right(self._measures.height - self._measures.margin - height, height)

    @property
    def _learning_area(self) -> Rect | None:
        """Where the learning curves stand: below the picture's numbers, if they are wanted and there is room."""
        if self._learning is None or not self._learning_shown:
            return None
        height = self._learning.height(4, self._measures.row)
        top = self._right_bottom + self._gap
        return self._right(top, height) if top + height + self._gap < self._timeline_area.y0 else None
