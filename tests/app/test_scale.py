"""Crowds: Python does not touch agents one by one, and the picture of thousands is that of every single step."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.publication import Publication
from offscreen import run_script

FEW, MANY = 10, 10_000

SCENE = """
import sys
sys.path.insert(0, "tests/app")
import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from scene_frames import make_frame, make_header
from test_scale import FEW, MANY, calls
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.window import Window

window = Window((64, 36), offscreen=True, vsync=False)
from calf_gpu.app.visuals.swarm_scene import SwarmScene

counts = {}
for agents in (FEW, MANY):
    config = VisualizationConfig.of(trail_length=20, heights="<heights>")
    header = make_header(heading=<heading>)
    scene = SwarmScene(config.view, header, PerformanceProfiler(warmup=0), agents + 1)
    rng = np.random.default_rng(0)
    frames = [make_frame(step, rng.normal(size=(agents + 1, len(header.axes)))) for step in range(4)]
    for frame in frames[:2]:
        scene.show(frame)
        window.draw()
    counts[agents] = [calls(lambda: scene.show(frame)) for frame in frames[2:]]
    scene.close()
assert counts[FEW] == counts[MANY], (counts[FEW], counts[MANY])
"""

FLIP = """
import numpy as np
from panda3d.core import load_prc_file_data
load_prc_file_data("", "win-size 640 360")
from direct.showbase.ShowBase import ShowBase
from calf_gpu.palette import BACKGROUND
from calf_gpu.trails import CASING_PX, CROWD
from calf_gpu.view import SwarmView
from scene_frames import bowl
from calf_gpu.app.systems import SYSTEMS

AGENTS, LENGTH = 10_000, 600
base = ShowBase()
base.set_background_color(*map(float, BACKGROUND))
base.camLens.set_min_fov(38.0)
base.cam.set_pos(2.2, -8.2, 5.0)
base.cam.look_at(-0.45, -0.15, 0.15)
system = SYSTEMS["<system>"]


def picture(decimation):
    view = SwarmView(base, system.plane_extent, AGENTS, LENGTH, agent_radius=0.027, trail_decimation=decimation)
    if decimation:  # as narrow as thinned ones are in such a crowd
        narrowing = (CROWD / AGENTS) ** 0.25
        view.trails.root.set_shader_inputs(ribbon_width=2.5 * narrowing, ribbon_casing=CASING_PX * narrowing)
    view.show_critic(bowl(), 1)
    rng = np.random.default_rng(3)
    states = system.sample_start(AGENTS, rng)
    steps = rng.integers(0, 500, AGENTS)
    modes = rng.integers(0, 3, AGENTS)
    for step in range(LENGTH + 9):
        states, _, terminated, _ = system.transition(states, system.nominal_action(states), steps)
        ended = terminated | (steps > 500)
        states[ended] = system.sample_start(int(ended.sum()), rng)
        steps = np.where(ended, 0, steps + 1)
        modes = np.where(rng.random(AGENTS) < 0.02, rng.integers(0, 3, AGENTS), modes)
        view.update(states[:, :2], modes=modes, respawned=ended)
    print(view.trails.thinning)
    for _ in range(2):
        base.graphicsEngine.render_frame()
    shot = base.win.get_screenshot()
    image = np.frombuffer(shot.get_ram_image_as("RGB"), np.uint8).reshape(360, 640, 3)[::-1] / np.float32(255)
    view.close()
    return np.ascontiguousarray(image)


import flip_evaluator
every_step, thinned = picture(1), picture(0)
_, flip, _ = flip_evaluator.evaluate(every_step, thinned, "LDR", applyMagma=False)
print("FLIP", flip)
assert every_step.std() > 0.05
assert flip <= 0.05, flip
"""


def calls(step: Callable[[], object]) -> dict[str, int]:
    """How often Python and C functions are called, by name, while ``step`` runs."""
    counted: Counter[str] = Counter()

    def note(frame, event, argument) -> None:
        if event == "call":
            counted[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            counted[argument.__qualname__] += 1

    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
    counted.pop("setprofile", None)
    return dict(counted)


@pytest.mark.parametrize("system", ["point_mass", "differential_drive"])
@pytest.mark.parametrize("policy", ["calf", "td3", "nominal"])
def test_a_step_of_the_swarm_makes_as_many_calls_with_ten_agents_as_with_ten_thousand(system, policy):
    counts = {}
    for agents in (FEW, MANY):
        publication = Publication(VisualizationConfig.of(system=system, swarm_policy=policy, n_agents=agents))
        made = []
        for _ in range(12):
            publication.swarm.episode_steps[0] = 10**6  # so that in each step somebody's episode ends
            made.append(calls(publication.swarm_step))
        counts[agents] = made[2:]
    assert counts[FEW] == counts[MANY]
    assert sum(counts[MANY][0].values()) > 20


def test_a_step_asks_actor_and_critic_once_for_all_agents():
    publication = Publication(VisualizationConfig.of(n_agents=MANY))
    learner = publication.run.trainer.learner
    publication.swarm_step()
    before, rows = learner.queries["swarm"], learner.rows["swarm"]
    publication.swarm_step()
    assert learner.queries["swarm"] - before == 1
    assert learner.rows["swarm"] - rows <= MANY


@pytest.mark.parametrize("heading", [None, 2])
@pytest.mark.parametrize("heights", ["gpu", "numpy"])
def test_showing_a_frame_makes_as_many_calls_with_ten_agents_as_with_ten_thousand(heading, heights):
    result = run_script(SCENE.replace("<heading>", str(heading)).replace("<heights>", heights))
    assert result.returncode == 0, result.stderr[-3000:]


def test_the_counter_of_calls_notices_a_loop():
    states = np.zeros((7, 2))
    assert calls(lambda: [float(state[0]) for state in states]) != calls(lambda: float(states[0, 0]))
    assert calls(lambda: [abs(state) for state in states])["abs"] == 7


@pytest.mark.slow
@pytest.mark.parametrize("system", ["point_mass", "differential_drive"])
def test_thinned_trails_of_ten_thousand_agents_look_like_all_their_points(system):
    result = run_script(FLIP.replace("<system>", system), timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
