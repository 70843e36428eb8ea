"""What the colours mean: trails by who chose the action, the training agent, the certificate overlay."""

from __future__ import annotations

import numpy as np
from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.hud_panel import first_baseline, panel_height
from calf_gpu.app.visuals.theme import Measures

MODE_TEXTS = {
    "td3": "TD3: certified",
    "relax": "Relax: uncertified, by chance",
    "nominal": "Nominal: the stabilizer",
}

UNCHECKED_TEXT = "TD3: in the swarm unchecked"


def legend_height(measures: Measures, overlay: bool) -> int:
    """Return the height of the legend in pixels."""
    return panel_height(measures, len(MODE_TEXTS) + 1 + 2 * overlay)


def draw_legend(drawing: Drawing, area: Rect, overlay: bool, swarm_checked: bool = True) -> None:
    """Draw the legend; ``overlay`` adds what the overlay shows; under TD3 alone the swarm is not checked."""
    measures = drawing.measures
    swatch, half = measures.px(18), measures.px(1.5)
    left = area.x0 + measures.padding
    text_left = left + swatch + measures.px(8)
    drawing.panel(area)
    baseline = first_baseline(measures, area)
    drawing.title(left, baseline, "Who chose the action")

    def next_row(text: str) -> int:
        """Write the next line and return the height at which its swatch is centred."""
        nonlocal baseline
        baseline += measures.row
        room = area.x1 - measures.padding - text_left
        drawing.text(text_left, baseline, drawing.atlas.fit(text, room))
        return baseline - measures.px(4)

    for mode, text in MODE_TEXTS.items():
        y = next_row(text if swarm_checked or mode != "td3" else UNCHECKED_TEXT)
        drawing.fill(Rect(left, y - half, left + swatch, y + half), theme.MODES[mode])
    y = next_row("Training agent")
    radius, middle = drawing.atlas.corner, left + swatch // 2
    # A rounded square no larger than its corners is a disc.
    drawing.rounded(Rect(middle - radius, y - radius, middle + radius, y + radius), theme.HIGHLIGHT)
    if overlay:
        y = next_row("κ bounds fail")
        _hatching(drawing, Rect(left, y - measures.px(5), left + swatch, y + measures.px(4)))
        y = next_row("Q = Q† + ν̄")
        drawing.fill(Rect(left, y - half, left + swatch, y + half), theme.CERTIFICATE)


def _hatching(drawing: Drawing, area: Rect) -> None:
    drawing.fill(area, (0x45, 0x48, 0x50, 255))
    height = area.y1 - area.y0
    step = max(3, height // 2)
    for x in range(area.x0, area.x1 - height + 1, step):
        drawing.line(np.array([(x, area.y1), (x + height, area.y0)], float), 1.0, (0x7A, 0x80, 0x8A, 255))
