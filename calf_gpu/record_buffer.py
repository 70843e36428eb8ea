"""Records of 16 bytes on the GPU: a table of slots × rows of which a frame rewrites one slot.

Panda3D uploads a texture as a whole whenever a byte of it changed: 96 MB a frame for 10,000 agents with 600
records each. :class:`RecordBuffer` sends the slot that changed, 16 bytes a row, whatever the number of slots.

Two ways, the better one first:

``partial``
    ``glBufferSubData`` into the buffer texture's own buffer object. It takes one OpenGL function beyond what Panda3D
    offers; every driver with buffer textures (OpenGL 3.1) has it, since it is as old as OpenGL 1.5, on Linux, macOS
    and Windows alike.
``whole``
    Panda3D uploads the table: where no OpenGL library can be loaded, or a driver refuses.
"""

from __future__ import annotations

import logging
import threading

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import (
    GeomEnums,
    GraphicsOutput,
    GraphicsStateGuardian,
    LVecBase2i,
    PTA_LVecBase2i,
    Texture,
)

from calf_gpu import raw_gl
from calf_gpu.memory import texture_floats
from calf_gpu.uploads import first_window, uploads_of

logger = logging.getLogger("calf_gpu")

UPLOADS = ("partial", "whole")
FLOATS = 4
RECORD_BYTES = 4 * FLOATS


