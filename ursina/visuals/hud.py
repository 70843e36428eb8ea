"""The heads-up display: panels of numbers, legend, Q† timeline, notices, profiler table and help.

Two draw calls, whatever is shown: areas of one colour, and over them everything cut out of the glyph atlas
(:mod:`calf_gpu.app.visuals.quad_batch`). Only the layer whose content changed is laid out again. Sizes follow the
picture's; below 576×324 pixels nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect, TextBox
from calf_gpu.app.visuals.glyph_atlas import GlyphAtlas
from calf_gpu.app.visuals.help import draw_help
from calf_gpu.app.visuals.hud_panel import Rows, draw_panel, first_baseline, panel_height
from calf_gpu.app.visuals.legend import draw_legend, legend_height
from calf_gpu.app.visuals.quad_batch import PixelRoot, QuadBatch
from calf_gpu.app.visuals.theme import Measures
from calf_gpu.app.visuals.timeline import Timeline
from panda3d.core import NodePath, Texture

TITLES = {
    "run": "Run",
    "episode": "Episode",
    "training": "Training",
    "calf": "CALF",
    "q": "Critic",
    "kappa": "κ bounds",
    "frame": "Picture",
}
"""Blocks and their headings, in the order of the left column; the last one stands under the legend."""

LEFT_BLOCKS = tuple(TITLES)[:-1]


class Hud:
    """The display over the scene.

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
        Takes the certificate's values: ``hud.timeline.push(step, q)``.
    """

    def __init__(
        self, size: tuple[int, int], parent: NodePath | None = None, timeline_interval: int = 5
    ) -> None:
        if parent is None:
            from ursina import camera

            parent = camera.ui
        self.timeline = Timeline(self._draw_timeline, timeline_interval)
        self._blocks: dict[str, list[tuple[str, str]]] = {name: [] for name in TITLES}
        self._message: str | None = None
        self._table: list[tuple[str, str]] = []
        self._help = False
        self._swarm_checked = True
        self._overlay = False
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

    def set_block(self, name: str, rows: Rows, *, rebuild: bool = False) -> bool:
        """Show (label, value) rows in a block; return whether anything was laid out again.

        Parameters
        ----------
        name
            One of :data:`TITLES`.
        rows
            What it shows. A value that is the name of a mode is shown as a chip in its colour.
        rebuild
            Lay out even what has not changed.
        """
        new = list(rows)
        old = self._blocks[name]
        if new == old and not rebuild:
            return False
        self._blocks[name] = new
        if len(new) != len(old):
            self._draw_all()  # the panels below move
        else:
            self._draw_block(name)
        return True

    def message(self, text: str | None) -> None:
        """Show a one-line notice at the bottom, cut where it is too long; None removes it."""
        self._message = " ".join(text.split()) if text else None
        self._draw("message", self._message is not None, self._paint_message)

    def table(self, rows: Sequence[tuple[str, str]] | None) -> None:
        """Show (label, text) rows of measurements under the legend; None removes them."""
        self._table = list(rows or ())
        self._draw("table", bool(self._table), self._paint_table)

    @property
    def legend_overlay(self) -> bool:
        """Whether the legend explains the certificate overlay."""
        return self._overlay

    @legend_overlay.setter
    def legend_overlay(self, shown: bool) -> None:
        if shown != self._overlay:
            self._overlay = shown
            self._draw_all()

    @property
    def swarm_checked(self) -> bool:
        """Whether CALF checks the swarm's actions, which the legend then says."""
        return self._swarm_checked

    @swarm_checked.setter
    def swarm_checked(self, checked: bool) -> None:
        if checked != self._swarm_checked:
            self._swarm_checked = checked
            self._draw("legend", True, self._paint_legend)

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

    def _draw_all(self) -> None:
        for name in TITLES:
            self._draw_block(name)
        self._draw("legend", True, self._paint_legend)
        self._draw_timeline()
        self._draw("table", bool(self._table), self._paint_table)
        self._draw("message", self._message is not None, self._paint_message)
        self._draw("help", self._help, self._paint_help)

    def _draw_block(self, name: str) -> None:
        area = self._block_area(name) if self._measures.readable else None
        self._draw(name, area is not None, partial(self._paint_block, name=name, area=area))

    def _draw_timeline(self) -> None:
        self._draw("timeline", True, self._paint_timeline)

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

    def _paint_block(self, drawing: Drawing, name: str, area: Rect | None) -> None:
        if area is not None:
            draw_panel(drawing, area, TITLES[name], self._blocks[name])

    def _paint_legend(self, drawing: Drawing) -> None:
        area = self._right(self._measures.margin, self._legend_height)
        draw_legend(drawing, area, self._overlay, self._swarm_checked)

    def _paint_timeline(self, drawing: Drawing) -> None:
        self.timeline.draw(drawing, self._timeline_area)

    def _paint_table(self, drawing: Drawing) -> None:
        top = self._right_bottom + self._gap
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

    def _block_area(self, name: str) -> Rect | None:
        """Return where a block stands, None if it is empty or there is no room left for it."""
        measures = self._measures
        height = panel_height(measures, len(self._blocks[name]))
        if not self._blocks[name]:
            return None
        if name not in LEFT_BLOCKS:
            return self._right(measures.margin + self._legend_height + self._gap, height)
        top = measures.margin
        for above in LEFT_BLOCKS[: LEFT_BLOCKS.index(name)]:
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
        return legend_height(self._measures, self._overlay)

    @property
    def _right_bottom(self) -> int:
        """Where the panels at the top of the right column end."""
        block = self._block_area("frame")
        return block.y1 if block else self._measures.margin + self._legend_height

    @property
    def _timeline_area(self) -> Rect:
        height = self._measures.px(138)
        return self._right(self._measures.height - self._measures.margin - height, height)
