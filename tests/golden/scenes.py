"""The golden scenes: small pictures of all that is drawn, the same on every run.

A scene is a function that fills a stage and turns its camera; everything in it is made up from fixed numbers.
What `check` says of it is binding: the picture of a `compare` scene is held against a PNG of its name beside this
file, a `run` scene has to be drawn without an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from calf_gpu.view import SwarmView
from scene_frames import bowl, make_frame, make_header

if TYPE_CHECKING:
    from golden.draw import Stage, UrsinaStage

HALF = 3.5
EXTENT = (-HALF, HALF, -HALF, HALF)
MODES = 3


@dataclass(frozen=True)
class Scene:
    """A golden scene; `host` is what it runs in: plain Panda3D, or Ursina for parts of the application."""

    name: str
    check: Literal["run", "compare"]
    host: Literal["panda", "ursina"]
    draw: Callable


SCENES: dict[str, Scene] = {}


def scene(check: Literal["run", "compare"], host: Literal["panda", "ursina"] = "panda") -> Callable:
    def register(draw: Callable) -> Callable:
        SCENES[draw.__name__] = Scene(draw.__name__, check, host, draw)
        return draw

    return register


# -- landscape -------------------------------------------------------------------------------------------


@scene("compare")
def landscape_flat(stage: Stage) -> None:
    """A critic without any shape (an empty range of heights): grid lines, axes and the goal."""
    view = surface(stage, np.full((5, 5), -2.0))
    view.landscape.set_goal((0.5, -0.5), 0.4)


@scene("compare")
def landscape_smooth(stage: Stage) -> None:
    """A critic of a plausible shape with level sets."""
    view = surface(stage, bowl())
    view.landscape.set_goal((0.0, 0.0), 0.2)


@scene("compare")
def landscape_spiky(stage: Stage) -> None:
    """White noise on the coarsest mesh that has all its nodes: no lines, nothing smooth."""
    view = surface(stage, noise(9), resolution=33)
    view.landscape.show_grid_lines(False)
    view.landscape.show_contours(False)


@scene("compare")
def certificate_overlay(stage: Stage) -> None:
    """Hatching where the κ bounds fail, the live boundary, no grid lines."""
    view = surface(stage, bowl())
    view.landscape.show_grid_lines(False)
    view.landscape.show_overlay(True)
    view.landscape.set_certificate(-13.99, (2.2, 12.0), norm_offset=0.5)


# -- agents ----------------------------------------------------------------------------------------------


@scene("compare")
def certificate_distances(stage: Stage) -> None:
    """The same critic where the bounds go by the distance from a line."""
    q = bowl()
    view = surface(stage, q, distances=True)
    view.landscape.show_overlay(True)
    axis = np.linspace(-HALF, HALF, 21)
    view.landscape.set_distances(0.3 + np.abs(axis[None, :] + 0.6 * axis[:, None]), 1)
    view.landscape.set_certificate(-13.99, (2.2, 12.0))


@scene("compare")
def agents_off_the_surface(stage: Stage) -> None:
    """Cones whose own critic values are further and further from the surface's."""
    view = surface(stage, bowl(), n=8, shape="cone", own_values=True)
    points = clock(8, 2.0)
    own = -4.0 * np.arange(8.0)
    view.update(points, 0.7 * np.arange(8), np.arange(8) % MODES, values=own)


@scene("compare")
def agents_spheres(stage: Stage) -> None:
    """Point masses in all modes near the eye, the training agent among them."""
    view = surface(stage, bowl(), n=7, agent_radius=0.3)
    view.update(clock(7, 2.0), modes=np.arange(7) % MODES)


@scene("compare")
def agents_cones(stage: Stage) -> None:
    """Vehicles with all headings on slopes, the training agent among them."""
    view = surface(stage, bowl(), n=10, shape="cone", agent_radius=0.16)
    view.update(clock(10, 2.3), np.linspace(-np.pi, np.pi, 10), np.arange(10) % MODES)


