"""The trails of all agents as one draw call: the application's face of the library's trail ring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import NodePath

from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.visuals.scene import TrailPoints
from calf_gpu.qgrid import QGrid
from calf_gpu.trails import TrailRing


class BatchedTrailRenderer:
    """All trails in one ring buffer and one draw call, whatever the number of agents.

    A step sends the newest point of every agent, 16 bytes each; nothing is rebuilt. Heights are not sent at all:
    the vertex shader samples the surface that is shown now, so trails lie on it after every critic update.

    Parameters
    ----------
    ring
        The library's ring, which knows the surface that the trails lie on.
    """

    def __init__(self, ring: TrailRing) -> None:
        self.ring = ring

    @classmethod
    def on_plane(
        cls, plane: NodePath, grid: QGrid, agents: int, options: ViewOptions, colors: NDArray[np.float32]
    ) -> BatchedTrailRenderer:
        """Return trails of their own on the surface of ``grid``, under a node with the plane's axes (z up)."""
        ring = TrailRing(
            grid,
            agents,
            options.trail_length,
            style=options.trail_style,
            width_px=options.trail_width,
            decimation=min(options.trail_decimation, options.trail_length),
            upload=options.trail_upload,
            mode_colors=colors,
        )
        ring.root.reparent_to(plane)
        return cls(ring)

    def push(self, points: TrailPoints, heights: NDArray[np.floating]) -> int:
        """Add one step to every trail; ``heights`` are not needed. No mesh is ever rebuilt: returns 0."""
        self.ring.push(points.points, points.codes, points.breaks)
        return 0

    def resize(self, agents: int) -> None:
        """Add agents at the end, without trails, or remove the last ones; the others keep their trails."""
        if agents != self.ring.agents:
            self.ring.resize(agents)

    def close(self) -> None:
        """Release the ring and take it out of the scene graph."""
        self.ring.close()
