"""The scene out of GPU buffers: landscape, all agents and all trails, one draw call each."""

from __future__ import annotations

import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import System
from calf_gpu.app.training.frame_state import FrameState, TrainingStats
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.axes import Axes
from calf_gpu.app.visuals.batched_trail_renderer import BatchedTrailRenderer
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from calf_gpu.app.visuals.line_trail import LINE_LIFT, LineTrails
from calf_gpu.app.visuals.scene import AgentArrays, Part, Trails, agent_radius, colormap_colors, gather
from ursina import Entity, application, destroy

from calf_gpu.programs import ProgramSwitch
from calf_gpu.view import SwarmView

RESOLUTION = 101
"""Vertices of the landscape along an axis: five a cell on the medium preset."""


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
        self._records = np.zeros((1 + config.n_agents, 4), np.float32)
        self.root = Entity(name="swarm_scene")
        self._axes = Axes(self.root, system, config.height_scale)
        self._view = self._make_view()
        self._trails: Trails = (
            BatchedTrailRenderer(self._view.trails)
            if config.trails == "ring"
            else LineTrails(self.root, len(self._records), config.trail_length)
        )

    @property
    def programs(self) -> list[ProgramSwitch]:
        """The shader programs that draw this scene, for hot reload."""
        view = self._view
        trails = [view.trails.program] if self._config.trails == "ring" else []
        return [view.landscape.program, *trails, view.agents.program]

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
        if isinstance(self._trails, LineTrails):
            self._trails.close()  # the view closes the ring itself
        self._view.close()
        self._axes.close()
        destroy(self.root)

    def _make_view(self) -> SwarmView:
        config, system = self._config, self._system
        ring = config.trails == "ring"
        view = SwarmView(
            application.base,
            system.plane_extent,
            len(self._records),
            config.trail_length if ring else 1,
            shape="sphere" if system.heading_axis is None else "cone",
            colors=colormap_colors(config.colormap),
            height_scale=config.height_scale,
            agent_radius=agent_radius(config, system, len(self._records)),
            resolution=RESOLUTION,
            cpu_heights=self._on_cpu,
            trail_style=config.trail_style,
            trail_width=config.trail_width,
            trail_decimation=min(config.trail_decimation, config.trail_length) if ring else 1,
            upload=config.trail_upload,
        )
        if not ring:
            view.trails.root.hide()
        goal0, goal1 = map(float, system.goal[:2])
        view.landscape.set_goal((goal0, goal1), system.goal_radius)
        view.root.reparent_to(self.root)
        return view

    def _show_critic(self, frame: FrameState) -> None:
        """Hand over the critic's values if they are new, and what the overlay needs."""
        self._set_certificate(frame.stats)
        if self.heatmap.update(frame.q_grid, frame.q_version):
            value_range = self.heatmap.lo, self.heatmap.hi
            self._view.show_critic(frame.q_grid, frame.q_version, value_range)
            self._profiler.count("mesh_updates", int(self._on_cpu))

    def _set_certificate(self, stats: TrainingStats) -> None:
        """Move the live boundary Q = Q† + ν̄ and the κ bounds; the plane's hidden axes stand at the goal's."""
        certificate = (stats.q_certified, stats.nu_bar, *stats.kappa_coefficients)
        if certificate != self._certificate:
            self._certificate = certificate
            self._view.landscape.set_certificate(stats.q_certified, stats.nu_bar, stats.kappa_coefficients)

    def _move_agents(self, agents: AgentArrays) -> None:
        self._records[:, :2] = agents.points
        self._records[:, 2] = agents.headings
        self._records[:, 3] = agents.codes
        heights = self.heatmap.heights(agents.points).astype(np.float32) if self._on_cpu else None
        self._view.agents.update(self._records, heights)

    def _push_trails(self, agents: AgentArrays) -> None:
        if isinstance(self._trails, BatchedTrailRenderer):
            self._trails.push(agents)
        else:
            heights = self._config.height_scale * self.heatmap.heights(agents.points) + LINE_LIFT
            self._profiler.count("mesh_updates", self._trails.push(agents, heights))

    def _resize(self, count: int) -> None:
        """Add or remove agents and their trails at the end."""
        if count == self._view.agents.count:
            return
        self._view.resize(count)
        self._view.agents.set_radius(agent_radius(self._config, self._system, count))
        self._trails.resize(count)
        self._records = np.zeros((count, 4), np.float32)
