"""An agent as the existing program has it: an entity of its own."""

from __future__ import annotations

from collections.abc import Sequence
from math import degrees

from panda3d.core import NodePath
from ursina import Entity, color

from calf_gpu.palette import HIGHLIGHT_BIT

HIGHLIGHT_SIZE = 1.4
"""Size of the training agent over that of the others."""


class VisualAgent(Entity):
    """One agent as an entity of its own: a sphere, or a cone that points along its heading.

    Parameters
    ----------
    parent
        Entity under which the agent stands.
    model
        Its shape, of radius 1 and pointing along the first state axis.
    radius
        Its size in plane units.
    colors
        RGB of every record code.
    """

    def __init__(
        self, parent: Entity, model: NodePath, radius: float, colors: Sequence[Sequence[float]]
    ) -> None:
        super().__init__(parent=parent, model=model, scale=radius)
        self._colors = colors
        self._radius = radius
        self._code = -1

    def place(self, a0: float, height: float, a1: float, heading: float = 0.0) -> None:
        """Move to plane coordinates and a height, and turn to a heading in radians from the first axis."""
        self.set_pos(a0, height, a1)
        self.set_h(degrees(heading))

    def show_code(self, code: int) -> None:
        """Take the colour and size of a record code: those of the mode, or of the training agent."""
        if code != self._code:
            self._code = code
            self.scale = self._radius * (HIGHLIGHT_SIZE if code >= HIGHLIGHT_BIT else 1.0)
            self.color = color.rgb(*self._colors[code])