@scene("compare")
def cpu_heights_spheres(stage: Stage) -> None:
    """Heights of surface and agents computed by NumPy."""
    view = surface(stage, noise(7), n=12, agent_radius=0.2, cpu_heights=True)
    view.update(clock(12, 2.2), modes=np.arange(12) % MODES)


@scene("compare")
def cpu_heights_cones(stage: Stage) -> None:
    """The same for vehicles, under the overlay."""
    view = surface(stage, bowl(9), n=8, shape="cone", agent_radius=0.2, cpu_heights=True)
    view.landscape.show_overlay(True)
    view.landscape.set_certificate(-19.99, (2.5, 1000.0))
    view.update(clock(8, 2.4), np.arange(8.0), np.arange(8) % MODES)


# -- trails ----------------------------------------------------------------------------------------------


@scene("compare")
def trails_wrapped(stage: Stage) -> None:
    """The ring has wrapped twice; then the critic changed, and the trails lie on the new surface."""
    view = surface(stage, noise(7), n=5, trail_length=60, trail_decimation=1, trail_width=4.0)
    walk(stage, view, 150)
    view.show_critic(bowl(), 2)


@scene("compare")
def trails_respawned(stage: Stage) -> None:
    """Episodes of different lengths, thinned out to every fourth step; the last agent came late."""
    view = surface(stage, bowl(), n=5, trail_length=80, trail_decimation=4)
    walk(stage, view, 50, episodes=(17, 23, 31, 42, 999))
    view.resize(6)
    walk(stage, view, 45, episodes=(17, 23, 31, 42, 999, 20), start=50)


@scene("compare")
def trails_lines(stage: Stage) -> None:
    """The cheap style, wrapped, with respawns."""
    view = surface(stage, bowl(), n=6, trail_length=70, trail_style="line", trail_decimation=2)
    walk(stage, view, 160, episodes=(999, 61, 999, 40, 999, 75))


@scene("compare")
def trails_uploaded_whole(stage: Stage) -> None:
    """Records uploaded as a whole, as where raw OpenGL cannot be had; wrapped, ribbons."""
    view = surface(stage, bowl(), n=4, trail_length=50, trail_decimation=1, upload="whole")
    walk(stage, view, 120, episodes=(999, 45, 999, 999))


@scene("compare")
def trail_lines_uploaded_whole(stage: Stage) -> None:
    """The same records as lines."""
    view = surface(
        stage, bowl(), n=4, trail_length=50, trail_style="line", trail_decimation=1, upload="whole"
    )
    walk(stage, view, 120, episodes=(999, 45, 999, 999))


# -- parts of the application ----------------------------------------------------------------------------

BLOCKS = {
    "Run": [("system", "point_mass"), ("episode", "12 / 500"), ("steps", "3 710")],
    "Episode": [("reward", "−128.5"), ("length", "71"), ("mode", "td3")],
    "Training": [("critic loss", "7.1"), ("actor loss", "28.6")],
    "CALF": [("P relax", "0.47"), ("mode", "nominal")],
    "Critic": [("Q(s, a)", "−24.7"), ("Q†", "−20.0"), ("ν̄", "0.01")],
    "κ bounds": [("κ low(‖s‖)", "0.05"), ("−Q", "24.7"), ("κ up(‖s‖)", "4904")],
    "Picture": [("agents", "6"), ("range of q²", "1 … 900")],
}


@scene("compare", "ursina")
def hud(stage: UrsinaStage) -> None:
    """All panels, the legend with the overlay's signs, the timeline and a notice."""
    display = stage.hud()
    display.show_header(make_header())
    for title, rows in BLOCKS.items():
        display.set_block(title, rows)
    display.explain_overlay(True)
    for step in range(400):
        display.timeline.push(step, float("nan") if step % 100 < 5 else -30 + 20 * (step % 100) / 100)
    display.message("shaders/trails.frag:12: 'colour' undeclared")


