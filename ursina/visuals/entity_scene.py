"""The scene as entities: one for every agent, grid node and grid line, and meshes of its own for every trail.

This is the structure that the swarm scene replaces, written the way Ursina's manual would have it: its own
sphere, models shared, and only what changed rebuilt. It needs no shader of ours, so it also is what a graphics
driver gets that cannot run them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import TransparencyAttrib
from ursina import Entity, Mesh, application, destroy

from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.stream.frame import Frame, Step, steps_after
from calf_gpu.app.stream.header import Header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals import shapes
from calf_gpu.app.visuals.axes import Axes
from calf_gpu.app.visuals.batched_trail_renderer import BatchedTrailRenderer
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from calf_gpu.app.visuals.line_trail import LINE_LIFT, LineTrails
from calf_gpu.app.visuals.plane import Plane
from calf_gpu.app.visuals.scene import (
    Part,
    TrailPoints,
    Trails,
    agent_radius,
    colormap_colors,
    mode_colors,
    plane_node,
)
from calf_gpu.app.visuals.visual_agent import VisualAgent
from calf_gpu.palette import BAD_COLOR, HIGHLIGHT_BIT, code_colors
from calf_gpu.programs import ProgramSwitch
from calf_gpu.qgrid import QGrid

SUBDIVISION = 3
"""Quads of the surface along a side of a cell, so that it follows the bilinear cells closely."""
NODE_RADIUS = 0.022
GOAL_POINTS = 49
LINE_COLOR = (1.0, 1.0, 1.0, 0.55)
NODE_COLOR = (0.92, 0.94, 0.97, 1.0)


class EntityScene:
    """Landscape, agents and trails as Ursina entities, moved one by one.

    Parameters
    ----------
    options, header, profiler
        How it is shown, what is shown, and who times the sections ``agents``, ``trails`` and ``heatmap``.
    agents
        Number of agents M to begin with.
    loop
        Ask for the height of every agent on its own instead of all at once.
    ring
        Draw the trails from the trail ring, which needs shaders, instead of a mesh per agent.
    """

    def __init__(
        self,
        options: ViewOptions,
        header: Header,
        profiler: PerformanceProfiler,
        agents: int,
        loop: bool = True,
        ring: bool = False,
    ) -> None:
        self._plane = Plane(header)
        grid = QGrid(self._plane.extent)
        self.heatmap = CriticHeatmap(grid)
        self.agents: list[VisualAgent] = []
        self._options = options
        self._header = header
        self._profiler = profiler
        self._loop = loop
        self._last_step = -1
        self._before: Step | None = None
        self._colors = code_colors(np.arange(2.0 * HIGHLIGHT_BIT), mode_colors(header)).tolist()
        self.root = Entity(name="entity_scene")
        self._axes = Axes(self.root, header, self._plane, options.height_scale)
        self._surface = _Surface(self.root, self.heatmap, options)
        self._grid = _GridEntities(self.root, self.heatmap, options.height_scale)
        self._goal = _GoalRing(self.root, header, self._plane, self.heatmap, options.height_scale)
        self._agents_root = Entity(parent=self.root, name="agents")
        self._shape = shapes.sphere() if header.heading is None else shapes.cone(20)
        self._radius = agent_radius(options, header, agents)
        colors = mode_colors(header)
        self._trails: Trails = (
            BatchedTrailRenderer.on_plane(
                plane_node(self.root, options.height_scale), grid, agents, options, colors
            )
            if ring
            else LineTrails(self.root, agents, options.trail_length, colors)
        )

    @property
    def programs(self) -> list[ProgramSwitch]:
        """No shader programs of ours that could be edited while it runs."""
        return []

    def show(self, frame: Frame) -> None:
        """Bring the picture up to date with a frame."""
        with self._profiler.section("heatmap"):
            self._show_critic(frame)
        with self._profiler.section("agents"):
            self._resize(frame.agents)
            heights = self._move_agents(frame.now)
        self._axes.face(application.base.cam)
        with self._profiler.section("trails"):
            for step in steps_after(frame, self._last_step):
                self._push_trails(step, heights if step is frame.now else None)
        self._last_step = frame.number

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide the landscape or the grid; there is no overlay here."""
        if part == "landscape":
            self._surface.entity.visible = on
        elif part == "grid":
            self._grid.root.visible = on
        return part != "overlay"

    def close(self) -> None:
        """Take everything out of the scene graph."""
        self._trails.close()
        self._resize(0)
        self._axes.close()
        destroy(self.root)

    def _show_critic(self, frame: Frame) -> None:
        """Rebuild what depends on the critic's values, if they are new."""
        if frame.grid is not None and self.heatmap.update(frame.grid.values, frame.grid.version):
            rebuilt = self._surface.rebuild() + self._grid.rebuild() + self._goal.rebuild()
            self._profiler.count("mesh_updates", rebuilt)

    def _heights(self, points: NDArray[np.float32]) -> NDArray[np.floating]:
        """Return the (N,) heights of the surface in the world, asked for one by one or all at once."""
        if not self._loop:
            return self._options.height_scale * self.heatmap.heights(points)
        return np.array([self._options.height_scale * self.heatmap.height_of(point) for point in points])

    def _move_agents(self, now: Step) -> NDArray[np.floating]:
        """Put every agent on the surface; return the (M,) heights of the surface under them."""
        points = self._plane.points(now)
        heights = self._heights(points)
        radius = self._radius
        rows = zip(
            self.agents, points, heights, self._plane.headings(now), self._plane.codes(now), strict=True
        )
        for agent, (a0, a1), height, heading, code in rows:
            agent.place(float(a0), float(height) + radius, float(a1), float(heading))
            agent.show_code(int(code))
        return heights

    def _push_trails(self, step: Step, heights: NDArray[np.floating] | None) -> None:
        """Add a step to the trails; its heights (M,) are asked for where they are not known yet."""
        breaks = self._plane.breaks(step, self._before)
        self._before = step
        points = TrailPoints(self._plane.points(step), self._plane.codes(step), breaks)
        if heights is None:
            heights = self._heights(points.points)
        self._profiler.count("mesh_updates", self._trails.push(points, heights + LINE_LIFT))

    def _resize(self, count: int) -> None:
        """Add or remove agents and their trails at the end."""
        if count == len(self.agents):
            return
        while len(self.agents) > count:
            destroy(self.agents.pop())
        while len(self.agents) < count:
            agent = VisualAgent(self._agents_root, shapes.copy(self._shape), self._radius, self._colors)
            self.agents.append(agent)
        if count:
            self._trails.resize(count)


