"""Where the time of a frame goes: sections, counters, CPU and memory of the running program.

Usage, once a frame::

    with profiler.section("swarm"):
        step_the_swarm()
    profiler.count("critic_queries")
    profiler.end_frame()

Decisions, so that numbers can be read without the code:

- A frame lasts from one :meth:`~PerformanceProfiler.end_frame` to the next, on the wall clock.
- The time of a section is its **self time**: what it spent outside the sections opened inside it. Sections
  therefore never count a moment twice and add up to at most the frame. The inclusive time of a section is the
  sum of it and of what is nested in it. A section may be opened inside itself; both shares count once.
- A section belongs to the frame in which it is closed.
- CPU time is that of all threads of the process, by its clock; 100 % is one core, so 2 cores allow 200 %.
- What measuring itself costs is a section, ``meters``.
- Not thread safe: sections, counters and frames belong to the thread that draws.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import perf_counter, process_time
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.utils.atomic_files import write_atomically
from calf_gpu.app.utils.frame_history import FrameHistory
from calf_gpu.app.utils.machine import describe_machine, resident_megabytes

SCHEMA_VERSION = 1
WARMUP_FRAMES = 50
HISTORY_FRAMES = 36_000
TABLE_FRAMES = 120
SECTIONS = ("training", "swarm", "heatmap", "trails", "agents", "ui", "render")
COUNTERS = (
    "critic_queries",
    "critic_queries_display",
    "critic_rows",
    "training_steps",
    "mesh_updates",
    "draw_calls",
    "world_draw_calls",
    "upload_bytes",
)

_OFF: AbstractContextManager[None] = nullcontext()


class _Section:
    """Context manager of one section name; its state lives on the profiler's stack, so it may be nested."""

    __slots__ = ("_name", "_self_times", "_stack")

    def __init__(self, name: str, stack: list[list[float]], self_times: dict[str, float]) -> None:
        self._name = name
        self._stack = stack
        self._self_times = self_times

    def __enter__(self) -> None:
        self._stack.append([perf_counter(), 0.0])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        start, nested = self._stack.pop()
        elapsed = perf_counter() - start
        self._self_times[self._name] += elapsed - nested
        if self._stack:
            self._stack[-1][1] += elapsed


