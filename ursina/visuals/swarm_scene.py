"""The scene out of GPU buffers: landscape, all agents and all trails, one draw call each."""

from __future__ import annotations

import numpy as np
from config.visualization_config import VisualizationConfig
from training.frame_state import FrameState, TrainingStats
from training.systems import System
from utils.performance_profiler import PerformanceProfiler

from calf_gpu.agents import Agents
from calf_gpu.colormap import lookup_texture
from calf_gpu.landscape import Landscape
from calf_gpu.qgrid import QGrid
from ursina import Entity, application, destroy
from visuals.axes import Axes, nice_step
from visuals.batched_trail_renderer import BatchedTrailRenderer
from visuals.critic_heatmap import CriticHeatmap
from visuals.line_trail import LINE_LIFT, LineTrails
from visuals.scene import AgentArrays, Part, Trails, colormap_colors, gather, plane_node

RESOLUTION = 129
"""Vertices of the landscape along an axis: finer than any grid of values that training keeps up with."""
CONTOURS = 14
"""Level sets of Q over its range, about."""


class SwarmScene:
    """Landscape, agents and trails drawn by the renderer library.

    Parameters
    ----------
    config, system, profiler
        Options, what is shown, and who times the sections ``agents``, ``trails`` and ``heatmap``. Heights come
        from NumPy with ``heights=numpy`` and out of the shaders with ``gpu``; the picture is the same.
    """

    def __init__(self, config: VisualizationConfig, system: System, profiler: PerformanceProfiler) -> None:
        self.heatmap = CriticHeatmap(system.plane_extent)
        self._config = config
        self._system = system
        self._profiler = profiler
        self._on_cpu = config.heights != "gpu"
        self._last_step = -1
        self._certificate: tuple[float, ...] = ()
        self.root = Entity(name="swarm_scene")
        self._axes = Axes(self.root, system, config.height_scale)
        plane = plane_node(self.root, config.height_scale)
        self._grid = QGrid(system.plane_extent, config.grid_size)
        lookup = lookup_texture(colormap_colors(config.colormap))
        self._landscape = Landscape(self._grid, RESOLUTION, lookup, cpu_heights=self._on_cpu)
        self._landscape.root.reparent_to(plane)
        goal0, goal1 = map(float, system.goal[:2])
        self._landscape.set_goal((goal0, goal1), system.goal_radius)
        count = 1 + config.n_agents
        shape = "sphere" if system.heading_axis is None else "cone"
        self._agents = Agents(self._grid, count, shape, config.agent_size, cpu_heights=self._on_cpu)
        self._agents.root.reparent_to(plane)
        self._records = np.zeros((count, 4), np.float32)
        self._trails: Trails = (
            BatchedTrailRenderer(plane, self._grid, count, config)
            if config.trails == "ring"
            else LineTrails(self.root, count, config.trail_length)
        )

    def show(self, frame: FrameState) -> None:
        """Bring the picture up to date with a frame."""
        with self._profiler.section("heatmap"):
            self._show_critic(frame)
        agents = gather(frame, self._system.heading_axis)
        with self._profiler.section("agents"):
            self._resize(len(agents.points))
            self._move_agents(agents)
        self._axes.face(application.base.cam)
        if frame.step == self._last_step:
            return  # paused: the trails have this step already
        self._last_step = frame.step
        with self._profiler.section("trails"):
            for step in frame.earlier:
                self._push_trails(gather(step, self._system.heading_axis))
            self._push_trails(agents)

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide the landscape, its grid lines or the certificate overlay."""
        if part == "grid":
            self._landscape.show_grid_lines(on)
        elif part == "overlay":
            self._landscape.show_overlay(on)
        elif on:
            self._landscape.root.show()
        else:
            self._landscape.root.hide()
        return True

    def close(self) -> None:
        """Release the buffers and take everything out of the scene graph."""
        self._trails.close()
        self._agents.records.close()
        self._axes.close()
        destroy(self.root)

    def _show_critic(self, frame: FrameState) -> None:
        """Hand over the critic's values if they are new, and what the overlay needs."""
        self._set_certificate(frame.stats)
        if not self.heatmap.update(frame.q_grid, frame.q_version):
            return
        self._grid.set(frame.q_grid, frame.q_version)
        self._grid.set_range(self.heatmap.lo, self.heatmap.hi)
        q_range = float(np.ptp(frame.q_grid))
        self._landscape.set_contour_step(nice_step(q_range / CONTOURS) if q_range > 0 else 1.0)
        if self._on_cpu:
            heights = self.heatmap.heights(self._landscape.points)
            self._landscape.set_heights(heights.reshape(RESOLUTION, RESOLUTION))
            self._profiler.count("mesh_updates")

    def _set_certificate(self, stats: TrainingStats) -> None:
        """Move the live boundary Q = Q† + ν̄ and the κ bounds; the plane's hidden axes stand at the goal's."""
        certificate = (stats.q_certified, stats.nu_bar, *stats.kappa_coefficients)
        if certificate != self._certificate:
            self._certificate = certificate
            self._landscape.set_certificate(stats.q_certified, stats.nu_bar, stats.kappa_coefficients)

    def _move_agents(self, agents: AgentArrays) -> None:
        self._records[:, :2] = agents.points
        self._records[:, 2] = agents.headings
        self._records[:, 3] = agents.codes
        heights = self.heatmap.heights(agents.points).astype(np.float32) if self._on_cpu else None
        self._agents.update(self._records, heights)

    def _push_trails(self, agents: AgentArrays) -> None:
        if isinstance(self._trails, BatchedTrailRenderer):
            self._trails.push(agents)
            return
        heights = self._config.height_scale * self.heatmap.heights(agents.points) + LINE_LIFT
        self._profiler.count("mesh_updates", self._trails.push(agents, heights))

    def _resize(self, count: int) -> None:
        """Add or remove agents and their trails at the end."""
        if count == self._agents.count:
            return
        self._agents.resize(count)
        self._trails.resize(count)
        self._records = np.zeros((count, 4), np.float32)