class _Surface:
    """The landscape: a mesh coloured and lit by its vertices."""

    def __init__(self, parent: Entity, heatmap: CriticHeatmap, options: ViewOptions) -> None:
        self._heatmap = heatmap
        self._scale = options.height_scale
        self._lookup = colormap_colors(options.colormap)
        self.mesh = Mesh(static=False)
        self.entity = Entity(parent=parent, model=self.mesh, double_sided=True)
        self.mesh.set_transparency(TransparencyAttrib.M_none)

    def rebuild(self) -> int:
        """Take the heights of the newest critic; return the number of meshes rebuilt."""
        points, shape = surface_points(self._heatmap)
        heights = self._heatmap.heights(points).reshape(shape)
        slope1, slope0 = np.gradient(
            self._scale * heights, points[:: shape[1], 1], points[: shape[1], 0], edge_order=1
        )
        normals = np.stack([-slope0, -slope1, np.ones(shape)], axis=-1).reshape(-1, 3)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        # Colours follow the root of the height, as in shaders/landscape.vert.
        colors = self._lookup[np.rint(np.sqrt(heights.ravel()) * (len(self._lookup) - 1)).astype(np.intp)]
        shown = colors * shapes.light(normals)
        shown[self._heatmap.bad_at(points)] = BAD_COLOR
        self.mesh.vertices = shapes.flat_vertices(np.column_stack([points, self._scale * heights.ravel()]))
        self.mesh.triangles = np.ascontiguousarray(shapes.grid_triangles(*shape), np.uint32).ravel()
        self.mesh.colors = shapes.flat_colors(shown)
        self.mesh.generate()
        return 1


