"""Scenes from outside: what agents, trails and pixels do when frames are shown. One Ursina a process."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.visuals import shapes
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from calf_gpu.app.visuals.scene import AGENT_RADIUS, agent_radius, colormap_colors
from calf_gpu.palette import HIGHLIGHT_COLOR, MODE_COLORS
from calf_gpu.qgrid import QGrid
from offscreen import ROOT, run_script
from scene_frames import bowl, make_header

EXTENT = (-3.5, 3.5, -3.5, 3.5)
HEAD = """
import sys
import numpy as np
from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.config.visualization_config import VisualizationConfig
from scene_frames import bowl, make_frame, make_header, make_step
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.window import Window

window = Window((640, 360), offscreen=True, vsync=False)
from ursina import Vec3, camera
from calf_gpu.app.visuals.entity_scene import EntityScene
from calf_gpu.app.visuals.scene_choice import choose_scene
from calf_gpu.app.visuals.swarm_scene import SwarmScene

profiler = PerformanceProfiler(warmup=0)
camera.position = (2, 6, -10)
camera.look_at(Vec3(0, 0.5, 0))

def look(scene):
    from panda3d.core import Texture
    for _ in range(2):  # buffers that were made in this frame are filled in the next
        window.draw()
    shot = window.app.win.get_screenshot()
    image = np.frombuffer(shot.get_ram_image_as("RGB"), np.uint8).reshape(360, 640, 3)[::-1]
    return image.astype(np.int16)
"""


def run(tmp_path: Path, script: str) -> dict[str, np.ndarray]:
    """Run a script that puts arrays into the dict ``out``; return them."""
    target = tmp_path / "out.npz"
    done: subprocess.CompletedProcess[str] = run_script(
        f"{HEAD}\nout = {{}}\n{script}\nnp.savez({str(target)!r}, **out)\n", timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(target) as arrays:
        return dict(arrays)


# -- without a window ------------------------------------------------------------------------------------


def test_colormaps_come_by_name_and_a_wrong_name_gets_the_accepted_ones():
    colors = colormap_colors("viridis")
    assert colors.shape == (256, 3)
    np.testing.assert_allclose(colors[0], [0.267004, 0.004874, 0.329415], atol=1e-5)
    with pytest.raises(ValueError, match=r"accepts .*magma.*viridis.*got 'viridsi'") as error:
        colormap_colors("viridsi")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["KEY_LIGHT", "KEY_COLOR", "SKY_COLOR", "GROUND_COLOR"])
def test_light_of_entities_is_the_shaders(name):
    source = (ROOT / "shaders/include/lighting.glsl").read_text(encoding="utf-8")
    (values,) = re.findall(rf"const vec3 {name} = vec3\(([^)]*)\)", source)
    np.testing.assert_array_equal(getattr(shapes, name), [float(value) for value in values.split(",")])


def test_the_renderer_library_imports_neither_ursina_nor_learning_code():
    done = run_script(
        """
        import importlib, pkgutil, sys
        import calf_gpu
        for module in pkgutil.iter_modules(calf_gpu.__path__):
            if module.name not in ("app", "__main__"):
                importlib.import_module(f"calf_gpu.{module.name}")
        unwanted = {"ursina", "torch", "gymnasium", "stable_baselines3", "matplotlib", "calf_gpu.app"}
        print(sorted(unwanted & set(sys.modules)))
        """
    )
    assert done.stdout.strip() == "[]", done.stderr


# -- entities --------------------------------------------------------------------------------------------

ENTITIES = """
rng = np.random.default_rng(0)
options = ViewOptions(heights="loop", trails="per_agent", trail_length=8)
scene, notice = choose_scene(options, make_header(), window.app.win.get_gsg(), profiler, 7)
out["kind"], out["notice"] = type(scene).__name__, str(notice)
positions = lambda: np.array([agent.get_pos(scene.root) for agent in scene.agents])
trails = lambda: [trail.points for trail in scene._trails]