class PerformanceProfiler:
    """Measures frames of the running program; see the module's text for what the numbers mean.

    Parameters
    ----------
    enabled
        When false, :meth:`section`, :meth:`count` and :meth:`end_frame` cost one branch each.
    warmup
        Frames at the start of the run that are not counted.
    config
        Options of the run, written into the JSON as they are; values must be JSON types.
    machine
        Facts that only the caller knows (GL renderer and version), added to those found here.
    history
        Counted frames kept; a longer run reports its last ``history`` frames.
    """

    def __init__(
        self,
        enabled: bool = True,
        warmup: int = WARMUP_FRAMES,
        config: Mapping[str, Any] | None = None,
        machine: Mapping[str, Any] | None = None,
        history: int = HISTORY_FRAMES,
    ) -> None:
        self.config = dict(config or {})
        self.machine = dict(machine or {})
        self.table_visible = False
        self._enabled = enabled
        self._enabled_without_table = enabled
        self._uncounted = warmup
        self._history = FrameHistory(history)
        self._stack: list[list[float]] = []
        self._self_times: dict[str, float] = defaultdict(float)
        self._counts: dict[str, float] = defaultdict(float)
        self._gpu_ms = 0.0
        self._sections: dict[str, _Section] = {}
        self._frame_start = perf_counter()
        self._cpu_start = process_time()

    # -- measuring ---------------------------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """Whether anything is measured; switched on in the middle of a frame, that frame is not counted."""
        return self._enabled

    @enabled.setter
    def enabled(self, on: bool) -> None:
        if on and not self._enabled:
            self._skip_current_frame()
        self._enabled = on

    @property
    def frames(self) -> int:
        """Number of counted frames that the figures are made of."""
        return len(self._history)

    def section(self, name: str) -> AbstractContextManager[None]:
        """Return a context manager that adds the time inside it to the section ``name``."""
        if not self._enabled:
            return _OFF
        section = self._sections.get(name)
        if section is None:
            section = self._sections[name] = _Section(name, self._stack, self._self_times)
        return section

    def count(self, name: str, amount: float = 1) -> None:
        """Add ``amount`` to a counter of the current frame; any name is accepted and reported."""
        if self._enabled:
            self._counts[name] += amount

    def add_gpu_time(self, milliseconds: float) -> None:
        """Report the GPU time of a frame, whenever its timer query has answered (some frames later)."""
        if self._enabled:
            self._gpu_ms = milliseconds

    def end_frame(self) -> None:
        """Close the frame: everything since the last call becomes one entry of the history."""
        if not self._enabled:
            return
        start, cpu, now = perf_counter(), process_time(), perf_counter()
        self._self_times["meters"] += now - start  # a system call that takes long with many threads
        if self._uncounted > 0:
            self._uncounted -= 1
        else:
            row = {
                "frame_ms": 1e3 * (now - self._frame_start),
                "cpu_ms": 1e3 * (cpu - self._cpu_start),
                "gpu_ms": self._gpu_ms,
            }
            row.update((f"section.{name}", 1e3 * seconds) for name, seconds in self._self_times.items())
            row.update((f"count.{name}", amount) for name, amount in self._counts.items())
            self._history.append(row)
        self._begin_frame(now, cpu)

    def reset(self) -> None:
        """Forget everything measured (F3); counting goes on with the next whole frame, no new warm-up."""
        self._history.clear()
        self._skip_current_frame()

    def _skip_current_frame(self) -> None:
        self._uncounted = max(self._uncounted, 1)
        self._begin_frame(perf_counter(), process_time())
        for opened in self._stack:
            opened[:] = self._frame_start, 0.0

    def _begin_frame(self, now: float, cpu: float) -> None:
        self._self_times.clear()
        self._counts.clear()
        self._gpu_ms = 0.0
        self._frame_start, self._cpu_start = now, cpu

    # -- reporting ---------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Return the profile: the content of the JSON file, described by ``tools/profile.schema.json``.

        Figures of time are milliseconds, per-frame figures are means over the counted frames; where no frame
        was counted they are ``None``.
        """
        frame_ms = self._history.column("frame_ms")
        cpu_ms = self._history.column("cpu_ms")
        gpu_ms = self._history.column("gpu_ms")
        profile: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "config": self.config,
            "machine": {**describe_machine(), **self.machine},
            "frames": len(frame_ms),
            "fps": {
                "mean": _rate(frame_ms.mean() if len(frame_ms) else None),
                "median": _rate(_percentile(frame_ms, 50)),
                "p5": _rate(_percentile(frame_ms, 95)),
            },
            "frame_ms": {"median": _percentile(frame_ms, 50), "p95": _percentile(frame_ms, 95)},
            "sections_ms": self._by_name("section.", SECTIONS, np.mean),
            "sections_median_ms": self._by_name("section.", SECTIONS, np.median),
            "per_frame": self._by_name("count.", COUNTERS, np.mean),
            "cpu_percent": 100.0 * float(cpu_ms.sum() / frame_ms.sum()) if len(frame_ms) else None,
            "rss_mb": resident_megabytes(),
        }
        answered = gpu_ms[gpu_ms > 0.0]
        if len(answered):
            profile["gpu_ms"] = {"median": _percentile(answered, 50), "p95": _percentile(answered, 95)}
        return profile

    def write_json(self, path: Path) -> None:
        """Write :meth:`as_dict` as JSON; the folder is made if it is missing."""
        text = json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n"
        write_atomically(path, text.encode())

    def write_csv(self, path: Path) -> None:
        """Write every kept frame as a row: its number, times in ms, sections and counters."""
        names = self._history.names
        rows = np.stack([self._history.column(name) for name in names], axis=1) if names else np.zeros((0, 0))
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["frame", *names])
        writer.writerows([number, *map(float, row)] for number, row in enumerate(rows))
        write_atomically(path, text.getvalue().encode())

    def write(self, path: Path) -> tuple[Path, Path]:
        """Write JSON to ``path`` and CSV beside it (F1); return both paths."""
        paths = path.with_suffix(".json"), path.with_suffix(".csv")
        self.write_json(paths[0])
        self.write_csv(paths[1])
        return paths

    def toggle_table(self) -> bool:
        """Show or hide the table (F2) and return whether it is shown; showing it switches measuring on."""
        self.table_visible = not self.table_visible
        if self.table_visible:
            self._enabled_without_table = self._enabled
            self.enabled = True
        else:
            self.enabled = self._enabled_without_table
        return self.table_visible

    def table_rows(self, last: int = TABLE_FRAMES) -> list[tuple[str, str]]:
        """Return (label, text) rows for the on-screen table: the newest ``last`` counted frames."""
        frame_ms = self._history.column("frame_ms", last)
        if not len(frame_ms):
            return [("frame", f"{self._uncounted} warm-up frames to go")]
        total = frame_ms.sum()
        p95 = _percentile(frame_ms, 95)
        rows = [
            ("frame", f"{frame_ms.mean():.2f} ms  p95 {p95:.2f}  {1e3 * len(frame_ms) / total:.1f} fps"),
            ("CPU", f"{100 * self._history.column('cpu_ms', last).sum() / total:.0f} %"),
            ("memory", f"{resident_megabytes():.0f} MB"),
        ]
        gpu_ms = self._history.column("gpu_ms", last)
        if gpu_ms.any():
            rows.append(("GPU", f"{gpu_ms[gpu_ms > 0.0].mean():.2f} ms"))
        for name in self._names("section.", SECTIONS):
            column = self._history.column(f"section.{name}", last)
            rows.append((name, f"{column.mean():.2f} ms  {100 * column.sum() / total:.0f} %"))
        for name in self._names("count.", COUNTERS):
            rows.append(
                (name.replace("_", " "), f"{self._history.column(f'count.{name}', last).mean():,.1f}")
            )
        return rows

    def _names(self, prefix: str, always: tuple[str, ...]) -> list[str]:
        """Return the names in ``always`` and after them the others that were measured."""
        seen = [name.removeprefix(prefix) for name in self._history.names if name.startswith(prefix)]
        return list(dict.fromkeys([*always, *seen]))

    def _by_name(
        self, prefix: str, always: tuple[str, ...], reduce: Callable[[NDArray[np.float64]], Any]
    ) -> dict[str, float | None]:
        columns = {name: self._history.column(prefix + name) for name in self._names(prefix, always)}
        return {name: float(reduce(column)) if len(column) else None for name, column in columns.items()}


def _percentile(values: NDArray[np.float64], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _rate(milliseconds: float | None) -> float | None:
    return 1e3 / float(milliseconds) if milliseconds else None
