"""A table of records in a float texture, written by drawing: partial writes without raw OpenGL calls.

Each write draws a rectangle over the rows of a float frame buffer that belong to the slot; its fragments copy
the slot's records from a small buffer texture, which is all that Panda3D uploads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import (
    Camera,
    FrameBufferProperties,
    Geom,
    GeomEnums,
    GeomNode,
    GeomTristrips,
    GeomVertexData,
    GeomVertexFormat,
    GraphicsOutput,
    GraphicsPipe,
    NodePath,
    OmniBoundingVolume,
    SamplerState,
    Texture,
    WindowProperties,
)

from calf_gpu.programs import load_program

BEFORE_ALL = -10_000
"""Sort value of the frame buffer: drawn before every window that shows the table."""

MAX_CARDS = 4
"""Rectangles in one frame; to write more slots than this, one rectangle over the whole table is drawn."""


class SlabTarget:
    """The float texture, with the record of a row in a slot at ``ivec2(row, slot)``, and how it is written.

    Parameters
    ----------
    texture
        Becomes the 2D RGBA32F texture.
    window
        The window whose context owns the texture.
    """

    def __init__(self, texture: Texture, window: GraphicsOutput) -> None:
        self._texture = texture
        self._window = window
        self._buffer: GraphicsOutput | None = None
        self._root = NodePath("slabs")
        self._cards: list[_Card] = []
        self._slots = 0
        self._pending: list[int] = []
        self._whole = True
        self._seen = False

    @staticmethod
    def obstacle(window: GraphicsOutput) -> str | None:
        """Return why this way cannot be gone in a window's context, or None."""
        if window.get_engine().get_threading_model().get_draw_name():
            return "drawing into a texture needs an empty threading-model"
        gsg = window.get_gsg()
        if (gsg.get_driver_version_major(), gsg.get_driver_version_minor()) < (3, 2):
            return "drawing into a float texture needs OpenGL 3.2"
        return None

    def set_size(self, rows: int, slots: int) -> None:
        """Make the texture anew; the next :meth:`draw` writes all of it.

        Raises
        ------
        ValueError
            More rows or slots than a texture may have, or a driver that cannot draw into a float texture.
        """
        limit = self._window.get_gsg().get_max_texture_dimension()
        if max(rows, slots) > limit:
            raise ValueError(f"upload 'fbo': {rows} rows x {slots} slots exceed the texture size of {limit}")
        self.close()
        self._texture.setup_2d_texture(rows, slots, Texture.T_float, Texture.F_rgba32)
        self._texture.set_minfilter(SamplerState.FT_nearest)
        self._texture.set_magfilter(SamplerState.FT_nearest)
        self._slots = slots  # the texture may get larger: Panda3D rounds render targets up to powers of two
        self._buffer = self._make_buffer(rows, slots)
        self._whole, self._seen = True, False

    def draw(self, slot: int, table: NDArray[np.float32]) -> None:
        """Write one slot in the next frame.

        Parameters
        ----------
        slot
            The slot that changed.
        table
            (slots, rows, 4) all records.
        """
        if self._seen:  # what was drawn in earlier frames stays in the texture
            self._pending.clear()
            self._whole, self._seen = False, False
        if slot not in self._pending:
            self._pending.append(slot)
        if self._whole or len(self._pending) > MAX_CARDS:
            self._whole = True
            self._show([(0, table)])
        else:
            self._show([(pending, table[pending : pending + 1]) for pending in self._pending])

    def drawn(self) -> None:
        """Take note that a frame was drawn."""
        self._seen = True

    def close(self) -> None:
        """Give the frame buffer back."""
        if self._buffer is not None:
            self._window.get_engine().remove_window(self._buffer)
            self._buffer = None
        for child in self._root.get_children():
            child.remove_node()
        self._cards.clear()
        self._pending.clear()

    def _show(self, writes: list[tuple[int, NDArray[np.float32]]]) -> None:
        while len(self._cards) < len(writes):
            self._cards.append(_Card(self._root, self._slots))
        for card in self._cards[len(writes) :]:
            card.node.hide()
        for card, (first, records) in zip(self._cards, writes, strict=False):
            card.show(first, records)

    def _make_buffer(self, rows: int, slots: int) -> GraphicsOutput:
        floats = FrameBufferProperties()
        floats.set_float_color(True)
        floats.set_rgba_bits(32, 32, 32, 32)
        window = self._window
        buffer = window.get_engine().make_output(
            window.get_pipe(),
            f"{self._texture.name} target",
            BEFORE_ALL,
            floats,
            WindowProperties.size(rows, slots),
            GraphicsPipe.BF_refuse_window,
            window.get_gsg(),
            window,
        )
        if buffer is None:
            raise ValueError("upload 'fbo': this driver cannot draw into a float texture")
        buffer.add_render_texture(self._texture, GraphicsOutput.RTM_bind_or_copy, GraphicsOutput.RTP_color)
        buffer.set_clear_color_active(False)
        buffer.set_clear_depth_active(False)
        camera = self._root.attach_new_node(Camera("slab camera"))
        buffer.make_display_region().set_camera(camera)
        return buffer


class _Card:
    """A rectangle over some slots of the target and the buffer texture that it copies."""

    def __init__(self, root: NodePath, slots: int) -> None:
        corners = GeomVertexData("card", GeomVertexFormat.get_empty(), Geom.UH_static)
        corners.unclean_set_num_rows(4)
        strip = GeomTristrips(Geom.UH_static)
        strip.add_next_vertices(4)
        strip.close_primitive()
        geom = Geom(corners)
        geom.add_primitive(strip)
        card = GeomNode("card")
        card.add_geom(geom)
        card.set_bounds(OmniBoundingVolume())
        card.set_final(True)
        self.node = root.attach_new_node(card)
        self.node.set_shader(load_program("slab"))
        self.node.set_depth_test(False)
        self.node.set_depth_write(False)
        self._slots = slots
        self._texture = Texture("slab")
        self._shape: tuple[int, ...] = ()

    def show(self, first: int, records: NDArray[np.float32]) -> None:
        """Copy (count, rows, 4) records to the slots from `first` on, in each frame from now on."""
        if records.shape != self._shape:
            self._shape = records.shape
            self._texture.setup_buffer_texture(
                records.size // 4, Texture.T_float, Texture.F_rgba32, GeomEnums.UH_dynamic
            )
        np.frombuffer(self._texture.modify_ram_image(), np.float32)[:] = records.reshape(-1)
        count, rows = records.shape[:2]
        self.node.set_shader_inputs(slab=self._texture, slab_span=(first, count, self._slots, rows))
        self.node.show()
