"""Draw calls and uploaded bytes of each frame, measured rather than computed.

Panda3D counts both for its PStats tool, but only while a PStats server listens. :class:`FrameCounters` is
that server: a socket of the same process that the client connects to and whose data is thrown away. The levels
are cleared before ``render_frame`` returns, so the draw callback of a 1 × 1 buffer sorted last reads them.
"""

from __future__ import annotations

import socket

from panda3d.core import (
    FrameBufferProperties,
    GraphicsOutput,
    GraphicsPipe,
    PStatClient,
    PStatCollector,
    PythonCallbackObject,
    WindowProperties,
)

from calf_gpu.uploads import first_window, uploads_of

AFTER_ALL = 10_000
"""Sort value of the buffer whose callback reads the levels."""

BATCHES = ("Triangle strips", "Triangle fans", "Triangles", "Patches", "Other", "Display lists")
"""Panda3D books each draw call under one of these; their parent "Primitive batches" stays zero."""


class FrameCounters:
    """Counts what Panda3D and the record buffers send to the GPU.

    Costs some 0.5 ms a frame. When another thread draws, the levels may be cleared while a frame is under way,
    and a count then misses a part of it.

    Parameters
    ----------
    window
        The window that shows the scene; by default the first one that is open.

    Attributes
    ----------
    draw_calls
        Draw calls of the last frame, of all windows and buffers together.
    upload_bytes
        Bytes sent in the last frame: vertices and textures by Panda3D, records by raw OpenGL calls.

    Raises
    ------
    RuntimeError
        This Panda3D was built without PStats.
    """

    def __init__(self, window: GraphicsOutput | None = None) -> None:
        window = window or first_window()
        self.draw_calls = 0
        self.upload_bytes = 0
        self._uploads = uploads_of(window)
        self._raw_bytes = self._uploads.raw_bytes
        self._engine = window.get_engine()
        self._sink = _connect()
        self._batches = [PStatCollector(f"Primitive batches:{kind}") for kind in BATCHES]
        self._transferred = PStatCollector("Data transferred")
        self._buffer = self._engine.make_output(
            window.get_pipe(),
            "frame counters",
            AFTER_ALL,
            FrameBufferProperties(),
            WindowProperties.size(1, 1),
            GraphicsPipe.BF_refuse_window,
            window.get_gsg(),
            window,
        )
        self._buffer.make_display_region().set_draw_callback(PythonCallbackObject(self._read))

    def close(self) -> None:
        """Stop counting. Safe to call twice."""
        if self._buffer is not None:
            self._engine.remove_window(self._buffer)
            self._buffer = None
        if self._sink is not None:
            PStatClient.disconnect()
            self._sink.close()
            self._sink = None

    def _read(self, data: object) -> None:
        """Run in the drawing thread, after everything else of the frame."""
        self.draw_calls = int(sum(collector.get_level() for collector in self._batches))
        raw_bytes = self._uploads.raw_bytes
        transferred = self._transferred.get_level()
        self.upload_bytes = int(transferred) + raw_bytes - self._raw_bytes
        self._raw_bytes = raw_bytes
        if self._sink is not None:
            _drain(self._sink)


def _connect() -> socket.socket | None:
    """Give PStats a server within this process; None if somebody has connected it already."""
    if PStatClient.is_connected():
        return None
    with socket.create_server(("127.0.0.1", 0)) as server:
        if not PStatClient.connect("127.0.0.1", server.getsockname()[1]):
            raise RuntimeError("draw calls cannot be counted: this Panda3D was built without PStats")
        sink, _ = server.accept()
    sink.setblocking(False)
    return sink


def _drain(sink: socket.socket) -> None:
    """Throw away what the client sent, lest it blocks when the socket is full."""
    try:
        while sink.recv(1 << 16):
            pass
    except BlockingIOError:
        pass