# Twelve steps; agent 2 respawns at step 9; every step between two frames counts too.
walk = np.cumsum(rng.normal(0, 0.2, (12, 7, 2)), axis=0) + rng.uniform(-2, 2, (7, 2))
walk[:, 3] += [5, 0]  # outside the plane
modes = rng.integers(0, 3, (12, 7))
starts = np.zeros((12, 7), bool)
starts[9, 2] = True
for step in range(0, 12, 2):
    early, late = step, step + 1
    earlier = make_step(walk[early], modes[early], starts[early])
    scene.show(make_frame(late, walk[late], modes[late], starts[late], earlier=(earlier,)))
out["walk"], out["positions"] = walk, positions()
out["colors"] = np.array([agent.color for agent in scene.agents])
out["sizes"] = np.array([agent.scale_x for agent in scene.agents])
out["lengths"] = np.array([len(trail) for trail in scene._trails])
out["trail"] = np.concatenate(trails()[1])
out["broken"] = np.array([len(run) for run in trails()[2]])

# Paused: the same step again, with a new critic. Trails keep their heights and get no point.
scene.show(make_frame(11, walk[11], modes[11], q_grid=bowl(tilt=6.0), q_version=1))
out["paused"] = np.concatenate(trails()[1])
out["moved"] = positions()

scene.show(make_frame(12, walk[11, :3], modes[11, :3], q_grid=bowl(tilt=6.0), q_version=1))
out["kept"] = np.concatenate(trails()[1])
out["fewer"] = len(scene.agents), len(scene._trails)
scene.show(make_frame(13, walk[11], modes[11], q_grid=bowl(tilt=6.0), q_version=1))
out["more"] = np.array([len(trail) for trail in scene._trails])
out["overlay"] = scene.set_visible("overlay", True)

from ursina import scene as world
out["entities"] = sum(len(root.children) for root in [scene._grid.root])
out["image"] = look(scene)
scene.set_visible("landscape", False)
scene.set_visible("grid", False)
out["hidden"] = look(scene)
before = len(world.entities)
scene.close()
out["left"] = window.app.render.find_all_matches("**/+GeomNode").get_num_paths()

# All heights in one query: the same picture.
images = []
for loop in (True, False):
    scene = EntityScene(options, make_header(), profiler, 7, loop=loop)
    scene.show(make_frame(0, walk[11], modes[11]))
    images.append(look(scene))
    scene.close()
out["variants"] = np.stack(images)

