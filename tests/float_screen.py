"""A fragment program run once for each pixel of a float buffer: how tests see what shaders see."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from offscreen import Offscreen

VERTEX = """#version 330
void main() {
    gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}
"""


def expand_text(text: str) -> str:
    """Expand a source that is no file, with the includes of the shader folder."""
    from calf_gpu.programs import shaders_dir
    from calf_gpu.shader_source import expand

    with TemporaryDirectory() as folder:
        (Path(folder) / "main.frag").write_text(text)
        (Path(folder) / "include").symlink_to(shaders_dir() / "include")
        return expand("main.frag", Path(folder)).text


class FloatScreen:
    """One triangle over a float buffer.

    Attributes: `screen` (the node; set its shader inputs), `offscreen` (its buffer is the window to draw in).
    """

    def __init__(self, base: Any, width: int, height: int) -> None:
        from panda3d.core import (
            Geom,
            GeomNode,
            GeomTriangles,
            GeomVertexData,
            GeomVertexFormat,
            OmniBoundingVolume,
        )

        self.offscreen = Offscreen(base, width, height, floats=True)
        corners = GeomVertexData("screen", GeomVertexFormat.get_empty(), Geom.UH_static)
        corners.unclean_set_num_rows(3)
        triangle = GeomTriangles(Geom.UH_static)
        triangle.add_next_vertices(3)
        geom = Geom(corners)
        geom.add_primitive(triangle)
        node = GeomNode("screen")
        node.add_geom(geom)
        node.set_bounds(OmniBoundingVolume())
        node.set_final(True)
        self.screen = self.offscreen.scene.attach_new_node(node)
        self.screen.set_depth_test(False)

    @property
    def window(self) -> Any:
        return self.offscreen.buffer

    def use(self, fragment: str, **inputs: Any) -> None:
        """Run a fragment program; ``gl_FragCoord.xy`` minus a half is the (column, row) of the result."""
        from panda3d.core import Shader

        self.screen.set_shader(Shader.make(Shader.SL_GLSL, VERTEX, expand_text(fragment)))
        self.screen.set_shader_inputs(**inputs)

    def read(self) -> np.ndarray:
        """Draw a frame; (height, width, 4) float32, row 0 is that of ``gl_FragCoord.y`` = 0.5."""
        return self.offscreen.render()[::-1]

    def close(self) -> None:
        self.offscreen.close()