@scene("compare", "ursina")
def hud_help(stage: UrsinaStage) -> None:
    """The list of keys and the profiler's table."""
    display = stage.hud()
    display.show_header(make_header())
    display.table([("training", "1.52 ms"), ("render", "10.03 ms"), ("draw calls", "9")])
    display.help_visible = True


@scene("run", "ursina")
def entities(stage: UrsinaStage) -> None:
    """The scene of the baseline; only run here, since tests/app compares it with the GPU's."""
    from calf_gpu.app.visuals.entity_scene import EntityScene

    crowd(stage, EntityScene, trails="per_agent", heights="loop")


@scene("run", "ursina")
def swarm(stage: UrsinaStage) -> None:
    """The scene of the application with axes and labels, whose glyphs are Ursina's; only run."""
    from calf_gpu.app.visuals.swarm_scene import SwarmScene

    crowd(stage, SwarmScene, heights="gpu")


# -- what they are made of -------------------------------------------------------------------------------


def surface(stage: Stage, q: np.ndarray, n: int = 0, trail_length: int = 1, **options) -> SwarmView:
    """A view of the critic `q` that fills the picture; agents are near the eye unless they leave trails."""
    far = n == 0 or trail_length > 1
    stage.look(
        (2.2, -8.2, 5.0) if far else (1.5, -6.2, 4.0), (-0.45, -0.15, 0.15) if far else (-0.05, 0.0, 0.3)
    )
    view = stage.view(EXTENT, max(n, 1), trail_length, **{"agent_radius": 0.13} | options)
    if n == 0:
        view.agents.root.hide()
    view.show_critic(q, 1)
    return view


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(-4.0, -0.5, (size, size)).astype(np.float32)


def clock(n: int, radius: float) -> np.ndarray:
    """(N, 2) points around the middle, none in a symmetric place."""
    angle = 2 * np.pi * np.arange(n) / n + 0.3
    return (
        np.stack([1.15 * np.cos(angle), 0.8 * np.sin(angle)], axis=1)
        * np.linspace(0.6, 1, n)[:, None]
        * radius
    )


def walk(stage: Stage, view: SwarmView, steps: int, episodes: tuple[int, ...] = (), start: int = 0) -> None:
    """Agents wind their way, their modes change, episodes end; a frame is drawn every few steps."""
    n = view.agents.count
    each = np.arange(n)
    for step in range(start, start + steps):
        angle = 0.045 * step * (1 + 0.15 * each) + 2 * np.pi * each / n
        reach = 1.2 + 1.7 * each / n + 0.35 * np.sin(0.21 * step + each)
        points = np.stack([1.1 * reach * np.cos(angle), reach * np.sin(angle)], axis=1)
        respawned = np.array([step % length == 0 for length in episodes or [10**6] * n])
        points += 0.8 * np.stack([step // np.array(episodes or [10**6] * n) % 2] * 2, axis=1)
        view.update(points, angle + np.pi / 2, (step // 12 + each) % MODES, respawned)
        if step % 7 == 0:
            stage.frame()


def crowd(stage: UrsinaStage, kind: type, **options) -> None:
    """Twenty frames of a scene of the application."""
    from calf_gpu.app.config.visualization_config import VisualizationConfig
    from calf_gpu.app.utils.performance_profiler import PerformanceProfiler

    view = VisualizationConfig.of(trail_length=30, **options).view
    shown = kind(view, make_header(heading=2), PerformanceProfiler(warmup=0), 6)
    stage.keep(shown)
    stage.look((2.6, 5.4, -8.6), (0.0, 0.25, -0.35))
    for step in range(20):
        states = np.column_stack([clock(6, 1 + 0.07 * step), np.full(6, 0.1 * step)])
        shown.show(make_frame(step, states, np.arange(6) % MODES))