# Cones turn to their headings.
scene = EntityScene(options, make_header(heading=2), profiler, 7)
headings = np.linspace(-3, 3, 7)
scene.show(make_frame(0, np.column_stack([walk[11], headings])))
noses = [scene.root.get_relative_vector(agent, Vec3(1, 0, 0)) for agent in scene.agents]
out["headings"] = np.arctan2([nose[2] for nose in noses], [nose[0] for nose in noses]) - headings
"""


@pytest.fixture(scope="module")
def entities(tmp_path_factory) -> dict[str, np.ndarray]:
    return run(tmp_path_factory.mktemp("entities"), ENTITIES)


def surface(points: np.ndarray, q_grid: np.ndarray | None = None) -> np.ndarray:
    """Heights in the world of a surface whose range is that of its first grid."""
    heatmap = CriticHeatmap(QGrid(EXTENT))
    heatmap.update(bowl(), 0)
    if q_grid is not None:
        heatmap.update(q_grid, 1)
    return ViewOptions().height_scale * heatmap.heights(points)


def expected_positions(points: np.ndarray, q_grid: np.ndarray | None = None) -> np.ndarray:
    heights = surface(points, q_grid) + AGENT_RADIUS
    return np.column_stack([points[:, 0], heights, points[:, 1]])


def test_loop_is_the_entity_scene(entities):
    assert entities["kind"] == "EntityScene"
    assert entities["notice"] == "None"
    assert not entities["overlay"]


def test_every_agent_rests_on_the_surface(entities):
    last = entities["walk"][11]
    np.testing.assert_allclose(entities["positions"], expected_positions(last), atol=1e-5)
    moved = expected_positions(last, bowl(tilt=6.0))
    np.testing.assert_allclose(entities["moved"], moved, atol=1e-5)
    assert np.abs(entities["moved"] - entities["positions"]).max() > 0.05


def test_the_training_agent_is_yellow_and_larger(entities):
    np.testing.assert_allclose(entities["colors"][0, :3], HIGHLIGHT_COLOR, atol=1e-6)
    off = np.abs(entities["colors"][1:, np.newaxis, :3] - MODE_COLORS).max(axis=-1)
    assert (off.min(axis=1) < 1e-6).all()
    assert (entities["sizes"][0] > 1.2 * entities["sizes"][1:]).all()


def test_trails_hold_the_last_points_of_every_step(entities):
    assert (entities["lengths"] == 8).all()
    points = entities["walk"][4:, 1]
    np.testing.assert_allclose(entities["trail"][:, [0, 2]], points, atol=1e-5)
    np.testing.assert_allclose(entities["trail"][:, 1], surface(points), atol=0.02)


def test_a_respawn_breaks_the_trail(entities):
    assert entities["broken"].tolist() == [5, 3]


def test_trails_keep_the_heights_they_were_drawn_at(entities):
    np.testing.assert_array_equal(entities["paused"], entities["trail"])


def test_agents_join_and_leave_at_the_end(entities):
    assert entities["fewer"].tolist() == [3, 3]
    np.testing.assert_array_equal(entities["kept"][:-1], entities["trail"][1:])
    assert entities["more"].tolist() == [8, 8, 8, 1, 1, 1, 1]


def test_every_node_and_line_of_the_grid_is_an_entity(entities):
    assert entities["entities"] == 21 * 21 + 21 + 21


def test_hiding_shows_less_and_closing_leaves_nothing(entities):
    background = entities["hidden"][0, 0]
    shown = (np.abs(entities["image"] - background).sum(axis=-1) > 30).mean()
    hidden = (np.abs(entities["hidden"] - background).sum(axis=-1) > 30).mean()
    assert shown > 0.15
    assert hidden < 0.3 * shown
    assert entities["left"] == 0


def test_loop_and_numpy_heights_draw_the_same(entities):
    loop, batch = entities["variants"]
    assert np.abs(loop - batch).max() <= 1


def test_cones_point_along_their_headings(entities):
    turns = np.mod(entities["headings"] + np.pi, 2 * np.pi) - np.pi
    np.testing.assert_allclose(turns, 0, atol=1e-5)


# -- out of GPU buffers ----------------------------------------------------------------------------------

SWARM = """
rng = np.random.default_rng(1)
slots = np.array([(a0, a1) for a0 in (-2.4, -0.8, 0.8, 2.4) for a1 in (-2.0, 0.0, 2.0)])

def show_all(system, heights, steps=4, **options):
    options = ViewOptions(**{"heights": heights, "trails": "ring", "trail_length": 30} | options)
    vehicles = system == "vehicles"
    header = make_header(heading=2 if vehicles else None)
    scene, notice = choose_scene(options, header, window.app.win.get_gsg(), profiler, 12)
    rng = np.random.default_rng(2)
    for step in range(steps):
        states = slots + rng.uniform(-0.2, 0.2, slots.shape)
        if vehicles:
            states = np.column_stack([states, rng.uniform(-3, 3, 12)])
        # The critic changes, so that heights come from a smoothed range.
        scene.show(make_frame(step, states, rng.integers(0, 3, 12), q_grid=bowl(tilt=step), q_version=step))
    return scene, states

for system in ("point_mass", "vehicles"):
    for heights in ("gpu", "numpy", "loop"):
        scene, states = show_all(system, heights)
        out[f"{system}_{heights}"] = look(scene)
        for part in ("landscape", "grid"):
            scene.set_visible(part, False)
        scene._trails.ring.root.hide()
        scene._axes.root.hide()
        out[f"{system}_{heights}_agents"] = look(scene)
        out["states"] = states
        scene.close()
out["left"] = window.app.render.find_all_matches("**/+GeomNode").get_num_paths()

# Parts can be switched, agents join and leave, and a paused frame adds nothing to the trails.
scene, states = show_all("point_mass", "gpu")
out["kind"] = type(scene).__name__
plain = look(scene)
for part in ("grid", "overlay", "landscape"):
    assert scene.set_visible(part, part == "overlay")
    out[f"without_{part}"] = look(scene) - plain
    assert scene.set_visible(part, part != "overlay")
