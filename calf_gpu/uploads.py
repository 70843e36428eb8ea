"""What a window does with the record buffers before it draws the scene.

A display region sorted before all others carries a draw callback: the one place where the window's OpenGL
context is current, whatever thread draws, and nothing of the frame has been drawn yet.
"""

from __future__ import annotations

import logging
import weakref
from types import MethodType
from typing import Protocol

from panda3d.core import (
    GraphicsEngine,
    GraphicsOutput,
    GraphicsStateGuardian,
    LVecBase2f,
    PTA_LVecBase2f,
    PythonCallbackObject,
)

logger = logging.getLogger("calf_gpu")

FIRST = -10_000
"""Sort value of the display region: before every region that shows something."""


class Flushable(Protocol):
    """Something with data waiting for the context."""

    def flush(self, gsg: GraphicsStateGuardian) -> int:
        """Send what waits; return the number of bytes written by raw OpenGL calls."""


class Uploads:
    """The upload step of one window; get it by :func:`uploads_of`.

    Attributes
    ----------
    viewport
        Shader input: (width, height) of the window in pixels, renewed in each frame.
    raw_bytes
        Bytes written past Panda3D, which its own statistics therefore miss, since the window was opened.
    """

    def __init__(self, window: GraphicsOutput) -> None:
        self.raw_bytes = 0
        self.viewport = PTA_LVecBase2f.empty_array(1)
        self._window = window
        self._buffers: list[weakref.ref[Flushable]] = []
        region = window.make_mono_display_region()
        region.set_sort(FIRST)
        region.set_draw_callback(PythonCallbackObject(self._draw))
        self._measure()

    def add(self, buffer: Flushable) -> None:
        """Flush this buffer before each frame for as long as somebody else holds it."""
        self._buffers = [other for other in self._buffers if other() is not None]
        self._buffers.append(weakref.ref(buffer))

    def _measure(self) -> None:
        size = self._window.get_fb_size()
        self.viewport.set_element(0, LVecBase2f(max(size.x, 1), max(size.y, 1)))

    def _draw(self, data: object) -> None:
        """Run in the drawing thread with the context current."""
        self._measure()
        gsg = self._window.get_gsg()
        for reference in self._buffers:
            buffer = reference()
            if buffer is not None:
                self.raw_bytes += buffer.flush(gsg)


def uploads_of(window: GraphicsOutput | None = None) -> Uploads:
    """Return the upload step of a window, made on the first call.

    Parameters
    ----------
    window
        The window or buffer that shows the scene; by default the first one that the engine has open.

    Raises
    ------
    RuntimeError
        No window is open yet.
    """
    window = window or first_window()
    for region in window.get_display_regions():
        callback = region.get_draw_callback()
        if isinstance(callback, PythonCallbackObject):
            function = callback.get_function()
            if isinstance(function, MethodType) and isinstance(function.__self__, Uploads):
                return function.__self__
    return Uploads(window)


def first_window() -> GraphicsOutput:
    """Return the first window or buffer of the global graphics engine; raises RuntimeError without one."""
    windows = GraphicsEngine.get_global_ptr().get_windows()
    if not windows:
        raise RuntimeError("no window is open: open one (ShowBase) before making record buffers")
    return windows[0]
