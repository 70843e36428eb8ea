"""What the profiler cannot see by itself, counted where it happens and handed over once a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from calf_gpu.app.utils.performance_profiler import PerformanceProfiler

from calf_gpu.counters import FrameCounters
from calf_gpu.gpu_timer import GpuTimer

if TYPE_CHECKING:
    from calf_gpu.app.visuals.window import Window

DISPLAY_PURPOSES = ("grid", "hud")
"""Why the picture asks the critic; training and the swarm's checks would ask without a picture too."""


class Source(Protocol):
    """Whoever trains, asks the critic and counts it."""

    @property
    def critic_queries(self) -> Mapping[str, int]:
        """Calls so far by purpose."""

    @property
    def critic_rows(self) -> Mapping[str, int]:
        """State-action pairs so far by purpose."""

    @property
    def training_steps(self) -> int:
        """Steps of the trainer so far."""


class Meters:
    """Feeds the profiler what is counted outside it: draw calls, bytes, critic queries, training steps, GPU time."""

    def __init__(self, window: Window, profiler: PerformanceProfiler, source: Source) -> None:
        self._profiler = profiler
        self._source = source
        self._counters = FrameCounters(window.app.win, window.app.cam)
        self._timer = GpuTimer(window.app.win)
        self._before = self._totals()

    def count(self) -> None:
        """Report the frame that has just been drawn."""
        totals = self._totals()
        for name, total in totals.items():
            self._profiler.count(name, total - self._before[name])
        self._before = totals
        self._profiler.count("draw_calls", self._counters.draw_calls)
        self._profiler.count("world_draw_calls", self._counters.world_draw_calls)
        self._profiler.count("upload_bytes", self._counters.upload_bytes)
        for milliseconds in self._timer.take():
            self._profiler.add_gpu_time(milliseconds)

    def _totals(self) -> dict[str, int]:
        """Return what was counted so far: steps of the trainer, calls of the critic, those only for the picture."""
        queries = self._source.critic_queries
        return {
            "critic_queries": sum(queries.values()),
            "critic_queries_display": sum(queries.get(purpose, 0) for purpose in DISPLAY_PURPOSES),
            "critic_rows": sum(self._source.critic_rows.values()),
            "training_steps": self._source.training_steps,
        }
