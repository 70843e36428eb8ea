"""The choice of the scene: what the options ask for, as far as the OpenGL context can do it."""

from __future__ import annotations

from panda3d.core import GraphicsStateGuardian

from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.config.visualization_config import MAX_TRAIL_RECORDS
from calf_gpu.app.stream.commands import MAX_AGENTS
from calf_gpu.app.stream.header import Header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.entity_scene import EntityScene
from calf_gpu.app.visuals.scene import Scene
from calf_gpu.app.visuals.swarm_scene import SwarmScene
from calf_gpu.context import missing_features


def choose_scene(
    options: ViewOptions,
    header: Header,
    gsg: GraphicsStateGuardian,
    profiler: PerformanceProfiler,
    agents: int,
) -> tuple[Scene, str | None]:
    """Return the scene that the options ask for, and a line of notice if the context made it another one.

    ``heights=loop`` is the entity scene, the others the swarm scene. A context without what the shaders need
    gets the entity scene with one vectorised height query a frame. ``agents`` is their number M to begin with.
    """
    ring = options.trails == "ring"
    loop = options.heights == "loop"
    missing = missing_features(gsg, agents * (1 + options.trail_length) * ring) if ring or not loop else []
    if missing:
        notice = f"this OpenGL context lacks {', '.join(missing)}: heights by NumPy, a mesh per trail"
        return EntityScene(options, header, profiler, agents, loop=loop, ring=False), notice
    if loop:
        return EntityScene(options, header, profiler, agents, loop=True, ring=ring), None
    return SwarmScene(options, header, profiler, agents), None


def most_agents(options: ViewOptions, gsg: GraphicsStateGuardian) -> int:
    """Return how many agents of the swarm can be shown with trails of this length, the training agent beside them."""
    records = MAX_TRAIL_RECORDS
    if options.trails == "ring" and gsg.get_supports_buffer_texture():
        records = min(records, gsg.get_max_buffer_texture_size())
    return max(1, min(MAX_AGENTS, records // (options.trail_length + 1) - 1))
