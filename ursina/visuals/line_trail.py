"""Trails as line meshes, one or more for every agent: what the trail ring replaces."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from ursina import Entity, Mesh, destroy

from calf_gpu.app.visuals.scene import TrailPoints
from calf_gpu.palette import HIGHLIGHT_BIT

LINE_LIFT = 0.008
"""Distance of lines above the surface in plane units, so that they do not flicker through it."""


class _Run:
    """An unbroken stretch of a trail: one line strip."""

    def __init__(self, parent: Entity, thickness: float) -> None:
        self.vertices: list[float] = []
        self.colors: list[float] = []
        self.mesh = Mesh(mode="line", static=False, thickness=thickness)
        self.entity = Entity(parent=parent, model=self.mesh)

    def __len__(self) -> int:
        return len(self.vertices) // 3

    def append(self, position: tuple[float, float, float], color: tuple[float, float, float, float]) -> None:
        self.vertices.extend(position)
        self.colors.extend(color)

    def drop_oldest(self) -> None:
        del self.vertices[:3]
        del self.colors[:4]

    def rebuild(self) -> None:
        """Make the mesh anew from the points; a single one is no line yet."""
        drawn = len(self) > 1
        self.mesh.vertices = self.vertices if drawn else []
        self.mesh.colors = self.colors if drawn else []
        self.mesh.generate()


class LineTrail:
    """The last points of one agent as lines; meshes of its own, rebuilt as the agent moves.

    Points keep the position that they were given. A respawn begins a new mesh, so that no line joins it to the
    place the agent left; only the meshes that gained or lost a point are rebuilt.

    Parameters
    ----------
    parent
        Entity under which the meshes hang.
    length
        Points kept.
    thickness
        Width of the lines in pixels.
    """

    def __init__(self, parent: Entity, length: int, thickness: float = 2.0) -> None:
        self._parent = parent
        self._length = length
        self._thickness = thickness
        self._runs: deque[_Run] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> list[NDArray[np.float32]]:
        """The unbroken stretches, oldest first, each (n, 3) in Ursina's axes."""
        return [np.array(run.vertices, np.float32).reshape(-1, 3) for run in self._runs]

    def add(
        self,
        position: tuple[float, float, float],
        color: tuple[float, float, float, float],
        respawned: bool = False,
    ) -> int:
        """Append a point, drop the oldest beyond the length, and return how many meshes were rebuilt."""
        if respawned or not self._runs:
            self._runs.append(_Run(self._parent, self._thickness))
        newest, oldest = self._runs[-1], self._runs[0]
        newest.append(position, color)
        self._count += 1
        if self._count <= self._length:
            newest.rebuild()
            return 1
        oldest.drop_oldest()
        self._count -= 1
        newest.rebuild()
        if len(oldest) == 0:
            destroy(self._runs.popleft().entity)
            return 1
        if oldest is newest:
            return 1
        oldest.rebuild()
        return 2

    def remove(self) -> None:
        """Take the trail out of the scene."""
        for run in self._runs:
            destroy(run.entity)
        self._runs.clear()
        self._count = 0


class LineTrails:
    """A :class:`LineTrail` for every agent, with the interface of the trail ring's renderer.

    Parameters
    ----------
    parent
        Entity under which the trails hang.
    agents
        Number of agents.
    length
        Points kept of every agent.
    colors
        (K, 3) RGB by mode.
    """

    def __init__(self, parent: Entity, agents: int, length: int, colors: NDArray[np.float32]) -> None:
        self.root = Entity(parent=parent)
        self._length = length
        self._colors = colors
        self._trails: list[LineTrail] = []
        self.resize(agents)

    def __len__(self) -> int:
        return len(self._trails)

    def __getitem__(self, agent: int) -> LineTrail:
        return self._trails[agent]

    def push(self, points: TrailPoints, heights: NDArray[np.floating]) -> int:
        """Add one point to every trail, at these heights (N,) for good; return how many meshes were rebuilt."""
        rebuilt = 0
        colors = self._colors[points.codes.astype(np.intp) % HIGHLIGHT_BIT].tolist()
        rows = zip(
            self._trails,
            points.points.tolist(),
            heights.tolist(),
            colors,
            points.breaks.tolist(),
            strict=True,
        )
        for trail, (a0, a1), height, (red, green, blue), respawned in rows:
            rebuilt += trail.add((a0, height, a1), (red, green, blue, 1.0), respawned)
        return rebuilt

    def resize(self, agents: int) -> None:
        """Add or remove trails at the end; the others keep theirs."""
        while len(self._trails) > agents:
            self._trails.pop().remove()
        while len(self._trails) < agents:
            self._trails.append(LineTrail(self.root, self._length))

    def close(self) -> None:
        """Take all trails out of the scene."""
        self.resize(0)
        destroy(self.root)
