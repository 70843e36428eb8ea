"""Trails while another thread draws; needs a display, here a virtual one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from offscreen import ROOT

SCRIPT = """
import sys
from panda3d.core import load_prc_file_data
load_prc_file_data("", '''
load-display pandagl
audio-library-name null
win-size 128 128
sync-video 0
{prc}
''')
import numpy as np
from direct.showbase.ShowBase import ShowBase
from panda3d.core import GraphicsOutput, OrthographicLens, Texture
from calf_gpu.qgrid import QGrid
from calf_gpu.trails import TrailRing
base = ShowBase()
base.disable_mouse()
base.win.set_clear_color((0, 0, 0, 1))
picture = Texture()
base.win.add_render_texture(picture, GraphicsOutput.RTM_copy_ram)
lens = OrthographicLens()
lens.set_film_size(2, 2)
lens.set_near_far(-10, 10)
base.cam.node().set_lens(lens)
base.cam.set_hpr(0, -90, 0)
ring = TrailRing(QGrid((-1, 1, -1, 1)), 3, 40)
ring.root.reparent_to(base.render)
assert ring.records.upload == "partial"
for step in range(160):
    angle = 2 * np.pi * step / 50 + np.arange(ring.agents)
    radius = 0.2 + 0.15 * np.arange(ring.agents)
    ring.push(np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None], np.arange(ring.agents) % 3)
    if step == 100:
        ring.resize(5)
    base.graphicsEngine.render_frame()
for _ in range(6):  # frames still on their way through the threads
    base.graphicsEngine.render_frame()
assert ring.records.uploaded_bytes > 0
print(base.graphicsEngine.get_threading_model(), file=sys.stderr)
np.save(sys.argv[1], np.frombuffer(picture.get_ram_image(), np.uint8))
sys.stdout.flush()
import os
os._exit(0)
"""


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="no xvfb-run")
@pytest.mark.parametrize("profile", ["", "gl-version 3 3"])
def test_drawing_thread_gives_the_same_pixels(tmp_path, profile):
    pictures = []
    for model in ("", "threading-model Cull/Draw"):
        target = tmp_path / f"{len(pictures)}.npy"
        script = SCRIPT.replace("{prc}", f"{profile}\n{model}")
        result = subprocess.run(
            ["xvfb-run", "-a", sys.executable, "-c", script, str(target)],
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert ("Cull/Draw" in result.stderr) == bool(model)
        pictures.append(np.load(target))
    assert pictures[0].max() > 200
    np.testing.assert_array_equal(pictures[1], pictures[0])