class _GridEntities:
    """A sphere for every node of the Q-grid and a line for each of its rows and columns."""

    def __init__(self, parent: Entity, heatmap: CriticHeatmap, height_scale: float) -> None:
        self.root = Entity(parent=parent, name="grid")
        self._heatmap = heatmap
        self._scale = height_scale
        self._sphere = shapes.sphere()
        self._nodes: list[Entity] = []
        self._lines: list[Entity] = []

    def rebuild(self) -> int:
        """Put nodes and lines on the newest critic; return the number of meshes rebuilt."""
        rows, columns = self._heatmap.q_grid.shape
        if (len(self._nodes), len(self._lines)) != (rows * columns, rows + columns):
            self._make(rows, columns)
        points, shape = surface_points(self._heatmap)
        heights = self._scale * self._heatmap.heights(points)
        surface = np.column_stack([points, heights + LINE_LIFT]).reshape(*shape, 3)
        for node, (a0, a1, height) in zip(
            self._nodes, surface[::SUBDIVISION, ::SUBDIVISION].reshape(-1, 3).tolist(), strict=True
        ):
            node.set_pos(a0, height, a1)
        lines = [*surface[::SUBDIVISION], *surface.transpose(1, 0, 2)[::SUBDIVISION]]
        for line, along in zip(self._lines, lines, strict=True):
            line.model.vertices = shapes.flat_vertices(along)
            line.model.generate()
        return len(lines)

    def _make(self, rows: int, columns: int) -> None:
        for entity in [*self._nodes, *self._lines]:
            destroy(entity)
        self._nodes = [
            Entity(parent=self.root, model=shapes.copy(self._sphere), scale=NODE_RADIUS, color=NODE_COLOR)
            for _ in range(rows * columns)
        ]
        self._lines = [
            Entity(parent=self.root, model=Mesh(mode="line", static=False, thickness=1), color=LINE_COLOR)
            for _ in range(rows + columns)
        ]


class _GoalRing:
    """A ring around the goal that lies on the surface."""

    def __init__(
        self, parent: Entity, header: Header, plane: Plane, heatmap: CriticHeatmap, height_scale: float
    ) -> None:
        angle = np.linspace(0.0, 2.0 * np.pi, GOAL_POINTS)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        center, radius = plane.goal(header.goal) if header.goal else ((0.0, 0.0), 0.0)
        self._points = center + radius * circle
        self._heatmap = heatmap
        self._scale = height_scale
        self._mesh = Mesh(mode="line", static=False, thickness=2)
        Entity(parent=parent, model=self._mesh)

    def rebuild(self) -> int:
        """Lay the ring on the newest critic; return the number of meshes rebuilt."""
        heights = self._scale * self._heatmap.heights(self._points) + LINE_LIFT
        self._mesh.vertices = shapes.flat_vertices(np.column_stack([self._points, heights]))
        self._mesh.generate()
        return 1


def surface_points(heatmap: CriticHeatmap) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the surface's plane points (R·C, 2), row by row, and (R, C); every third is a node of the grid."""
    x0, x1, y0, y1 = heatmap.extent
    rows, columns = (SUBDIVISION * (count - 1) + 1 for count in heatmap.q_grid.shape)
    a0, a1 = np.meshgrid(np.linspace(x0, x1, columns), np.linspace(y0, y1, rows))
    return np.column_stack([a0.ravel(), a1.ravel()]), (rows, columns)