times = scene._trails.ring._times.copy()
scene.show(make_frame(3, states, q_grid=bowl(tilt=3), q_version=3))
out["paused"] = scene._trails.ring._times - times
scene.show(make_frame(4, states[:5], q_grid=bowl(tilt=3), q_version=3))
scene.show(make_frame(5, states, q_grid=bowl(tilt=3), q_version=3))
out["times"] = scene._trails.ring._times.copy()
scene.show(make_frame(9, states, q_grid=bowl(tilt=3), q_version=3, earlier=(make_step(states),) * 3))
out["caught_up"] = scene._trails.ring._times
scene.close()

# A mesh per trail with heights from NumPy or the GPU.
for heights in ("gpu", "numpy"):
    scene, _ = show_all("point_mass", heights, trails="per_agent")
    out[f"per_agent_{heights}"] = look(scene)
    scene.close()

# A context that lacks something gets entities, and says so in one line.
from calf_gpu.app.visuals import scene_choice
scene_choice.missing_features = lambda gsg, records=0: ["instanced drawing"]
scene, notice = choose_scene(
    ViewOptions(heights="gpu"), make_header(), window.app.win.get_gsg(), profiler, 3
)
scene.show(make_frame(0, states[:3]))
out["fallback"], out["notice"] = type(scene).__name__, notice
"""


@pytest.fixture(scope="module")
def swarm(tmp_path_factory) -> dict[str, np.ndarray]:
    return run(tmp_path_factory.mktemp("swarm"), SWARM)


SYSTEM_NAMES = pytest.mark.parametrize("system", ["point_mass", "vehicles"])


@SYSTEM_NAMES
def test_heights_on_the_gpu_and_in_numpy_draw_the_same(swarm, system):
    gpu, batch = swarm[f"{system}_gpu"], swarm[f"{system}_numpy"]
    assert np.abs(gpu - batch).mean() <= 0.5
    shown = (np.abs(gpu - gpu[0, 0]).sum(axis=-1) > 30).mean()
    assert shown > 0.15


@SYSTEM_NAMES
def test_no_agent_is_displaced_by_a_pixel(swarm, system):
    images = [swarm[f"{system}_{heights}_agents"] for heights in ("gpu", "numpy")]
    assert np.abs(images[0] - images[1]).mean() < 0.01
    gpu, batch = map(agents_on_screen, images)
    assert len(gpu) == len(batch) >= 8
    assert np.abs(gpu - batch).max() < 1.0


@SYSTEM_NAMES
def test_entities_and_buffers_show_about_the_same(swarm, system):
    gpu, entities = swarm[f"{system}_gpu"], swarm[f"{system}_loop"]
    assert np.abs(gpu - entities).mean() < 12


@SYSTEM_NAMES
def test_agents_are_where_and_how_their_entities_are(swarm, system):
    gpu, entities = (bodies(swarm[f"{system}_{heights}_agents"]) for heights in ("gpu", "loop"))
    assert (gpu & entities).sum() > 0.66 * (gpu | entities).sum()


def bodies(image: np.ndarray) -> np.ndarray:
    """Pixels of agents: brighter than the background (shadows are darker)."""
    return (image - image[0, 0]).sum(axis=-1) > 60


def agents_on_screen(image: np.ndarray) -> np.ndarray:
    """Centres (n, 2) of what stands out from the background, piece by piece."""
    mask = (np.abs(image - image[0, 0]).sum(axis=-1) > 90).astype(bool)
    centres = []
    while mask.any():
        piece = np.zeros_like(mask)
        piece[tuple(np.argwhere(mask)[0])] = True
        while True:
            grown = piece.copy()
            grown[1:] |= piece[:-1]
            grown[:-1] |= piece[1:]
            grown[:, 1:] |= piece[:, :-1]
            grown[:, :-1] |= piece[:, 1:]
            grown &= mask
            if (grown == piece).all():
                break
            piece = grown
        mask &= ~piece
        if piece.sum() > 8:
            centres.append(np.argwhere(piece).mean(axis=0))
    return np.array(centres)


def test_buffers_are_the_default_scene_and_leave_nothing_behind(swarm):
    assert swarm["kind"] == "SwarmScene"
    assert swarm["left"] == 0


@pytest.mark.parametrize("part", ["grid", "overlay", "landscape"])
def test_parts_can_be_switched(swarm, part):
    changed = np.abs(swarm[f"without_{part}"]).sum(axis=-1) > 6
    assert changed.mean() > {"grid": 0.005, "overlay": 0.01, "landscape": 0.1}[part]


def test_a_paused_frame_adds_nothing_to_the_trails(swarm):
    assert (swarm["paused"] == 0).all()


def test_trails_of_agents_that_stay_go_on(swarm):
    assert swarm["times"].tolist() == [5] * 5 + [0] * 7
    assert swarm["caught_up"].tolist() == [9] * 5 + [4] * 7


def test_a_mesh_per_trail_works_with_both_heights(swarm):
    assert np.abs(swarm["per_agent_gpu"] - swarm["per_agent_numpy"]).mean() <= 0.5


def test_a_context_that_cannot_gets_entities_and_one_line(swarm):
    assert swarm["fallback"] == "EntityScene"
    assert "instanced drawing" in str(swarm["notice"])
    assert "\n" not in str(swarm["notice"])


@pytest.mark.parametrize(
    ("options", "limit", "most"),
    [
        ({"trail_length": 600}, 65_536, 108),  # 109 with the training agent's are 65,509 records
        ({"trail_length": 600}, 2**27, 100_000),
        ({"trail_length": 10_000}, 2**31, 13_419),
        ({"trail_length": 10_000, "trails": "per_agent", "heights": "loop"}, 65_536, 13_419),
        ({"trail_length": 10_000}, 9_000, 1),
    ],
)
def test_as_many_agents_as_the_context_has_room_for(options, limit, most):
    from calf_gpu.app.visuals.scene_choice import most_agents

    gsg = SimpleNamespace(get_supports_buffer_texture=lambda: True, get_max_buffer_texture_size=lambda: limit)
    assert most_agents(ViewOptions(**options), gsg) == most


@pytest.mark.parametrize(
    ("heading", "agents", "size"), [(None, 100, 1.0), (None, 1600, 0.5), (2, 25, 1.0), (2, 400, 0.5)]
)
def test_agents_of_a_crowd_are_half_as_large_with_sixteen_times_as_many(heading, agents, size):
    header = make_header(heading=heading)
    assert agent_radius(ViewOptions(), header, agents) == pytest.approx(size * AGENT_RADIUS)
    assert agent_radius(ViewOptions(agent_size=0.3), header, agents) == 0.3


# -- the visualizer --------------------------------------------------------------------------------------

VISUALIZER = """
from calf_gpu.app.visuals.hud import PICTURE
from calf_gpu.app.visuals.visualizer import TrainingVisualizer
from scene_frames import VALUES

