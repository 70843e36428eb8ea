"""Offscreen buffers read back as NumPy arrays, and scripts under another GL profile: helpers of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent

PRC = """
load-display p3headlessgl
window-type offscreen
audio-library-name null
notify-level-display error
"""
CORE_PRC = "gl-version 3 3\n"

ONE_THREAD = {"LP_NUM_THREADS": "0"}
"""Makes Mesa's llvmpipe draw in the calling thread, for tests that look at memory; see :func:`resident_after_trim`."""


class Offscreen:
    """A buffer with a scene and a camera of its own.

    Attributes: `scene` (root of what is drawn), `camera` (a NodePath; z up, at the origin looking along +y),
    `lens`, `buffer`.
    """

    def __init__(
        self, base: Any, width: int, height: int, floats: bool = False, background=(0, 0, 0, 1)
    ) -> None:
        from panda3d.core import (
            Camera,
            FrameBufferProperties,
            GraphicsOutput,
            GraphicsPipe,
            NodePath,
            PerspectiveLens,
            Texture,
            WindowProperties,
        )

        self._base, self.size, self._floats = base, (width, height), floats
        properties = FrameBufferProperties()
        properties.set_rgba_bits(*([32] * 4 if floats else [8] * 4))
        properties.set_float_color(floats)
        properties.set_depth_bits(24)
        self.buffer = base.graphicsEngine.make_output(
            base.pipe,
            "offscreen",
            0,
            properties,
            WindowProperties.size(width, height),
            GraphicsPipe.BF_refuse_window,
            base.win.get_gsg(),
            base.win,
        )
        assert self.buffer is not None, "no offscreen buffer"
        self.buffer.set_clear_color(background)
        self._texture = Texture("readback")
        self.buffer.add_render_texture(self._texture, GraphicsOutput.RTM_copy_ram, GraphicsOutput.RTP_color)
        self.scene = NodePath("scene")
        self.lens = PerspectiveLens()
        self.lens.set_aspect_ratio(width / height)
        node = Camera("camera", self.lens)
        node.set_scene(self.scene)
        self.camera = self.scene.attach_new_node(node)
        self.region = self.buffer.make_display_region()
        self.region.set_camera(self.camera)

    def render(self) -> np.ndarray:
        """Draw one frame; (H, W, 4) RGBA, row 0 on top, uint8 or (for float buffers) float32."""
        self._base.graphicsEngine.render_frame()
        width, height = self.size
        data = np.frombuffer(self._texture.get_ram_image(), np.float32 if self._floats else np.uint8)
        # Panda keeps images upside down and as BGRA.
        return data.reshape(height, width, -1)[::-1, :, [2, 1, 0, 3]].copy()

    def close(self) -> None:
        self._base.graphicsEngine.remove_window(self.buffer)
        self.scene.remove_node()


def run_script(
    script: str, profile: str = "default", timeout: float = 120, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, headless, under a GL profile ("default" or "core").

    ``variables`` are added to the environment. The import roots are those of the tests; the code may
    ``from offscreen import Offscreen``.
    """
    prc = PRC + (CORE_PRC if profile == "core" else "")
    head = f"from panda3d.core import load_prc_file_data\nload_prc_file_data('', {prc!r})\n"
    paths = [ROOT, ROOT / "tests"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **(variables or {})}
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        cwd=ROOT,
        check=False,
    )


def look_down(offscreen: Offscreen, half_width: float) -> None:
    """Turn the camera into an orthographic one above the origin: the first axis right, the second up."""
    from panda3d.core import OrthographicLens

    width, height = offscreen.size
    lens = OrthographicLens()
    lens.set_film_size(2 * half_width, 2 * half_width * height / width)
    lens.set_near_far(0.1, 100)
    offscreen.camera.node().set_lens(lens)
    offscreen.camera.set_pos_hpr(0, 0, 50, 0, -90, 0)


def plane_points(offscreen: Offscreen, half_width: float) -> np.ndarray:
    """(H, W, 2) plane coordinates in the middle of each pixel of a :func:`look_down` picture."""
    width, height = offscreen.size
    pixel = 2 * half_width / width
    x = (np.arange(width) + 0.5 - width / 2) * pixel
    y = -(np.arange(height) + 0.5 - height / 2) * pixel
    return np.stack(np.meshgrid(x, y), axis=-1)


def resident_after_trim() -> float:
    """Resident memory of this process in MB, once the C library has returned what is free.

    llvmpipe piles up small blocks of drawing commands and frees them all every few thousand frames: with a still
    picture and nothing but ``render_frame`` a process goes up and down by 20 MB, and by 36 MB for good each time one
    of the driver's threads falls behind. So compare the lowest values of long stretches, with :data:`ONE_THREAD`.
    """
    import ctypes

    import psutil

    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss / 1e6
