"""Text in the world that always faces the camera: one draw call, on any OpenGL.

The few hundred vertices are moved on the CPU when the camera has turned, and only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from panda3d.core import (
    GeomNode,
    NodePath,
    OmniBoundingVolume,
    SamplerState,
    TransparencyAttrib,
)

from calf_gpu.app.visuals.glyph_atlas import Align, Color, GlyphAtlas, Run
from calf_gpu.app.visuals.quad_batch import make_quads

GLYPH_PX = 30
CAP_HEIGHT = 0.73
"""Height of a capital letter over the font size."""


class Label(NamedTuple):
    """A line of text at a place in the world."""

    text: str
    position: tuple[float, float, float]
    """In the axes of the text's parent: the anchor, at half the height of a capital letter."""
    size: float
    """Font size in units of the world."""
    color: Color
    align: Align = "center"


class FacingText:
    """Labels that face the camera.

    Parameters
    ----------
    parent
        Node with Ursina's axes, not scaled.
    labels
        What is written; at least one visible character.
    atlas
        Where glyphs come from; it can be shared between texts.
    """

    def __init__(self, parent: NodePath, labels: Sequence[Label], atlas: GlyphAtlas) -> None:
        quads, anchors, offsets = [], [], []
        for label in labels:
            glyphs = atlas.runs([Run(0.0, 0.0, label.text, label.color, "text", label.align)])
            pixels = glyphs["position"][..., :2]
            quads.append(glyphs)
            offsets.append(
                pixels * [1.0, -1.0] * (label.size / GLYPH_PX) - [0.0, 0.5 * CAP_HEIGHT * label.size]
            )
            anchors.append(np.broadcast_to(np.array(label.position), (*pixels.shape[:2], 3)))
        self._vertices = np.concatenate(quads).reshape(-1)
        self._anchors = np.concatenate(anchors).reshape(-1, 3)
        self._offsets = np.concatenate(offsets).reshape(-1, 2)
        self._directions: tuple[float, ...] = ()
        self._node = GeomNode("text")
        self._node.add_geom(make_quads("text", len(self._vertices) // 4))
        self._node.set_bounds(OmniBoundingVolume())
        self._node.set_final(True)
        self.root = parent.attach_new_node(self._node)
        self.root.set_texture(atlas.texture, 1)
        self.root.set_transparency(TransparencyAttrib.M_alpha)
        self.root.set_two_sided(True)

    def face(self, camera: NodePath) -> None:
        """Turn all labels towards a camera."""
        view = camera.get_mat(self.root)
        right, up = view.get_row3(0).normalized(), view.get_row3(1).normalized()
        directions = (*right, *up)
        if directions == self._directions:
            return
        self._directions = directions
        self._vertices["position"] = self._anchors + self._offsets @ np.array([right, up])
        data = self._node.modify_geom(0).modify_vertex_data()
        data.modify_array_handle(0).copy_data_from(self._vertices.tobytes())


def make_atlas() -> GlyphAtlas:
    """Return glyphs for text in the world: filtered, because it is seen at any size."""
    atlas = GlyphAtlas(GLYPH_PX, GLYPH_PX, 1)
    atlas.texture.set_minfilter(SamplerState.FT_linear)
    atlas.texture.set_magfilter(SamplerState.FT_linear)
    return atlas