class RecordingTimeline:
    def __init__(self):
        self.values = []
    def push(self, step, value):
        self.values.append((step, value))

class RecordingHud:
    def __init__(self):
        self.blocks, self.rebuilds, self.messages, self.tables = {}, 0, [], []
        self.header, self.overlay, self.controllers, self.learning = None, [], [], 0
        self.timeline = RecordingTimeline()
    def show_header(self, header):
        self.header = header
    def set_block(self, title, rows, *, rebuild=False):
        self.blocks[title] = dict(rows)
        self.rebuilds += rebuild
    def message(self, text):
        self.messages.append(text)
    def table(self, rows):
        self.tables.append(rows)
    def explain_overlay(self, shown):
        self.overlay.append(shown)
    def explain_controller(self, index):
        self.controllers.append(-1 if index is None else index)
    def push_learning(self, numbers):
        self.learning += 1

header = make_header(agents=3)
states = np.zeros((3, 2))
def frames():
    for step in range(12):
        yield make_frame(step, states, total_steps=step, episode=3 if step < 7 else 4, q_value=-float(step),
                         q_certified=0.5 * step)

def shown(heights, stats):
    hud = RecordingHud()
    config = VisualizationConfig.of(heights=heights, stats=stats, text_interval=5, show_grid=False)
    visualizer = TrainingVisualizer(config, header, profiler, hud, 3)
    steps, values = [], []
    for frame in frames():
        visualizer.show(frame)
        steps.append(int(hud.blocks["Run"]["Steps"]))
        values.append(hud.blocks["Critic"]["Q(s, a)"])
    return visualizer, hud, steps, values

