"""What a frame looks like: brings the scene and the heads-up display up to date with a frame state."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import System
from calf_gpu.app.training import stats_text
from calf_gpu.app.training.frame_state import FrameState
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.utils.stats_cache import StatsCache
from calf_gpu.app.utils.streams import tell
from calf_gpu.app.visuals.scene import Part
from calf_gpu.app.visuals.scene_choice import choose_scene, most_agents
from calf_gpu.app.visuals.visual_agent import VisualAgent
from ursina import application

if TYPE_CHECKING:
    from calf_gpu.app.visuals.hud import Hud

__all__ = ["TrainingVisualizer", "VisualAgent"]

FRAME_TIME_WEIGHT = 0.05
"""Weight of the newest frame in the frame time shown."""

BLOCKS = ("run", "episode", "training", "calf", "q", "kappa", "frame")
EVENTS = ("episode", "agents", "exact")
PARTS_BY_KEY: dict[str, Part] = {"h": "landscape", "g": "grid", "c": "overlay"}


class TrainingVisualizer:
    """The picture of a training run: a scene and the HUD, fed by frame states.

    Parameters
    ----------
    config
        Options of the program. ``stats=cached`` rebuilds a block of the HUD when it is due, ``every_frame`` every
        frame.
    system
        What is trained.
    profiler
        Who times the sections ``heatmap``, ``agents``, ``trails`` and ``ui``.
    hud
        The heads-up display.

    Attributes
    ----------
    scene
        What draws the world; chosen by the options and by what the OpenGL context can do.
    most_agents
        Agents of the swarm that can be shown with trails of this length.
    stats
        The blocks of the HUD, by name, as they are kept between the frames.
    """

    def __init__(
        self, config: VisualizationConfig, system: System, profiler: PerformanceProfiler, hud: Hud
    ) -> None:
        self.hud = hud
        self._config = config
        self._profiler = profiler
        self._frame: FrameState | None = None
        self._last_show: float | None = None
        self._table_shown = False
        self._frame_ms: float | None = None
        self.most_agents = most_agents(config, application.base.win.get_gsg())
        self.scene, notice = choose_scene(config, system, application.base.win.get_gsg(), profiler)
        if notice is not None:
            tell(notice)
            hud.message(notice)
        self._visible: dict[Part, bool] = {"landscape": True, "grid": True, "overlay": False}
        for part in self._visible:
            self.set_visible(part, getattr(config, f"show_{part}"))
        self.stats = self._make_stats()

    def show(self, frame: FrameState) -> None:
        """Bring scene and HUD up to date with a frame; draws nothing by itself."""
        self._measure_frame_time()
        self.scene.show(frame)
        with self._profiler.section("ui"):
            self.hud.swarm_checked = frame.stats.swarm_policy != "td3"
            previous, self._frame = self._frame, frame
            self._note_events(previous, frame)
            self.update_stats_display()

    def update_stats_display(self) -> None:
        """Rewrite the blocks of the HUD whose values were due and have changed, or all of them every frame."""
        self.stats.tick()
        rebuild = self._config.stats == "every_frame"
        for block in BLOCKS:
            self.hud.set_block(block, self.stats.get(block), rebuild=rebuild)
        self._update_table()

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide a part of the scene; return whether the scene has it."""
        if not self.scene.set_visible(part, on):
            return False
        self._visible[part] = on
        if part == "overlay":
            self.hud.legend_overlay = on
        return True

    def input(self, key: str) -> bool:
        """Take a key of Ursina's names; return whether it was one of the scene's (H, G, C)."""
        part = PARTS_BY_KEY.get(key)
        if part is None:
            return False
        if not self.set_visible(part, not self._visible[part]):
            self.hud.message(f"the {part} needs --gpu-heights or NumPy heights")
        return True

    def close(self) -> None:
        """Take the scene out of the scene graph."""
        self.scene.close()

    def _make_stats(self) -> StatsCache:
        """Return the HUD's blocks with how long each may be kept."""
        cached = self._config.stats == "cached"
        # Captured pictures are looked at one by one: all their numbers are of the same step.
        text = self._config.text_interval if cached and self._config.capture is None else 1
        slow = self._config.profiler_interval if cached else 1
        stats = StatsCache(EVENTS)
        add = partial(stats.add, interval=text, events=("episode", "exact"))
        add(
            "run",
            lambda: stats_text.run_rows(self._shown, self._config.episodes),
            events=("episode", "agents", "exact"),
        )
        add("episode", lambda: stats_text.episode_rows(self._shown))
        add("training", lambda: stats_text.training_rows(self._shown))
        add("calf", lambda: stats_text.calf_rows(self._shown))
        add("q", lambda: stats_text.q_rows(self._shown, self.scene.heatmap))
        add("kappa", lambda: stats_text.kappa_rows(self._shown))
        stats.add("frame", self._frame_rows, interval=slow)
        return stats

    def _update_table(self) -> None:
        """Show the profiler's table while it is wanted, with new figures now and then."""
        wanted = self._profiler.table_visible
        if wanted and (not self._table_shown or self.stats.frame % self._config.profiler_interval == 0):
            self.hud.table(self._profiler.table_rows())
        elif self._table_shown and not wanted:
            self.hud.table(None)
        self._table_shown = wanted

    @property
    def _shown(self) -> FrameState:
        if self._frame is None:
            raise RuntimeError("no frame was shown yet")
        return self._frame

    def _frame_rows(self) -> stats_text.Rows:
        # Captured pictures of equal runs are equal, so they cannot tell how fast they were drawn.
        frame_ms = self._frame_ms if self._config.capture is None else None
        return stats_text.frame_rows(frame_ms, self._config.heights, self._config.trails)

    def _note_events(self, previous: FrameState | None, frame: FrameState) -> None:
        """Tell the blocks of the HUD what happened between two frames."""
        if previous is None or frame is previous:
            return
        if frame.stats.episode != previous.stats.episode:
            self.stats.invalidate("episode")
        if len(frame.states) != len(previous.states):
            self.stats.invalidate("agents")
        if frame.step == previous.step:
            self.stats.invalidate("exact")  # paused: the same step with the critic's present values

    def _measure_frame_time(self) -> None:
        now = perf_counter()
        if self._last_show is not None:
            elapsed = 1e3 * (now - self._last_show)
            before = elapsed if self._frame_ms is None else self._frame_ms
            self._frame_ms = before + FRAME_TIME_WEIGHT * (elapsed - before)
        self._last_show = now
