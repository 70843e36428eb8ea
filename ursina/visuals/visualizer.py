"""What a frame looks like: brings the scene and the heads-up display up to date with the frames of one run."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from ursina import application

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.frame import Frame
from calf_gpu.app.stream.header import Header
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.utils.stats_cache import StatsCache
from calf_gpu.app.utils.streams import tell
from calf_gpu.app.visuals.hud import PICTURE, Hud
from calf_gpu.app.visuals.number_text import Rows, decimal, rows
from calf_gpu.app.visuals.scene import Part
from calf_gpu.app.visuals.scene_choice import choose_scene, most_agents

FRAME_TIME_WEIGHT = 0.05
"""Weight of the newest frame in the frame time shown."""

MOST_STEPS = 2**53
"""Numbers that count steps are below it."""

EVENTS = ("episode", "agents", "exact")


class TrainingVisualizer:
    """The picture of a run: a scene and the HUD, fed by frames.

    Parameters
    ----------
    config
        Options of the program. ``stats=cached`` rebuilds a block of the HUD when it is due, ``every_frame`` every
        frame.
    header
        What is shown.
    profiler
        Who times the sections ``heatmap``, ``agents``, ``trails`` and ``ui``.
    hud
        The heads-up display.
    agents
        Number of agents M of the first frame.

    Attributes
    ----------
    header
        What is shown.
    scene
        What draws the world; chosen by the options and by what the OpenGL context can do.
    most_agents
        Agents of the swarm that can be shown with trails of this length.
    """

    def __init__(
        self,
        config: VisualizationConfig,
        header: Header,
        profiler: PerformanceProfiler,
        hud: Hud,
        agents: int,
    ) -> None:
        self.header = header
        self._hud = hud
        self._config = config
        self._profiler = profiler
        self._frame: Frame | None = None
        self._last_show: float | None = None
        self._table_shown = False
        self._frame_ms: float | None = None
        gsg = application.base.win.get_gsg()
        self.most_agents = most_agents(config.view, gsg)
        self.scene, notice = choose_scene(config.view, header, gsg, profiler, agents)
        if notice is not None:
            tell(notice)
            hud.message(notice)
        hud.show_header(header)
        options = config.view
        shown = {
            "landscape": options.show_landscape,
            "grid": options.show_grid,
            "overlay": options.show_overlay,
        }
        self._visible: dict[Part, bool] = {}
        for part in ("landscape", "grid", "overlay"):
            self.set_visible(part, shown[part])
        self._stats = self._make_stats()

    def show(self, frame: Frame) -> None:
        """Bring scene and HUD up to date with a frame; draws nothing by itself."""
        self._measure_frame_time()
        self.scene.show(frame)
        with self._profiler.section("ui"):
            if self.header.controlled_by:
                controller = self._number(frame, self.header.controlled_by)
                known = controller in range(len(self.header.controllers))
                self._hud.explain_controller(int(controller) if known else None)
            previous, self._frame = self._frame, frame
            self._note_events(previous, frame)
            self.update_stats_display()
            chart = self.header.chart
            if chart is not None:
                over = self._number(frame, chart.over)
                if 0 <= over < MOST_STEPS:  # false for NaN too
                    self._hud.timeline.push(int(over), self._number(frame, chart.number))
            self._hud.push_learning(frame.numbers)

    def update_stats_display(self) -> None:
        """Rewrite the blocks of the HUD whose values were due and have changed, or all of them every frame."""
        self._stats.tick()
        rebuild = self._config.view.stats == "every_frame"
        for block in self._stats.names:
            self._hud.set_block(block, self._stats.get(block), rebuild=rebuild)
        self._update_table()

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide a part of the scene; return whether the scene has it."""
        self._visible[part] = on and self.scene.set_visible(part, on)
        if on and not self._visible[part]:
            return False
        self.scene.set_visible(part, on)
        if part == "overlay":
            self._hud.explain_overlay(on)
        return True

    def toggle(self, part: Part) -> None:
        """Show a part of the scene, or hide it."""
        if not self.set_visible(part, not self._visible[part]):
            self._hud.message(f"the {part} needs --gpu-heights or NumPy heights")

    def close(self) -> None:
        """Take the scene out of the scene graph."""
        self.scene.close()

    def _make_stats(self) -> StatsCache:
        """Return the HUD's blocks with how long each may be kept."""
        cached = self._config.view.stats == "cached"
        # Captured pictures are looked at one by one: all their numbers are of the same step.
        interval = self._config.view.text_interval if cached and self._config.export.capture is None else 1
        stats = StatsCache(EVENTS)
        blocks: dict[str, list[int]] = {}
        for place, number in enumerate(self.header.numbers):
            blocks.setdefault(number.block, []).append(place)
        own = blocks.pop(PICTURE, [])
        for block, places in blocks.items():
            if block:
                stats.add(block, partial(self._rows, places), interval=interval, events=EVENTS)
        stats.add(PICTURE, lambda: self._frame_rows() + self._rows(own), interval=interval, events=EVENTS)
        return stats

    def _rows(self, places: list[int]) -> Rows:
        values = self._shown.numbers
        return rows(
            [self.header.numbers[place] for place in places], [float(values[place]) for place in places]
        )

    def _frame_rows(self) -> Rows:
        """How fast the picture is, where that is known, and which variants draw it."""
        options = self._config.view
        variants = [("Heights", options.heights), ("Trails", options.trails.replace("_", " "))]
        # Captured pictures of equal runs are equal, so they cannot tell how fast they were drawn.
        if not self._frame_ms or self._config.export.capture is not None:
            return variants
        rate = decimal(1e3 / self._frame_ms, 0)
        return [("Frame", f"{decimal(self._frame_ms, 1)} ms"), ("Rate", f"{rate} fps"), *variants]

    def _update_table(self) -> None:
        """Show the profiler's table while it is wanted, with new figures now and then."""
        wanted = self._profiler.table_visible
        due = self._stats.frame % self._config.view.profiler_interval == 0
        if wanted and (due or not self._table_shown):
            self._hud.table(self._profiler.table_rows())
        elif self._table_shown and not wanted:
            self._hud.table(None)
        self._table_shown = wanted

    @property
    def _shown(self) -> Frame:
        if self._frame is None:
            raise RuntimeError("no frame was shown yet")
        return self._frame

    def _number(self, frame: Frame, name: str) -> float:
        return float(frame.numbers[self.header.index(name)])

    def _note_events(self, previous: Frame | None, frame: Frame) -> None:
        """Tell the blocks of the HUD what happened between two frames."""
        if previous is None:
            return
        episode = self.header.episode
        if episode and self._number(frame, episode) != self._number(previous, episode):
            self._stats.invalidate("episode")
        if frame.agents != previous.agents:
            self._stats.invalidate("agents")
        if frame.number == previous.number:
            self._stats.invalidate("exact")  # paused: the same step with the critic's present values

    def _measure_frame_time(self) -> None:
        now = perf_counter()
        if self._last_show is not None:
            elapsed = 1e3 * (now - self._last_show)
            before = elapsed if self._frame_ms is None else self._frame_ms
            self._frame_ms = before + FRAME_TIME_WEIGHT * (elapsed - before)
        self._last_show = now
