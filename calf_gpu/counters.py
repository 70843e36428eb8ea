"""Draw calls and uploaded bytes of each frame, measured rather than computed.

Panda3D counts both for its PStats tool, but only while a PStats server listens. :class:`FrameCounters` is
that server: a socket of the same process that the client connects to and whose data is thrown away. The levels
are cleared before ``render_frame`` returns, so the draw callback of a 1 × 1 buffer sorted last reads them.

The levels only change when a window or buffer is finished, so what one window draws cannot be told apart. Now and
then the world alone is therefore drawn a second time, into one pixel: same camera, without notes and displays.
"""

from __future__ import annotations

import socket
from typing import cast

from panda3d.core import (
    BitMask32,
    Camera,
    FrameBufferProperties,
    GraphicsOutput,
    GraphicsPipe,
    NodePath,
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

WORLD_ONLY = BitMask32.bit(20)
"""Camera mask of the count of the world's draw calls: hide from it what is a note on the world, such as axes."""

WORLD_EVERY = 50
"""Frames from one count of the world's draw calls to the next; each costs about half a frame."""


class FrameCounters:
    """Counts what Panda3D and the record buffers send to the GPU.

    Costs some 0.5 ms a frame. When another thread draws, the levels may be cleared while a frame is under way,
    and a count then misses a part of it.

    Parameters
    ----------
    window
        The window that shows the scene; by default the first one that is open.
    camera
        Camera whose world's draw calls are also counted apart.
    world_every
        Frames from one such count to the next.

    Attributes
    ----------
    draw_calls
        Draw calls of the last frame, of all windows and buffers together.
    world_draw_calls
        Those of the camera's world at the last count; without what is hidden from :data:`WORLD_ONLY` and without
        what other display regions show, such as a heads-up display.
    upload_bytes
        Bytes sent in the last frame: vertices and textures by Panda3D, records by raw OpenGL calls.

    Raises
    ------
    RuntimeError
        This Panda3D was built without PStats.
    """

    def __init__(
        self,
        window: GraphicsOutput | None = None,
        camera: NodePath | None = None,
        world_every: int = WORLD_EVERY,
    ) -> None:
        window = window or first_window()
        self.draw_calls = 0
        self.world_draw_calls = 0
        self._calls_of_window: int | None = None
        self._frames = 0
        self._world_every = world_every
        self._uploads = uploads_of(window)
        self._raw_bytes = self._uploads.raw_bytes
        self._engine = window.get_engine()
        self._sink = _connect()
        self._batches = [PStatCollector(f"Primitive batches:{kind}") for kind in BATCHES]
        self._transferred = PStatCollector("Data transferred")
        self._buffer: GraphicsOutput | None = self._one_pixel(window, AFTER_ALL)
        self._buffer.make_display_region().set_draw_callback(PythonCallbackObject(self._read))
        self._world: GraphicsOutput | None = None
        if camera is not None:
            self._world = self._one_pixel(window, AFTER_ALL - 1)
            self._world.set_active(False)
            seen = cast("Camera", camera.node())
            world = Camera("world only", seen.get_lens())
            world.set_camera_mask(WORLD_ONLY)
            world.set_scene(seen.get_scene())
            self._camera = camera.attach_new_node(world)
            before = self._world.make_display_region()
            before.set_sort(-1)
            before.set_draw_callback(PythonCallbackObject(self._window_is_done))
            self._world.make_display_region().set_camera(self._camera)

    def close(self) -> None:
        """Stop counting. Safe to call twice."""
        if self._world is not None:
            self._engine.remove_window(self._world)
            self._camera.remove_node()
            self._world = None
        if self._buffer is not None:
            self._engine.remove_window(self._buffer)
            self._buffer = None
        if self._sink is not None:
            PStatClient.disconnect()
            self._sink.close()
            self._sink = None

    def _one_pixel(self, window: GraphicsOutput, sort: int) -> GraphicsOutput:
        return self._engine.make_output(
            window.get_pipe(),
            "frame counters",
            sort,
            FrameBufferProperties(),
            WindowProperties(size=(1, 1)),
            GraphicsPipe.BF_refuse_window,
            window.get_gsg(),
            window,
        )

    def _read(self, data: object) -> None:
        """Run in the drawing thread, after everything else of the frame."""
        calls = self._calls_so_far()
        self.draw_calls = calls
        if self._calls_of_window is not None:
            self.draw_calls = self._calls_of_window
            self.world_draw_calls = calls - self._calls_of_window
            self._calls_of_window = None
        self._frames += 1
        if self._world is not None:
            self._world.set_active(self._frames % self._world_every == 0)
        raw_bytes = self._uploads.raw_bytes
        transferred = self._transferred.get_level()
        self.upload_bytes = int(transferred) + raw_bytes - self._raw_bytes
        self._raw_bytes = raw_bytes
        if self._sink is not None:
            _drain(self._sink)

    def _window_is_done(self, data: object) -> None:
        """Run in the drawing thread, between the window and the world's second drawing."""
        self._calls_of_window = self._calls_so_far()

    def _calls_so_far(self) -> int:
        return int(sum(collector.get_level() for collector in self._batches))


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
