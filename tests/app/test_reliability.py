"""The program among lost resources: no OpenGL, no shaders, no room, another program, kills and many changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.checkpoint import PATTERN, load_checkpoint, newest_checkpoint
from calf_gpu.app.training.publication import Publication
from calf_gpu.app.training.run_files import RunFiles
from offscreen import ONE_THREAD, ROOT, run_script

SMALL = ["--offscreen", "--size", "320x180", "--training", "inline", "--n-agents", "2", "--frames", "3"]


@pytest.fixture
def unprivileged() -> list[str]:
    """Words before a command that has to respect read-only folders; root needs to be made to."""
    if os.geteuid() != 0:
        return []
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*words, "true"], check=False).returncode != 0:
        pytest.skip("root may write everywhere here")
    return words


def run(
    folder: Path,
    *args: str,
    root: Path = ROOT,
    limit: int = 0,
    before: Sequence[str] = (),
    once: Callable[[Path], object] | None = None,
    **variables: str,
):
    """Run the program with no display.

    ``limit`` is the largest file in bytes that it may write, ``before`` stands before its command; ``once`` is called
    with the folder as soon as a checkpoint lies in its "run".
    """
    kept = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    start = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))" if limit else ""
    begin = f"import sys, runpy; {start}\nsys.argv[:] = sys.argv[1:]\n"
    begin += "sys.path[0] = __import__('os').path.dirname(sys.argv[0])\n"
    begin += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [*before, sys.executable, "-c", begin, str(root / "ursina" / "main.py"), *args]
    environment = {**kept, "PYTHONPATH": str(root), **variables}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        if once is not None:
            while program.poll() is None and not list((folder / "run").glob(PATTERN)):
                time.sleep(0.01)
            once(folder / "run")
        out, err = program.communicate(timeout=240)
    return subprocess.CompletedProcess(command, program.returncode, out, err)


def assert_one_line(done, code: int, text: str) -> None:
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert text in done.stderr


def test_without_opengl_it_says_so(tmp_path):
    done = run(tmp_path, *SMALL, __EGL_VENDOR_LIBRARY_FILENAMES="/nowhere", LIBGL_DRIVERS_PATH="/nowhere")
    if done.returncode == 0:
        pytest.skip("this machine's OpenGL does not come through these variables")
    assert_one_line(done, 1, "no OpenGL offscreen buffer can be opened")
    assert list(tmp_path.iterdir()) == []


def test_an_old_opengl_gets_the_picture_without_shaders(tmp_path):
    old = {"MESA_GL_VERSION_OVERRIDE": "2.1", "MESA_GLSL_VERSION_OVERRIDE": "120"}
    done = run(tmp_path, *SMALL, "--gpu-heights", "--run-dir", "run", **old)
    assert done.returncode == 0, done.stderr
    assert "run/preview.png" in done.stdout


@pytest.mark.parametrize("training", ["inline", "process"])
def test_missing_shaders_are_one_line(tmp_path, training):
    for name in ("ursina", "calf_gpu"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    args = [*SMALL, "--training", training, "--run-dir", "run"]
    assert_one_line(run(tmp_path, *args, root=tmp_path / "copy"), 1, "cannot read shader file")


def test_a_mistake_in_a_shader_is_one_line_with_its_place(tmp_path):
    for name in ("ursina", "calf_gpu", "shaders"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shader = tmp_path / "copy" / "shaders" / "include" / "height.glsl"
    lines = shader.read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if "float height_of_q" in line) + 2
    lines.insert(number - 1, "    float x = ;")
    shader.write_text("\n".join(lines))
    done = run(tmp_path, *SMALL, "--gpu-heights", "--run-dir", "run", root=tmp_path / "copy")
    assert_one_line(done, 1, f"include/height.glsl:{number}: ")


def test_a_preview_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "run" / ".preview.part.mp4").mkdir(parents=True)
    assert_one_line(
        run(tmp_path, *SMALL, "--run-dir", "run"), 1, "run/preview.mp4 cannot be written: Is a directory"
    )
    assert list((tmp_path / "run").glob(PATTERN))


@pytest.mark.parametrize("args", [["--no-render"], SMALL, [*SMALL, "--training", "process"]])
def test_a_file_in_place_of_the_run_folder(tmp_path, args):
    (tmp_path / "run").write_text("mine")
    assert_one_line(run(tmp_path, *args, "--run-dir", "run"), 1, "run_dir run is not a folder")
    assert (tmp_path / "run").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path):
    held = RunFiles(tmp_path, resume=False)
    done = run(tmp_path, "--no-render", "--run-dir", ".")
    held.close()
    assert_one_line(done, 1, "in use by another program")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_no_room_for_a_checkpoint_is_one_line_and_earlier_ones_stay(tmp_path):
    assert run(tmp_path, *SMALL, "--run-dir", "run").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob(PATTERN)}
    done = run(tmp_path, *SMALL, "--run-dir", "run", "--resume", limit=20_000)
    assert_one_line(done, 1, "cannot be written")
    assert {path: path.read_bytes() for path in (tmp_path / "run").glob(PATTERN)} == before
    assert not list((tmp_path / "run").glob(".*.tmp"))


LONG_ENOUGH = {
    "alone": ["--no-render", "--episodes", "100", "--checkpoint-interval", "1"],
    "inline": [*SMALL[:-2], "--frames", "400", "--run-dir", "run"],
    "process": [*SMALL[:-2], "--training", "process", "--frames", "300", "--run-dir", "run"],
}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("training", LONG_ENOUGH)
def test_a_run_folder_that_becomes_read_only_while_training(tmp_path, training, unprivileged):
    first = {}

    def protect(folder: Path) -> None:
        first.update({path: path.read_bytes() for path in folder.glob(PATTERN)})
        folder.chmod(0o555)

    done = run(tmp_path, *LONG_ENOUGH[training], "--run-dir", "run", before=unprivileged, once=protect)
    (tmp_path / "run").chmod(0o755)
    lines = [line for line in done.stderr.splitlines() if "ep/s" not in line and line.strip()]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1 and lines[0].startswith("error: run/"), lines
    assert "cannot be written: Permission denied" in lines[0]
    assert first and {path: path.read_bytes() for path in (tmp_path / "run").glob(PATTERN)} == first
    assert not list((tmp_path / "run").glob(".*.tmp"))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("training", LONG_ENOUGH)
def test_a_read_only_run_folder_is_one_line(tmp_path, training, unprivileged):
    (tmp_path / "run").mkdir(mode=0o555)
    done = run(tmp_path, *LONG_ENOUGH[training], "--run-dir", "run", before=unprivileged)
    assert_one_line(done, 1, "run_dir run cannot be written: Permission denied")
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--capture", "out", "--capture-every", "2"], "out/frame_000002.png"),
        (["--profile", "out/numbers.json", "--frames", "60"], "out/numbers.json"),
    ],
)
def test_pictures_and_numbers_that_cannot_be_written_are_one_line(tmp_path, args, named, unprivileged):
    (tmp_path / "out").mkdir(mode=0o555)
    done = run(tmp_path, *SMALL, "--run-dir", "run", *args, before=unprivileged)
    assert_one_line(done, 1, f"{named} cannot be written: Permission denied")
    assert not [path for path in (tmp_path / "run").iterdir() if ".part" in path.name or ".tmp" in path.name]
    assert list((tmp_path / "run").glob(PATTERN)), "training is saved all the same"


def test_a_hostile_checkpoint_is_one_line(tmp_path):
    (tmp_path / "run").mkdir()
    Publication(VisualizationConfig.of(n_agents=2), tmp_path / "run").close()
    args = ["--resume", "--run-dir", "run", "--system", "differential_drive"]
    assert_one_line(run(tmp_path, "--no-render", *args), 1, "cannot be resumed from")


CHANGES = """
import gc, json
from calf_gpu.app.config.visualization_config import VisualizationConfig
from offscreen import resident_after_trim
from scene_frames import make_frame, make_header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.window import Window
window = Window((640, 360), offscreen=True, vsync=False)
from calf_gpu.app.visuals.hud import Hud
from calf_gpu.app.visuals.swarm_scene import SwarmScene
import numpy as np
config = VisualizationConfig.of(trail_length=20, heights="HEIGHTS")
scene = SwarmScene(config.view, make_header(), PerformanceProfiler(warmup=0), 4)
hud = Hud(window.size)
hud.show_header(make_header())
window.on_resize(hud.resize)
sizes = [(1, 1), (64, 64), (640, 360), (1280, 720), (333, 777)]