class RecordBuffer:
    """A table of records (four float32 each) that vertex shaders read by ``texelFetch``.

    The texture is a buffer texture (``samplerBuffer``); the record of a row in a slot has the index
    ``slot·rows + row``. All records are zero until they are written.

    Safe when another thread draws (``threading-model Cull/Draw``): the queue is flushed in that thread.

    Parameters
    ----------
    rows
        Records in a slot, at least 1.
    slots
        Number of slots, at least 1.
    upload
        ``partial``, ``whole``, or ``auto`` for the better one that can be had.
    window
        The window that shows the scene; by default the first one that is open.
    name
        Names the texture and the log line.

    Attributes
    ----------
    texture
        To be bound as a shader input; the same object for the life of the buffer.
    upload
        The way in use; a failing ``partial`` turns into ``whole`` with a warning.
    newest
        Shader input (ivec2): slot and stamp of the newest write that the frame being drawn sees.
    uploaded_bytes
        Bytes written by raw OpenGL calls so far; Panda3D's statistics count those of the other ways.

    Raises
    ------
    ValueError
        An impossible size, or a forced way that cannot be gone here.
    """

    def __init__(
        self,
        rows: int,
        slots: int = 1,
        upload: str = "auto",
        *,
        window: GraphicsOutput | None = None,
        name: str = "records",
    ) -> None:
        window = window or first_window()
        self.slots = slots
        self.texture = Texture(name)
        self.newest = PTA_LVecBase2i.empty_array(1)
        self.uploaded_bytes = 0
        self._limit = _size_limit(window.get_gsg())
        self._check_size(rows)
        self.upload, why = choose_upload(upload)
        self._lock = threading.Lock()
        self._queue: set[int] = set()
        self._newest = LVecBase2i(0, 0)
        self._raw: raw_gl.RawGL | None = None
        self._records = self._allocate(rows)
        uploads_of(window).add(self)
        logger.info("%s: %d x %d records, upload %s (%s)", name, slots, rows, self.upload, why)

    @property
    def rows(self) -> int:
        """Records in a slot."""
        return self._records.shape[1]

    @property
    def records(self) -> NDArray[np.float32]:
        """The table as last written, (slots, rows, 4) float32, read-only."""
        view = self._records.view()
        view.flags.writeable = False
        return view

    def write(self, slot: int, records: ArrayLike, stamp: int = 0) -> None:
        """Replace one slot; it reaches the GPU before the next frame is drawn.

        Parameters
        ----------
        slot
            0 ≤ slot < slots. Any number of slots before a frame; of writes to the same slot the last counts.
        records
            (rows, 4) numbers.
        stamp
            A number shown to shaders by :attr:`newest` from the frame on that sees this write.

        Raises
        ------
        ValueError
            Wrong slot or shape.
        """
        values = np.asarray(records, dtype=np.float32)
        if not 0 <= slot < self.slots:
            raise ValueError(f"slot must be in 0..{self.slots - 1}, got {slot}")
        if values.shape != (self.rows, FLOATS):
            raise ValueError(f"records must have the shape ({self.rows}, {FLOATS}), got {values.shape}")
        with self._lock:
            self._records[slot] = values
            self._newest = LVecBase2i(slot, stamp)
            if self.upload == "partial":
                self._queue.add(slot)
            else:
                self.texture.modify_ram_image()

    def resize(self, rows: int) -> None:
        """Add rows of zeros at the end or remove the last ones; the others keep their records.

        Raises
        ------
        ValueError
            An impossible size; nothing has changed then.
        """
        self._check_size(rows)
        with self._lock:
            old = self._records
            self._records = self._allocate(rows)
            kept = min(rows, old.shape[1])
            self._records[:, :kept] = old[:, :kept]

    def flush(self, gsg: GraphicsStateGuardian) -> int:
        """Send the queued slots and return their bytes; called in the drawing thread before each frame."""
        with self._lock:
            self.newest.set_element(0, self._newest)
            if not self._queue:
                return 0
            context = self.texture.prepare_now(0, gsg.get_prepared_objects(), gsg)
            buffer_id = context.get_native_buffer_id()
            if buffer_id == 0 or context.was_image_modified():
                # The buffer object is new, or has a new size, or the context was lost. Panda3D fills it from
                # the RAM image, which is our table and holds all queued slots, as soon as a node with the
                # texture is drawn. That need not be in this frame, so the slots stay queued.
                return 0
            return self._write_queue(buffer_id)

    def _write_queue(self, buffer_id: int) -> int:
        size = RECORD_BYTES * self.rows
        start = self._records.ctypes.data
        spans = [(slot * size, size, start + slot * size) for slot in sorted(self._queue)]
        self._queue.clear()
        try:
            if self._raw is None:
                self._raw = raw_gl.load()
                self._raw.clear_errors()
                self._raw.write(buffer_id, spans)
                self._raw.check()
            else:
                self._raw.write(buffer_id, spans)
        except raw_gl.RawGLError as error:
            self.upload = "whole"
            self.texture.modify_ram_image()
            logger.warning("%s: partial writes do not work here (%s), upload whole", self.texture.name, error)
            return 0
        self.uploaded_bytes += len(spans) * size
        return len(spans) * size

    def _allocate(self, rows: int) -> NDArray[np.float32]:
        """Set the texture up for a new size and return the table, zero, that it is filled from."""
        self.texture.setup_buffer_texture(
            self.slots * rows, Texture.T_float, Texture.F_rgba32, GeomEnums.UH_dynamic
        )
        # The table is the texture's RAM image itself: no second copy, and a lost context refills from it.
        table = texture_floats(self.texture).reshape(self.slots, rows, FLOATS)
        table[:] = 0.0
        return table

    def _check_size(self, rows: int) -> None:
        if rows < 1 or self.slots < 1:
            raise ValueError(f"rows and slots must be at least 1, got {rows} and {self.slots}")
        if rows * self.slots > self._limit:
            raise ValueError(
                f"{rows} x {self.slots} records exceed MAX_TEXTURE_BUFFER_SIZE, here {self._limit}"
            )


def choose_upload(upload: str) -> tuple[str, str]:
    """Return the way to upload and why.

    Parameters
    ----------
    upload
        ``auto`` or one of :data:`UPLOADS`.

    Raises
    ------
    ValueError
        An unknown name, or a forced way that cannot be gone here.
    """
    if upload not in ("auto", *UPLOADS):
        raise ValueError(f"upload must be one of auto, {', '.join(UPLOADS)}, got {upload!r}")
    if upload == "whole":
        return upload, "as asked"
    obstacle = raw_gl.unavailable_reason()
    if obstacle is None:
        return "partial", "glBufferSubData"
    if upload == "partial":
        raise ValueError(f"upload 'partial' is not possible here: {obstacle}")
    return "whole", obstacle


def _size_limit(gsg: GraphicsStateGuardian) -> int:
    return int(gsg.get_max_buffer_texture_size())
