"""All quads of the HUD in one geometry with one texture: one draw call, whatever the HUD shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import (
    CS_yup_left,
    Geom,
    GeomEnums,
    GeomNode,
    GeomTriangles,
    GeomVertexArrayFormat,
    GeomVertexData,
    GeomVertexFormat,
    LMatrix4f,
    NodePath,
    OmniBoundingVolume,
    Texture,
    TransparencyAttrib,
    get_default_coordinate_system,
)

from visuals.glyph_atlas import VERTEX

_BLOCK = 256  # the geometry grows and shrinks by so many quads at a time


class QuadBatch:
    """Named layers of quads, drawn in the order in which the names first appeared.

    Parameters
    ----------
    parent
        Node whose y runs from −0.5 to 0.5 over the picture's height (Ursina's ``camera.ui``).
    height
        Height of the picture in pixels, which the quads are measured in.
    width
        Width of the picture in pixels.
    """

    def __init__(self, parent: NodePath, width: int, height: int) -> None:
        self._layers: dict[str, NDArray[np.void]] = {}
        self._capacity = 0
        self._node = GeomNode("hud")
        self._node.set_bounds(OmniBoundingVolume())
        self._node.set_final(True)
        self.root = parent.attach_new_node(self._node)
        self.root.set_transparency(TransparencyAttrib.M_alpha)
        self.root.set_depth_test(False)
        self.root.set_depth_write(False)
        self.root.set_two_sided(True)
        self.root.set_bin("fixed", 50)
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Measure quads in pixels of a picture of this size from now on."""
        pixels = LMatrix4f.scale_mat(1.0 / height, -1.0 / height, 1.0)
        pixels *= LMatrix4f.translate_mat(-width / height / 2.0, 0.5, 0.0)
        self.root.set_mat(pixels * LMatrix4f.convert_mat(CS_yup_left, get_default_coordinate_system()))

    def set_texture(self, texture: Texture) -> None:
        """Cut all quads out of this texture."""
        self.root.set_texture(texture, 1)

    def set(self, layer: str, quads: NDArray[np.void]) -> None:
        """Replace a layer by (n, 4) :data:`~visuals.glyph_atlas.VERTEX` quads."""
        self._layers[layer] = quads
        self._write()

    def clear(self) -> None:
        """Drop all layers."""
        self._layers = {name: quads[:0] for name, quads in self._layers.items()}
        self._write()

    def _write(self) -> None:
        total = sum(len(quads) for quads in self._layers.values())
        capacity = -(-max(total, 1) // _BLOCK) * _BLOCK
        if capacity != self._capacity:
            self._allocate(capacity)
        buffer = np.zeros((capacity, 4), VERTEX)  # what is left over stays a point and draws nothing
        np.concatenate(list(self._layers.values()), out=buffer[:total])
        self._node.modify_geom(0).modify_vertex_data().modify_array_handle(0).copy_data_from(buffer.tobytes())

    def _allocate(self, capacity: int) -> None:
        """Make the geometry for so many quads; the indices never change afterwards."""
        data = GeomVertexData("hud", _vertex_format(), GeomEnums.UH_dynamic)
        data.unclean_set_num_rows(capacity * 4)
        corners = np.array([0, 1, 2, 0, 2, 3], np.uint32)
        indices = (np.arange(capacity, dtype=np.uint32)[:, None] * 4 + corners).ravel()
        triangles = GeomTriangles(GeomEnums.UH_static)
        triangles.set_index_type(GeomEnums.NT_uint32)
        vertices = triangles.modify_vertices()
        vertices.unclean_set_num_rows(len(indices))
        vertices.modify_handle().copy_data_from(indices.tobytes())
        geom = Geom(data)
        geom.add_primitive(triangles)
        self._node.remove_all_geoms()
        self._node.add_geom(geom)
        self._capacity = capacity


def _vertex_format() -> GeomVertexFormat:
    """Return Panda3D's name for :data:`~visuals.glyph_atlas.VERTEX`."""
    columns = GeomVertexArrayFormat()
    columns.add_column("vertex", 3, GeomEnums.NT_float32, GeomEnums.C_point)
    columns.add_column("color", 4, GeomEnums.NT_uint8, GeomEnums.C_color)
    columns.add_column("texcoord", 2, GeomEnums.NT_float32, GeomEnums.C_texcoord)
    return GeomVertexFormat.register_format(GeomVertexFormat(columns))