def change(number):
    window.app.win.set_size(*sizes[number % len(sizes)])
    window._resized()
    count = 2 + number % 40
    hud.set_block("Run", [("Agents", str(count))] * (1 + number % 5))
    scene.show(make_frame(number, np.zeros((count, 2))))
    window.step()  # the engine drops unused states, and the textures in them, in a task
    window.draw()

def count():
    gc.collect()
    for _ in range(30):
        window.step()
        window.draw()
    prepared = window.app.win.get_gsg().get_prepared_objects()
    return {
        "nodes": window.app.render.find_all_matches("**").get_num_paths(),
        "ui": window.app.aspect2d.get_top().find_all_matches("**").get_num_paths(),
        "textures": prepared.get_num_prepared_textures(),
        "vertex buffers": prepared.get_num_prepared_vertex_buffers(),
        "index buffers": prepared.get_num_prepared_index_buffers(),
    }

for number in range(80):
    change(number)
before = count()
megabytes = []
for number in range(80, 80 + CYCLES):
    change(number)
    megabytes.append(resident_after_trim())
print(json.dumps([before, count(), megabytes]))
"""


def changes(cycles: int, heights: str) -> list[float]:
    """Make so many changes, check that nodes and buffers stay as many, return the memory after each in MB."""
    script = CHANGES.replace("CYCLES", str(cycles)).replace("HEIGHTS", heights)
    done = run_script(script, timeout=500, variables=ONE_THREAD)
    assert done.returncode == 0, done.stderr[-2000:]
    before, after, megabytes = json.loads(done.stdout.splitlines()[-1])
    for name, number in before.items():
        assert after[name] <= number + 2, (name, before, after)
    return megabytes


@pytest.mark.parametrize("heights", ["gpu", "numpy"])
def test_changes_of_size_and_agents_leave_nothing_behind(heights):
    megabytes = changes(80, heights)
    assert min(megabytes[40:]) < min(megabytes[:40]) + 12.0  # the driver is still making room for itself


@pytest.mark.slow
@pytest.mark.parametrize("heights", ["gpu", "numpy"])
def test_500_changes_of_size_and_agents_leave_nothing_behind(heights):
    megabytes = changes(1000, heights)
    assert min(megabytes[750:]) < 1.01 * min(megabytes[500:750])


LOST = """
import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from scene_frames import make_frame, make_header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.window import Window
window = Window((640, 360), offscreen=True, vsync=False)
from calf_gpu.app.training.visualizer import TrainingVisualizer
from calf_gpu.app.visuals.capture import FrameGrabber
from calf_gpu.app.visuals.hud import Hud
hud = Hud(window.size)
config = VisualizationConfig.of(trail_length=20, heights="HEIGHTS", show_overlay=True)
shown = TrainingVisualizer(config, make_header(), PerformanceProfiler(warmup=0), hud, 4)
grabber = FrameGrabber(window)
angles = 0.05 * np.arange(50)[:, None] + np.arange(4)
frames = [make_frame(step, np.stack([np.cos(a), np.sin(a)], axis=1)) for step, a in enumerate(angles)]

