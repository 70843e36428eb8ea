"""One run of the program with pictures: simulate, show, draw, capture, profile, and react to keys."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.stats_text import POLICY_NAMES
from calf_gpu.app.utils.meters import Meters
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.utils.streams import handle_ending, tell
from calf_gpu.app.visuals.camera_controls import FlyCamera
from calf_gpu.app.visuals.capture import FrameCapture
from calf_gpu.app.visuals.hud import Hud
from calf_gpu.app.visuals.shader_reload import ShaderReload, check_shaders
from calf_gpu.app.visuals.window import Window
from tqdm import tqdm
from ursina import Entity

if TYPE_CHECKING:
    from calf_gpu.app.training.frame_state import FrameState, Policy
    from calf_gpu.app.training.remote_simulation import RemoteSimulation
    from calf_gpu.app.training.simulation import Simulation

OFFSCREEN_FRAMES = 600
"""Frames of an offscreen run unless told otherwise."""

WAITING_S = 0.03
"""Pause between two looks for the first frame state of another process, which needs the cores now."""

NOTICE_S = 4.0
"""How long a passing notice stays."""

MINIMIZED_S = 0.05
"""Pause after each frame that nobody sees; trails still get all steps."""

YIELD_S = 0.03
"""Pause after each frame while a trainer starts again beside it: importing torch needs the cores too."""


class SessionError(RuntimeError):
    """The run cannot start; the text is one line for the user."""


class Session:
    """The loop over frames.

    Parameters
    ----------
    config
        Options of the program.
    run_dir
        Folder for checkpoints, previews and profiles.
    window
        The picture, already open. A first frame is drawn before anything slow is imported.

    Raises
    ------
    SessionError
        If the run's folder or its checkpoint cannot be used.
    """

    def __init__(self, config: VisualizationConfig, run_dir: Path, window: Window) -> None:
        self._config = config
        self._run_dir = run_dir
        self._window = window
        self._paused = self._quitting = False
        self._notice_ends = math.inf
        self._stopped: str | None = None
        self._agents = config.n_agents
        self._hud = Hud(
            window.size, timeline_interval=1 if config.stats == "every_frame" else config.q_stats_interval
        )
        self._camera = FlyCamera(window)
        window.on_resize(self._hud.resize)
        self._hud.message("starting the training")
        self._draw_idle()
        self._profiler = self._make_profiler()
        self._source = self._make_source()
        from calf_gpu.app.training.visualizer import TrainingVisualizer

        self._hud.message(None)
        try:
            self._visualizer = TrainingVisualizer(config, self._source.system, self._profiler, self._hud)
            self._visualizer.scene.root.hide()  # until there is something to see
            check_shaders(window, getattr(self._visualizer.scene, "programs", ()))
        except (ValueError, OSError, RuntimeError) as error:  # shaders that are missing or broken
            self._source.close()
            raise SessionError(str(error)) from None
        self._meters = Meters(window, self._profiler, self._source) if self._profiler.enabled else None
        self._reload = self._make_reload()
        self._keys = Entity(name="keys", input=self._input, eternal=True)

    def run(self) -> None:
        """Show frames until the last one, Q, Ctrl-C or the closed window; then save and release everything."""
        frames = self._config.frames or (OFFSCREEN_FRAMES if self._window.offscreen else None)
        previews = self._run_dir if self._window.offscreen else None
        capture = FrameCapture(
            self._window,
            self._config.capture,
            self._config.capture_every,
            previews,
            frames or 0,
            video=self._config.profile is None,  # encoding would be measured too
        )
        restore_signals = handle_ending(self._interrupted)
        show_bar = self._window.offscreen and sys.stderr.isatty()
        try:
            with tqdm(total=frames, unit="frame", disable=not show_bar) as bar:
                number = 0
                while not self._quitting and not self._window.closed and number != frames:
                    if self._frame(number + 1, capture):
                        number += 1
                        bar.update()
            for path in capture.close(self._window):
                tell(f"wrote {path}")
            self._write_profile(self._config.profile)
        finally:
            capture.discard()
            self._close()
            restore_signals()

    def _frame(self, number: int, capture: FrameCapture) -> bool:
        """Simulate, show and draw one frame; false if there is no frame state yet."""
        state = self._next_state()
        if state is None:
            self._notify("starting the training process", seconds=0.0)
            self._draw_idle()
            time.sleep(WAITING_S)
            return False
        if time.monotonic() > self._notice_ends:
            self._notify("paused: P goes on" if self._paused else None)
        if getattr(self._source, "starting", False):
            self._notify("starting the training process again", seconds=0.0)
            time.sleep(YIELD_S)
        if self._window.minimized:
            time.sleep(MINIMIZED_S)
        if number == 1:
            self._visualizer.scene.root.show()
            if self._config.resume:
                tell(
                    f"resumed {self._run_dir} at step {state.stats.total_steps}, episode {state.stats.episode}"
                )
        self._visualizer.show(state)
        with self._profiler.section("ui"):
            self._hud.timeline.push(state.stats.total_steps, state.stats.q_certified)
        with self._profiler.section("input"):
            self._window.step()
            self._camera.update(self._window.frame_seconds)
            if self._reload is not None:
                self._reload.step()
        capture.before_draw(number)
        with self._profiler.section("render"):
            self._window.draw()
        with self._profiler.section("capture"):
            capture.after_draw(number)
        if self._meters is not None:
            with self._profiler.section("meters"):
                self._meters.count()
        self._profiler.end_frame()
        return True

    def _next_state(self) -> FrameState | None:
        state = self._source.next_frame()
        failure = getattr(self._source, "failure", None)
        if failure is not None and not self._quitting:
            if state is None or self._window.offscreen:  # nobody is there to press T
                raise SessionError(failure)
            self._notify(f"{failure}; press T to restart it")
        stopped = getattr(self._source, "stopped", None)
        if stopped != self._stopped:
            self._stopped = stopped
            self._notify(self._stopped)
            if self._stopped is not None:
                tell(self._stopped, sys.stderr)
        return state

    def _input(self, key: str) -> None:
        """React to a key of Ursina's names."""
        if self._camera.input(key) or self._visualizer.input(key):
            return
        action = {
            "p": self._toggle_pause,
            "q": self._quit,
            "+": lambda: self._change_agents(+1),
            "=": lambda: self._change_agents(+1),
            "-": lambda: self._change_agents(-1),
            "1": lambda: self._set_policy("calf"),
            "2": lambda: self._set_policy("td3"),
            "3": lambda: self._set_policy("nominal"),
            "f": self._window.toggle_fullscreen,
            "tab": self._toggle_help,
            "t": self._restart,
            "f1": self._write_profile_now,
            "f2": self._toggle_table,
            "f3": self._profiler.reset,
        }.get(key)
        if action is not None:
            action()

    def _toggle_pause(self) -> None:
        self._paused = not self._paused
        self._source.set_paused(self._paused)
        self._notify("paused: P goes on" if self._paused else None)

    def _notify(self, text: str | None, seconds: float = math.inf) -> None:
        """Show a notice in place of the one before, for so long."""
        self._hud.message(text)
        self._notice_ends = time.monotonic() + seconds

    def _quit(self) -> None:
        self._quitting = True

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self._quitting = True

    def _change_agents(self, change: int) -> None:
        most = self._visualizer.most_agents
        wanted = max(1, self._agents + change * max(1, self._agents // 10))
        if wanted > most:
            length = self._config.trail_length
            self._notify(f"no more than {most:,} agents with trails of {length:,} steps", NOTICE_S)
        try:
            self._source.set_agent_count(min(wanted, most))
        except OSError as error:  # no shared memory for so many
            self._notify(str(error), NOTICE_S)
        else:
            self._agents = min(wanted, most)

    def _set_policy(self, policy: Policy) -> None:
        self._source.set_swarm_policy(policy)
        self._notify(f"the swarm is controlled by {POLICY_NAMES[policy]} from here on", NOTICE_S)

    def _toggle_help(self) -> None:
        self._hud.help_visible = not self._hud.help_visible

    def _restart(self) -> None:
        broken = getattr(self._source, "failure", None) or self._stopped
        if broken is None or not hasattr(self._source, "restart"):
            self._notify("nothing to restart: training runs", NOTICE_S)
            return
        try:
            self._source.restart()
        except OSError as error:  # no shared memory
            self._notify(str(error), NOTICE_S)

    def _toggle_table(self) -> None:
        if self._profiler.toggle_table() and self._meters is None:
            self._meters = Meters(self._window, self._profiler, self._source)

    def _write_profile(self, path: Path | None) -> None:
        if path is None:
            return
        if not self._profiler.frames:
            self._notify("nothing was measured yet: F2 or --profile starts the profiler", NOTICE_S)
            tell("nothing was measured: the first frames are warm-up and do not count", sys.stderr)
            return
        for written in self._profiler.write(path):
            tell(f"wrote {written}")
        self._notify(f"wrote {path}", NOTICE_S)

    def _write_profile_now(self) -> None:
        try:
            self._write_profile(self._run_dir / "profile.json")
        except OSError as error:
            self._notify(str(error), NOTICE_S)

    def _draw_idle(self) -> None:
        self._window.step()
        self._window.draw()

    def _make_profiler(self) -> PerformanceProfiler:
        gsg = self._window.app.win.get_gsg()
        machine = {"gl_renderer": gsg.get_driver_renderer(), "gl_version": gsg.get_driver_version()}
        return PerformanceProfiler(
            enabled=self._config.profile is not None, config=self._config.as_dict(), machine=machine
        )

    def _make_source(self) -> Simulation | RemoteSimulation:
        """Return who trains: a process of its own, or this one, a step inside each frame."""
        try:
            if self._trains_apart:
                from calf_gpu.app.training.remote_simulation import RemoteSimulation

                return RemoteSimulation(self._config, self._run_dir)
            from calf_gpu.app.training.simulation import Simulation

            return Simulation(self._config, self._run_dir, self._profiler)
        except ValueError as error:
            raise SessionError(str(error)) from None

    @property
    def _trains_apart(self) -> bool:
        """Whether training has a process of its own."""
        if self._config.training == "auto":
            return not self._window.offscreen
        return self._config.training == "process"

    def _make_reload(self) -> ShaderReload | None:
        wanted = self._config.hot_reload or os.environ.get("CALF_GPU_DEV") == "1"
        programs = getattr(self._visualizer.scene, "programs", ())
        return ShaderReload(self._window, self._hud, programs) if wanted and programs else None

    def _close(self) -> None:
        if self._reload is not None:
            self._reload.close()
        try:
            self._visualizer.close()
            self._source.close()
        finally:
            self._window.close()