visualizer, hud, out["cached_steps"], values = shown("gpu", "cached")
out["cached_values"] = values
out["cached_rebuilds"] = hud.rebuilds
out["timeline"] = list(hud.timeline.values)
out["learning"] = hud.learning
assert hud.header is header and visualizer.header is header
visualizer.show(make_frame(12, states, episode=4))  # texts are due here, so that they are not in the next frame
# Paused: the frame of the same step that carries other values is shown at once.
visualizer.show(make_frame(12, states, episode=4, q_value=-77.5))
out["exact"] = hud.blocks["Critic"]["Q(s, a)"]
for number, controller in enumerate((0, 1, 2, 3, -1, 0.5, np.nan, np.inf), 13):
    visualizer.show(make_frame(number, states, controller=controller))
out["controllers"] = hud.controllers[-8:]
# Numbers that make no sense are a run's mistake, not the picture's end.
for value in (np.nan, np.inf, -np.inf, -1.0, 1e300):
    number += 1
    visualizer.show(make_frame(number, states, **dict.fromkeys(VALUES, value)))
plain = look(visualizer.scene)
for part in ("overlay", "landscape", "grid"):
    visualizer.toggle(part)
out["changed"] = (np.abs(look(visualizer.scene) - plain) > 6).mean()
visualizer.toggle("overlay")
out["legend"] = hud.overlay
profiler.toggle_table()
for _ in range(2):
    number += 1
    visualizer.show(make_frame(number, states))
profiler.toggle_table()
visualizer.show(make_frame(number + 1, states))
out["tables"] = [rows is not None for rows in hud.tables]
out["blocks"] = list(hud.blocks)
out["picture"] = list(hud.blocks[PICTURE])
out["messages"] = hud.messages
visualizer.close()

visualizer, hud, out["fresh_steps"], _ = shown("loop", "every_frame")
out["fresh_rebuilds"] = hud.rebuilds
visualizer.toggle("overlay")
out["message"] = hud.messages[-1]
out["legend_of_entities"] = hud.overlay
visualizer.close()
"""


@pytest.fixture(scope="module")
def visualizer(tmp_path_factory) -> dict[str, np.ndarray]:
    return run(tmp_path_factory.mktemp("visualizer"), VISUALIZER)


def test_cached_texts_change_when_due_or_when_an_episode_starts(visualizer):
    assert visualizer["cached_steps"].tolist() == [0] * 5 + [5] * 2 + [7] * 5
    assert visualizer["cached_values"][-1] == "−7.00"
    assert visualizer["cached_rebuilds"] == 0


def test_texts_are_rebuilt_every_frame_when_not_cached(visualizer):
    assert visualizer["fresh_steps"].tolist() == list(range(12))
    assert visualizer["fresh_rebuilds"] == 12 * len(visualizer["blocks"])


def test_every_block_that_the_header_declares_is_filled_in_its_order(visualizer):
    declared = dict.fromkeys(number.block for number in make_header().numbers if number.block)
    assert visualizer["blocks"].tolist() == [*declared, "Picture"]
    assert visualizer["picture"].tolist() == ["Frame", "Rate", "Heights", "Trails"]


def test_the_chart_has_every_step(visualizer):
    assert visualizer["timeline"].tolist() == [[step, 0.5 * step] for step in range(12)]
    assert visualizer["learning"] == 12


def test_a_paused_frame_shows_its_values_at_once(visualizer):
    assert visualizer["exact"] == "−77.50"


def test_a_controller_that_the_header_does_not_have_is_none(visualizer):
    assert visualizer["controllers"].tolist() == [0, 1, 2, -1, -1, -1, -1, -1]


def test_parts_are_switched_and_the_legend_with_them(visualizer):
    assert visualizer["changed"] > 0.05
    assert visualizer["legend"].tolist() == [False, True, False]
    assert visualizer["messages"].tolist() == []


def test_a_scene_without_overlay_says_what_it_takes(visualizer):
    assert "--gpu-heights" in str(visualizer["message"])
    assert not visualizer["legend_of_entities"].any()


def test_the_profiler_table_comes_and_goes(visualizer):
    assert visualizer["tables"].tolist() == [True, False]
