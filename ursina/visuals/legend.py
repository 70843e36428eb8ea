"""What the colours mean: trails by who chose the action, the training agent, the certificate overlay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calf_gpu.app.stream.header import Header
from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.hud_panel import first_baseline, panel_height
from calf_gpu.app.visuals.theme import Color, Measures


@dataclass(frozen=True)
class Legend:
    """The lines of a legend.

    Attributes
    ----------
    title
        Its heading.
    entries
        Text and colour of every category.
    agent
        Whether it names the training agent.
    hidden
        Whether agents may be off the surface, which makes them paler.
    overlay
        Whether it explains the certificate overlay.
    """

    title: str
    entries: tuple[tuple[str, Color], ...]
    agent: bool
    hidden: bool = False
    overlay: bool = False

    @classmethod
    def of(cls, header: Header, controller: int | None, overlay: bool) -> Legend:
        """Return the legend of a run whose swarm is controlled by one of the header's controllers."""
        labels = [category.label for category in header.categories]
        if controller is not None and header.controllers[controller].category_labels:
            labels = list(header.controllers[controller].category_labels)
        colors = [theme.color(category.color) for category in header.categories]
        entries = tuple(zip(labels, colors, strict=True))
        return cls(header.category_title, entries, header.agent, header.hidden, overlay)

    def height(self, measures: Measures) -> int:
        """Return the height in pixels."""
        return panel_height(measures, len(self.entries) + self.agent + self.hidden + 2 * self.overlay)

    def draw(self, drawing: Drawing, area: Rect) -> None:
        """Draw it into an area of its height."""
        measures = drawing.measures
        swatch, half = measures.px(18), measures.px(1.5)
        left = area.x0 + measures.padding
        text_left = left + swatch + measures.px(8)
        drawing.panel(area)
        baseline = first_baseline(measures, area)
        drawing.title(left, baseline, self.title)

        def next_row(text: str) -> int:
            """Write the next line and return the height at which its swatch is centred."""
            nonlocal baseline
            baseline += measures.row
            room = area.x1 - measures.padding - text_left
            drawing.text(text_left, baseline, drawing.atlas.fit(text, room))
            return baseline - measures.px(4)

        for text, color in self.entries:
            y = next_row(text)
            drawing.fill(Rect(left, y - half, left + swatch, y + half), color)
        radius, middle = drawing.atlas.corner, left + swatch // 2
        discs = [("Training agent", theme.HIGHLIGHT)] if self.agent else []
        discs += [("Paler: its own Q is another", theme.PALE)] if self.hidden else []
        for text, color in discs:
            y = next_row(text)
            # A rounded square no larger than its corners is a disc.
            drawing.rounded(Rect(middle - radius, y - radius, middle + radius, y + radius), color)
        if self.overlay:
            y = next_row("κ bounds fail")
            _hatching(drawing, Rect(left, y - measures.px(5), left + swatch, y + measures.px(4)))
            y = next_row("Q needed next")
            drawing.fill(Rect(left, y - half, left + swatch, y + half), theme.CERTIFICATE)


def _hatching(drawing: Drawing, area: Rect) -> None:
    drawing.fill(area, (0x45, 0x48, 0x50, 255))
    height = area.y1 - area.y0
    step = max(3, height // 2)
    for x in range(area.x0, area.x1 - height + 1, step):
        drawing.line(np.array([(x, area.y1), (x + height, area.y0)], float), 1.0, (0x7A, 0x80, 0x8A, 255))
