"""The scene out of GPU buffers: landscape, all agents and all trails, one draw call each."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from ursina import Entity, application, destroy

from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.stream.frame import Frame, Step, steps_after
from calf_gpu.app.stream.header import Header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.axes import Axes
from calf_gpu.app.visuals.batched_trail_renderer import BatchedTrailRenderer
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from calf_gpu.app.visuals.line_trail import LINE_LIFT, LineTrails
from calf_gpu.app.visuals.plane import Plane
from calf_gpu.app.visuals.scene import Part, TrailPoints, Trails, agent_radius, colormap_colors, mode_colors
from calf_gpu.programs import ProgramSwitch
from calf_gpu.view import SwarmView

RESOLUTION = 101
"""Vertices of the landscape along an axis: five a cell on the medium preset."""

NO_BOUNDS = (-1e20, 1e20)
"""Bounds κ that hold wherever there is a distance to the goal."""

NOTHING = np.zeros(0)
"""Heights for trails that sample the surface themselves."""


class SwarmScene:
    """Landscape, agents and trails drawn by the renderer library.

    Parameters
    ----------
    options, header, profiler
        How it is shown, what is shown, and who times the sections ``agents``, ``trails`` and ``heatmap``. Heights
        come from NumPy with ``heights=numpy`` and out of the shaders with ``gpu``; the picture is the same.
    agents
        Number of agents M to begin with.
    """

    def __init__(
        self, options: ViewOptions, header: Header, profiler: PerformanceProfiler, agents: int
    ) -> None:
        self._options = options
        self._header = header
        self._profiler = profiler
        self._on_cpu = options.heights != "gpu"
        self._plane = Plane(header)
        self._last_step = -1
        self._before: Step | None = None
        self._needed = math.inf
        self._records = np.zeros((agents, 4), np.float32)
        self.root = Entity(name="swarm_scene")
        self._axes = Axes(self.root, header, self._plane, options.height_scale)
        self._view = self._make_view()
        self.heatmap = CriticHeatmap(self._view.grid)
        self._trails: Trails = (
            BatchedTrailRenderer(self._view.trails)
            if options.trails == "ring"
            else LineTrails(self.root, agents, options.trail_length, mode_colors(header))
        )

    @property
    def programs(self) -> list[ProgramSwitch]:
        """The shader programs that draw this scene, for hot reload."""
        view = self._view
        trails = [view.trails.program] if self._options.trails == "ring" else []
        return [view.landscape.program, *trails, view.agents.program]

    def show(self, frame: Frame) -> None:
        """Bring the picture up to date with a frame."""
        with self._profiler.section("heatmap"):
            self._show_critic(frame)
        with self._profiler.section("agents"):
            self._resize(frame.agents)
            self._move_agents(frame.now, frame.values)
        self._axes.face(application.base.cam)
        with self._profiler.section("trails"):
            for step in steps_after(frame, self._last_step):
                self._push_trails(step)
        self._last_step = frame.number

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide the landscape, its grid lines or the certificate overlay."""
        landscape = self._view.landscape
        if part == "grid":
            landscape.show_grid_lines(on)
        elif part == "overlay":
            landscape.show_overlay(on)
        elif on:
            landscape.root.show()
        else:
            landscape.root.hide()
        return True

    def close(self) -> None:
        """Release the buffers and take everything out of the scene graph."""
        if self._options.trails == "per_agent":
            self._trails.close()  # the view closes the ring itself
        self._view.close()
        self._axes.close()
        destroy(self.root)

    def _make_view(self) -> SwarmView:
        options, header = self._options, self._header
        ring = options.trails == "ring"
        view = SwarmView(
            application.base,
            self._plane.extent,
            len(self._records),
            options.trail_length if ring else 1,
            shape="sphere" if header.heading is None else "cone",
            colors=colormap_colors(options.colormap),
            mode_colors=mode_colors(header),
            height_scale=options.height_scale,
            agent_radius=agent_radius(options, header, len(self._records)),
            resolution=RESOLUTION,
            cpu_heights=self._on_cpu,
            own_values=header.hidden,
            distances=header.rule is not None,
            trail_style=options.trail_style,
            trail_width=options.trail_width,
            trail_decimation=min(options.trail_decimation, options.trail_length) if ring else 1,
            upload=options.trail_upload,
        )
        if not ring:
            view.trails.root.hide()
        if header.goal is not None:
            view.landscape.set_goal(*self._plane.goal(header.goal))
        view.landscape.set_grid_lines(*self._plane.grid_lines())
        view.root.reparent_to(self.root)
        return view

    def _show_critic(self, frame: Frame) -> None:
        """Hand over the critic's values if they are new, and what the overlay needs."""
        self._set_certificate(frame)
        grid = frame.grid
        if grid is None or not self.heatmap.update(grid.values, grid.version):
            return
        self._view.follow_critic()
        if grid.distances is not None and self._header.rule is not None:
            self._view.landscape.set_distances(grid.distances, grid.version)
        self._profiler.count("mesh_updates", int(self._on_cpu))

    def _set_certificate(self, frame: Frame) -> None:
        """Move the boundary of what is certified next; the bounds κ stay."""
        rule = self._header.rule
        if rule is None:
            return
        needed = float(frame.numbers[self._header.index(rule.needed)])
        if needed != self._needed:
            self._needed = needed
            self._view.landscape.set_certificate(needed, rule.kappa or NO_BOUNDS)

    def _move_agents(self, now: Step, values: NDArray[np.float32] | None) -> None:
        self._records[:, :2] = points = self._plane.points(now)
        self._records[:, 2] = self._plane.headings(now)
        self._records[:, 3] = self._plane.codes(now)
        heights = self.heatmap.heights(points).astype(np.float32) if self._on_cpu else None
        if values is None:
            values = np.full(len(points), np.nan, np.float32)
        self._view.agents.update(self._records, heights, values)

    def _push_trails(self, step: Step) -> None:
        breaks = self._plane.breaks(step, self._before)
        self._before = step
        points = TrailPoints(self._plane.points(step), self._plane.codes(step), breaks)
        heights: NDArray[np.floating] = NOTHING
        if self._options.trails == "per_agent":
            heights = self._options.height_scale * self.heatmap.heights(points.points) + LINE_LIFT
        self._profiler.count("mesh_updates", self._trails.push(points, heights))

    def _resize(self, count: int) -> None:
        """Add or remove agents and their trails at the end."""
        if count == self._view.agents.count:
            return
        self._view.resize(count)
        self._view.agents.set_radius(agent_radius(self._options, self._header, count))
        self._trails.resize(count)
        self._records = np.zeros((count, 4), np.float32)
