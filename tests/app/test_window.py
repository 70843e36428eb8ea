"""The window on a virtual display: any size, and as an icon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from offscreen import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("xvfb-run") is None or not sys.platform.startswith("linux"),
    reason="Xvfb is not installed",
)

START = """
import sys, time
import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from panda3d.core import WindowProperties
from scene_frames import make_frame, make_header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.window import Window
window = Window((640, 360), offscreen=False)
from calf_gpu.app.training.visualizer import TrainingVisualizer
from calf_gpu.app.visuals.capture import FrameGrabber
from calf_gpu.app.visuals.hud import Hud
config = VisualizationConfig.of(trail_length=20, heights="gpu")
hud = Hud(window.size)
window.on_resize(hud.resize)
shown = TrainingVisualizer(config, make_header(), PerformanceProfiler(warmup=0), hud, 4)

def frames(count):
    for step in range(count):
        shown.show(make_frame(step, np.zeros((4, 2))))
        window.step()
        window.draw()

def wait_for(condition):
    for _ in range(400):
        frames(1)
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(condition)
"""

SIZES = """
grabber = FrameGrabber(window)
for size in [(1, 1), (3840, 2160), (37, 1200), (640, 360)]:
    window.app.win.request_properties(WindowProperties(size=size))
    wait_for(lambda: window.size == size)
    grabber.request()
    frames(2)
    pixels = grabber.pixels()
    assert pixels.shape[:2] == size[::-1]
    assert size == (1, 1) or pixels.std() > 2, size
"""

ICON = """
import os
assert not window.minimized
os.system("xdotool search --name '^calf-gpu$' windowminimize")
wait_for(lambda: window.minimized)
frames(5)
os.system("xdotool search --name '^calf-gpu$' windowmap")
wait_for(lambda: not window.minimized)
frames(5)
"""


WITH_MANAGER = 'openbox & sleep 1; "$@"; code=$?; kill $!; exit $code'


def run_in_a_window(code: str, *before: str) -> subprocess.CompletedProcess[str]:
    paths = [ROOT, ROOT / "tests"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    screen = ["xvfb-run", "-a", "-s", "-screen 0 3840x2160x24"]
    return subprocess.run(
        [*screen, *before, sys.executable, "-c", START + code],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )


def test_any_size_from_one_pixel_to_4k_is_drawn():
    done = run_in_a_window(SIZES)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(
    shutil.which("openbox") is None or shutil.which("xdotool") is None, reason="needs openbox and xdotool"
)
def test_a_window_knows_that_it_is_an_icon():
    done = run_in_a_window(ICON, "sh", "-c", WITH_MANAGER, "sh")
    assert done.returncode == 0, done.stderr[-2000:]
