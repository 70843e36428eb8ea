"""The choice of the scene: what the options ask for, as far as the OpenGL context can do it."""

from __future__ import annotations

from calf_gpu.app.config.visualization_config import MAX_TRAIL_RECORDS, RANGES, VisualizationConfig
from calf_gpu.app.systems import System
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.entity_scene import EntityScene
from calf_gpu.app.visuals.scene import Scene
from calf_gpu.app.visuals.swarm_scene import SwarmScene
from panda3d.core import GraphicsStateGuardian

from calf_gpu.context import missing_features


def choose_scene(
    config: VisualizationConfig, system: System, gsg: GraphicsStateGuardian, profiler: PerformanceProfiler
) -> tuple[Scene, str | None]:
    """Return the scene that the options ask for, and a line of notice if the context made it another one.

    ``heights=loop`` is the entity scene, the others the swarm scene. A context without what the shaders need
    gets the entity scene with one vectorised height query a frame.
    """
    shaders_wanted = config.heights != "loop" or config.trails == "ring"
    records = (1 + config.n_agents) * (1 + config.trail_length) if config.trails == "ring" else 0
    missing = missing_features(gsg, records) if shaders_wanted else []
    if missing:
        notice = f"this OpenGL context lacks {', '.join(missing)}: heights by NumPy, a mesh per trail"
        return EntityScene(config, system, profiler, loop=config.heights == "loop", ring=False), notice
    if config.heights == "loop":
        return EntityScene(config, system, profiler, loop=True, ring=config.trails == "ring"), None
    return SwarmScene(config, system, profiler), None


def most_agents(config: VisualizationConfig, gsg: GraphicsStateGuardian) -> int:
    """Return how many agents of the swarm can be shown with trails of this length, the training agent beside them."""
    records = MAX_TRAIL_RECORDS
    if config.trails == "ring" and gsg.get_supports_buffer_texture():
        records = min(records, gsg.get_max_buffer_texture_size())
    return max(1, min(int(RANGES["n_agents"][1]), records // (config.trail_length + 1) - 1))
