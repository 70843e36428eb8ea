"""Many quads in one geometry: one draw call, whatever it shows."""

from __future__ import annotations

from panda3d.core import (
    CS_yup_left,
    Geom,
    GeomEnums,
    GeomNode,
    GeomVertexArrayFormat,
    GeomVertexFormat,
    LMatrix4f,
    NodePath,
    OmniBoundingVolume,
    Texture,
    TransparencyAttrib,
    get_default_coordinate_system,
)

from calf_gpu.app.visuals.glyph_atlas import VERTEX
from calf_gpu.geometry import quad_triangles, triangles, vertices

QUAD_BYTES = 4 * VERTEX.itemsize
_BLOCK = 256  # the geometry grows and shrinks by so many quads at a time
_GRAIN = 16 * QUAD_BYTES  # and layers by so much, so that a digit more does not move the layers behind


class PixelRoot:
    """A node measured in pixels from the picture's top left, y down, drawn over everything else.

    Parameters
    ----------
    parent
        Node whose y runs from −0.5 to 0.5 over the picture's height (Ursina's ``camera.ui``); in a program with
        z up, its z.
    width, height
        Size of the picture in pixels.
    """

    def __init__(self, parent: NodePath, width: int, height: int) -> None:
        self.node = parent.attach_new_node("hud")
        self.node.set_transparency(TransparencyAttrib.M_alpha)
        self.node.set_depth_test(False)
        self.node.set_depth_write(False)
        self.node.set_two_sided(True)
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Measure in pixels of a picture of this size from now on."""
        pixels = LMatrix4f.scale_mat(1.0 / height, -1.0 / height, 1.0)
        pixels *= LMatrix4f.translate_mat(-width / height / 2.0, 0.5, 0.0)
        self.node.set_mat(pixels * LMatrix4f.convert_mat(CS_yup_left, get_default_coordinate_system()))


class QuadBatch:
    """Named layers of quads, drawn in the order in which the names first appeared.

    What is left over between and behind the layers is zeros: quads of no size, which draw nothing.

    Parameters
    ----------
    parent
        Node whose units the quads are measured in.
    order
        Batches of a greater order are drawn over those of a smaller one.
    """

    def __init__(self, parent: NodePath, order: int) -> None:
        self._layers: dict[str, bytes] = {}
        self._capacity = 0
        self._node = GeomNode(f"hud-{order}")
        self._node.set_bounds(OmniBoundingVolume())
        self._node.set_final(True)
        self._path = parent.attach_new_node(self._node)
        self._path.set_bin("fixed", order)
        self._write_all()

    def set_texture(self, texture: Texture) -> None:
        """Cut all quads out of this texture; without one they are areas of one colour, which is cheaper."""
        self._path.set_texture(texture, 1)

    def set(self, layer: str, quads: bytes) -> None:
        """Replace a layer by quads, each four :data:`~calf_gpu.app.visuals.glyph_atlas.VERTEX` records."""
        padded = quads + bytes(-len(quads) % _GRAIN)
        if padded == self._layers.get(layer):
            return  # often the areas behind a text that changed
        moved = len(padded) != len(self._layers.get(layer, b""))
        self._layers[layer] = padded
        if moved:
            self._write_all()
        else:
            self._write(self._offset(layer), padded)

    def clear(self) -> None:
        """Drop all layers; their order begins anew."""
        self._layers = {}
        self._write_all()

    def _offset(self, layer: str) -> int:
        """Return the bytes of all layers before one."""
        total = 0
        for name, quads in self._layers.items():
            if name == layer:
                break
            total += len(quads)
        return total

    def _write(self, offset: int, quads: bytes) -> None:
        array = self._node.modify_geom(0).modify_vertex_data().modify_array_handle(0)
        array.copy_subdata_from(offset, len(quads), quads)

    def _write_all(self) -> None:
        quads = b"".join(self._layers.values())
        capacity = -(-max(len(quads), 1) // (_BLOCK * QUAD_BYTES)) * _BLOCK
        if capacity != self._capacity:
            self._allocate(capacity)
        self._write(0, quads + bytes(capacity * QUAD_BYTES - len(quads)))

    def _allocate(self, capacity: int) -> None:
        """Make the geometry for so many quads; the indices never change afterwards."""
        self._node.remove_all_geoms()
        self._node.add_geom(make_quads("hud", capacity))
        self._capacity = capacity


def make_quads(name: str, count: int) -> Geom:
    """Return a geometry of quads, each four :data:`~calf_gpu.app.visuals.glyph_atlas.VERTEX` records, all zero."""
    return triangles(vertices(name, 4 * count, _vertex_format()), quad_triangles(count))


def _vertex_format() -> GeomVertexFormat:
    """Return Panda3D's name for :data:`~calf_gpu.app.visuals.glyph_atlas.VERTEX`."""
    columns = GeomVertexArrayFormat()
    columns.add_column("vertex", 3, GeomEnums.NT_float32, GeomEnums.C_point)
    columns.add_column("color", 4, GeomEnums.NT_uint8, GeomEnums.C_color)
    columns.add_column("texcoord", 2, GeomEnums.NT_float32, GeomEnums.C_texcoord)
    return GeomVertexFormat.register_format(GeomVertexFormat(columns))