def picture():
    for _ in range(3):
        window.step()
        window.draw()
    grabber.request()
    window.draw()
    return grabber.pixels().astype(int)

for frame in frames[:-1]:
    shown.show(frame)
    window.draw()
before = picture()
prepared = window.app.win.get_gsg().get_prepared_objects()
prepared.release_all()
after = picture()
assert np.abs(after - before).max() <= 1, np.abs(after - before).max()
shown.show(frames[-1])
assert 0 < np.abs(picture() - before).mean() < 5
"""


@pytest.mark.parametrize("heights", ["gpu", "numpy", "loop"])
def test_everything_on_the_gpu_is_lost_and_comes_back(heights):
    done = run_script(LOST.replace("HEIGHTS", heights))
    assert done.returncode == 0, done.stderr[-2000:]


STEPS = 20
"""Steps of an episode in the runs that are killed: a checkpoint follows each."""

RUN = f"""
import sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.publication import Publication
SYSTEMS["point_mass"] = replace(SYSTEMS["point_mass"], max_episode_steps={STEPS})
folder = Path(sys.argv[2])
options = dict(n_agents=3, grid_size=5, seed=5, checkpoint_interval=1, episodes=1_000_000)
publication = Publication(VisualizationConfig.of(**options, resume=folder.exists()), folder)
trainer = publication.run.trainer
"""

KILLED = f"""{RUN}
print(trainer.episode, flush=True)
while True:
    before = trainer.episode
    publication.advance()
    if trainer.episode != before:
        print(trainer.episode, flush=True)
