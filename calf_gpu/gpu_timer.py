"""GPU time of each frame by OpenGL timer queries.

Panda3D has timer queries (``pstats-gpu-timing``), but Python cannot use them: ``GraphicsStateGuardian`` publishes
``supports_timer_query`` and neither ``issue_timer_query`` nor the query's result, which only travels to a PStats
server. So two draw callbacks, before and after all that a window draws, call ``glQueryCounter(GL_TIMESTAMP)``
(OpenGL 3.3) through ctypes; the answers are fetched some frames later, and nothing waits.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable
from typing import Any

from panda3d.core import GraphicsOutput, PythonCallbackObject

from calf_gpu.raw_gl import RawGLError, resolver
from calf_gpu.uploads import FIRST, first_window

GL_TIMESTAMP = 0x8E28
GL_QUERY_RESULT = 0x8866
GL_QUERY_RESULT_AVAILABLE = 0x8867

FRAMES_IN_FLIGHT = 8
"""Frames that may wait for their answers; a frame beyond them is not timed."""

PATIENCE = 3
"""Frames until a query is first asked for: llvmpipe finishes all that was drawn before it answers about a new one."""


class GpuTimer:
    """Times what the GPU does between the first and the last draw call of a window.

    Parameters
    ----------
    window
        The window or buffer to time; by default the first one that is open.

    Attributes
    ----------
    unavailable
        Why nothing is timed, in one line, or None; known after the first frame.
    """

    def __init__(self, window: GraphicsOutput | None = None) -> None:
        self.unavailable: str | None = None
        self._window = window or first_window()
        self._answers: deque[float] = deque(maxlen=FRAMES_IN_FLIGHT)
        self._free: list[tuple[int, int]] = []
        self._waiting: deque[tuple[int, int]] = deque()
        self._current: tuple[int, int] | None = None
        self._gl: dict[str, Callable[..., Any]] = {}
        self._regions = [self._region(FIRST - 1, self._begin), self._region(-FIRST, self._end)]

    def take(self) -> list[float]:
        """Return the milliseconds of the frames answered since the last call, oldest first; often empty."""
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def close(self) -> None:
        """Stop timing. Safe to call twice."""
        for region in self._regions:
            region.clear_draw_callback()
            self._window.remove_display_region(region)
        self._regions = []

    def _region(self, sort: int, callback: Callable[[object], None]) -> Any:
        region = self._window.make_mono_display_region()
        region.set_sort(sort)
        region.set_draw_callback(PythonCallbackObject(callback))
        return region

    def _begin(self, data: object) -> None:
        """Run in the drawing thread, before anything of the window is drawn."""
        if not self._gl and self.unavailable is None:
            self._prepare()
        if self._free:
            self._current = self._free.pop()
            self._gl["glQueryCounter"](self._current[0], GL_TIMESTAMP)
            # llvmpipe takes the times of all queries of a flush while it rasterises its last tiles: without a
            # flush between them both would be the same. Elsewhere an empty flush costs next to nothing.
            self._gl["glFlush"]()

    def _end(self, data: object) -> None:
        """Run in the drawing thread, after everything of the window."""
        if self._current is not None:
            self._gl["glQueryCounter"](self._current[1], GL_TIMESTAMP)
            self._waiting.append(self._current)
            self._current = None
        while len(self._waiting) > PATIENCE and self._is_answered(self._waiting[0][1]):
            pair = self._waiting.popleft()
            start, end = map(self._time, pair)
            self._answers.append((end - start) / 1e6)
            self._free.append(pair)

    def _prepare(self) -> None:
        if not self._window.get_gsg().supports_timer_query:
            self.unavailable = "this OpenGL context has no timer queries"
            return
        names = ("glGenQueries", "glQueryCounter", "glGetQueryObjectiv", "glGetQueryObjectui64v", "glFlush")
        try:
            resolve = resolver()
            self._gl = {name: resolve(name) for name in names}
        except RawGLError as error:
            self.unavailable = str(error)
            return
        queries = (ctypes.c_uint * (2 * FRAMES_IN_FLIGHT))()
        self._gl["glGenQueries"](len(queries), queries)
        self._free = list(zip(queries[::2], queries[1::2], strict=True))

    def _is_answered(self, query: int) -> bool:
        answered = ctypes.c_int()
        self._gl["glGetQueryObjectiv"](query, GL_QUERY_RESULT_AVAILABLE, ctypes.byref(answered))
        return bool(answered.value)

    def _time(self, query: int) -> int:
        """Return the GPU's clock at a query in nanoseconds."""
        time = ctypes.c_uint64()
        self._gl["glGetQueryObjectui64v"](query, GL_QUERY_RESULT, ctypes.byref(time))
        return time.value
