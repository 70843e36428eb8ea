"""Draw the golden scenes of one host in a process of their own: ``draw(host, folder)``.

Panda3D allows one ShowBase a process and decides there about profile, size and coordinate system; a fresh process
also makes the pictures independent of what other tests left behind.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from calf_gpu.palette import BACKGROUND
from calf_gpu.view import SwarmView
from golden.scenes import SCENES

SIZE = (320, 180)
HUD_SIZE = (960, 540)  # large enough to read


class Stage:
    """An empty offscreen window of plain Panda3D, z up."""

    def __init__(self) -> None:
        from direct.showbase.ShowBase import ShowBase
        from panda3d.core import load_prc_file_data

        load_prc_file_data("", "win-size {} {}".format(*SIZE))
        self.base = ShowBase()
        self.base.set_background_color(*map(float, BACKGROUND))
        self.base.camLens.set_near_far(0.1, 100)
        self._view: SwarmView | None = None

    @property
    def window(self) -> Any:
        return self.base.win

    def view(self, *args: Any, **options: Any) -> SwarmView:
        self._view = SwarmView(self.base, *args, **options)
        return self._view

    def look(self, position: tuple, target: tuple) -> None:
        self.base.camLens.set_min_fov(38.0)
        self.base.cam.set_pos(*position)
        self.base.cam.look_at(*target)

    def frame(self) -> None:
        self.base.graphicsEngine.render_frame()

    def clear(self) -> None:
        if self._view is not None:
            self._view.close()
        self._view = None


class UrsinaStage:
    """The application's window with nothing in it."""

    def __init__(self) -> None:
        from calf_gpu.app.visuals.window import Window

        self._window = Window(HUD_SIZE, offscreen=True, vsync=False)
        self._kept: Any = None

    @property
    def window(self) -> Any:
        return self._window.app.win

    def hud(self) -> Any:
        from calf_gpu.app.visuals.hud import Hud

        self.window.set_clear_color(
            (0.24, 0.30, 0.36, 1.0)
        )  # shows the panels, which are darker than the scene's
        shown = Hud(HUD_SIZE)
        self._kept = shown.root
        return shown

    def keep(self, shown: Any) -> None:
        """Close this after the picture."""
        self._kept = shown

    def look(self, position: tuple, target: tuple) -> None:
        from ursina import Vec3, camera

        camera.position = position
        camera.look_at(Vec3(*target))

    def frame(self) -> None:
        self._window.draw()

    def clear(self) -> None:
        close = getattr(self._kept, "close", None) or self._kept.remove_node
        close()


def draw(host: str, folder: Path) -> None:
    """Draw all scenes of a host: `NAME.png` each, and `drawn.json` with who drew and by which programs."""
    stage = Stage() if host == "panda" else UrsinaStage()
    stage.frame()
    programs = {}
    for scene in SCENES.values():
        if scene.host == host:
            scene.draw(stage)
            # The first frame fills the buffers that are made in it, the second is the picture.
            stage.frame()
            stage.frame()
            Image.fromarray(picture(stage.window)).save(folder / f"{scene.name}.png")
            programs[scene.name] = sorted(programs_in_use())
            stage.clear()
    (folder / "drawn.json").write_text(json.dumps({"renderer": renderer(stage.window), "programs": programs}))


def picture(window: Any) -> np.ndarray:
    """What a window shows, (H, W, 3) uint8, row 0 on top."""
    shot = window.get_screenshot()
    data = np.frombuffer(shot.get_ram_image_as("RGB"), np.uint8)
    return np.ascontiguousarray(data.reshape(shot.get_y_size(), shot.get_x_size(), 3)[::-1])


def renderer(window: Any) -> str:
    """Everything that decides about single pixels: rasterizer and driver, and the library of the HUD's glyphs."""
    gsg = window.get_gsg()
    driver = re.search(r"Mesa [\w.-]+", gsg.driver_version)
    driver_name = driver.group() if driver else gsg.driver_version
    return f"{gsg.driver_renderer}, {driver_name}, FreeType {features.version('freetype2')}"


def programs_in_use() -> set[str]:
    """Labels (``trails+LINE``) of the shaders of all nodes that are in some camera's scene and not hidden."""
    from panda3d.core import GraphicsEngine, Shader

    labels = set()
    for window in GraphicsEngine.get_global_ptr().get_windows():
        for region in window.get_display_regions():
            if region.get_camera().is_empty():
                continue
            for node in region.get_camera().get_top().find_all_matches("**"):
                shader = node.get_shader()
                if shader is not None and not node.is_hidden():
                    labels.add(Path(str(shader.get_filename(Shader.ST_vertex))).stem)
    return labels