"""

UNINTERRUPTED = f"""{RUN}
import shutil
while trainer.total_steps < int(sys.argv[3]):
    publication.advance()
    for path in folder.glob("*.safetensors"):
        if not (folder.parent / "all" / path.name).exists():
            shutil.copy(path, folder.parent / "all")
"""


def whole_state(path: Path) -> dict[str, object]:
    """Return everything in a checkpoint by name: networks, buffer, generators, swarm, certificates, counters."""
    flat: dict[str, object] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{name}/{key}", inner)
        else:
            flat[name] = (
                hashlib.sha256(value.tobytes()).hexdigest() if isinstance(value, np.ndarray) else value
            )

    walk("", load_checkpoint(path))
    return flat


def kills(number: int, tmp_path: Path) -> None:
    folder, rng = tmp_path / "run", np.random.default_rng(number)
    (tmp_path / "found").mkdir()
    (tmp_path / "all").mkdir()
    for _ in range(number):
        command = [sys.executable, "-c", KILLED, str(ROOT), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            episodes = [process.stdout.readline()]
            time.sleep(rng.uniform(0.0, 0.5))
            os.kill(process.pid, signal.SIGKILL)
            episodes += process.stdout.readlines()
        told = [int(line) for line in episodes if line.endswith("\n")]
        path, state = newest_checkpoint(folder)
        assert path == max(folder.glob(PATTERN))  # nothing incomplete had to be skipped
        # What was told is there, and no more than the interval, one episode, is lost.
        assert told[-1] <= state["trainer"]["history"]["returns"].size <= told[-1] + 1
        shutil.copy(path, tmp_path / "found")
    found = sorted((tmp_path / "found").iterdir())
    last = int(found[-1].name.removeprefix("checkpoint-").removesuffix(".safetensors"))
    assert last > 0
    command = [sys.executable, "-c", UNINTERRUPTED, str(ROOT), str(tmp_path / "whole"), str(last)]
    subprocess.run(command, check=True)
    for path in found:
        assert whole_state(path) == whole_state(tmp_path / "all" / path.name), path.name


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_runs_go_on_as_if_nothing_had_happened(tmp_path):
    kills(3, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_200_killed_runs_go_on_as_if_nothing_had_happened(tmp_path):
    kills(200, tmp_path)
