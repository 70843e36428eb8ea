"""What the profiler cannot see by itself, counted where it happens and handed over once a frame."""

from __future__ import annotations

from calf_gpu.app.stream.frame import Frame
from calf_gpu.app.stream.header import Header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.window import Window
from calf_gpu.counters import FrameCounters
from calf_gpu.gpu_timer import GpuTimer

TOTALS = {
    "critic_queries": "critic_queries",
    "critic_queries_display": "critic_queries_display",
    "critic_rows": "critic_rows",
    "training_steps": "total_steps",
}
"""Counters of the profile, and the numbers of a run that they are the increase of, where it has them."""


class Meters:
    """Feeds the profiler what is counted outside it: draw calls, bytes, critic queries, training steps, GPU time."""

    def __init__(self, window: Window, profiler: PerformanceProfiler) -> None:
        self._profiler = profiler
        self._counters = FrameCounters(window.app.win, window.app.cam)
        self._timer = GpuTimer(window.app.win)
        self._before: dict[str, float] = {}

    def count(self, header: Header, frame: Frame) -> None:
        """Report the frame that has just been drawn."""
        values = dict(zip((number.name for number in header.numbers), frame.numbers.tolist(), strict=True))
        totals = {counter: values[name] for counter, name in TOTALS.items() if name in values}
        for counter, total in totals.items():
            self._profiler.count(counter, total - self._before.get(counter, total))
        self._before = totals
        self._profiler.count("draw_calls", self._counters.draw_calls)
        self._profiler.count("world_draw_calls", self._counters.world_draw_calls)
        self._profiler.count("upload_bytes", self._counters.upload_bytes)
        for milliseconds in self._timer.take():
            self._profiler.add_gpu_time(milliseconds)
