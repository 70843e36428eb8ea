"""The loop over frames: take what a run sends, show it, draw, capture, profile, and react to keys."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tqdm import tqdm
from ursina import Entity

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.commands import Advance, Command, Pause, Restart, SetAgents, SetController
from calf_gpu.app.stream.frame import Frame, Status
from calf_gpu.app.stream.header import Header
from calf_gpu.app.stream.source import Source
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.utils.streams import handle_ending, tell
from calf_gpu.app.visuals.camera_controls import FlyCamera
from calf_gpu.app.visuals.capture import FrameCapture
from calf_gpu.app.visuals.hud import Hud
from calf_gpu.app.visuals.keys import COMMANDS, Do
from calf_gpu.app.visuals.meters import Meters
from calf_gpu.app.visuals.shader_reload import ShaderReload, check_shaders
from calf_gpu.app.visuals.visualizer import TrainingVisualizer
from calf_gpu.app.visuals.window import Window

OFFSCREEN_FRAMES = 600
"""Frames of an offscreen run unless told otherwise."""

WAITING_S = 0.03
"""Pause between two looks for the first frame of a run in another process, which needs the cores now."""

NOTICE_S = 4.0
"""How long a passing notice stays."""

MINIMIZED_S = 0.05
"""Pause after each frame that nobody sees; trails still get all steps."""


class ViewerError(RuntimeError):
    """The run cannot be shown, or no longer; the text is one line for the user."""


class Viewer:
    """Shows whatever sends a header and frames.

    Parameters
    ----------
    config
        Options of the program.
    run_dir
        Folder for previews and profiles.
    window
        The picture, already open. A first frame is drawn before the source is made.
    make_source
        Makes the source, given who times what happens inside frames.

    Raises
    ------
    ViewerError
        If there is nothing to show.
    """

    def __init__(
        self,
        config: VisualizationConfig,
        run_dir: Path,
        window: Window,
        make_source: Callable[[PerformanceProfiler], Source],
    ) -> None:
        self._config = config
        self._run_dir = run_dir
        self._window = window
        self._paused = self._quitting = False
        self._notice_ends = math.inf
        self._status = Status("running")
        self._picture: TrainingVisualizer | None = None
        self._reload: ShaderReload | None = None
        self._frame: Frame | None = None
        self._wanted_agents = 0
        every = 1 if config.view.stats == "every_frame" else config.run.q_stats_interval
        self._hud = Hud(window.size, timeline_interval=every)
        self._camera = FlyCamera(window)
        window.on_resize(self._hud.resize)
        self._hud.message("starting the training")
        self._draw_idle()
        gsg = window.app.win.get_gsg()
        machine = {"gl_renderer": gsg.get_driver_renderer(), "gl_version": gsg.get_driver_version()}
        measured = config.export.profile is not None
        self._profiler = PerformanceProfiler(enabled=measured, config=config.as_dict(), machine=machine)
        self._meters = Meters(window, self._profiler) if measured else None
        try:
            self._source = make_source(self._profiler)
        except ValueError as error:
            raise ViewerError(str(error)) from None
        self._keys = Entity(name="keys", input=self._input, eternal=True)

    def run(self) -> None:
        """Show frames until the last one, Q, Ctrl-C or the closed window; then save and release everything.

        Raises
        ------
        ViewerError
            If the run fails and nobody is there to start it again.
        OSError
            If something cannot be written.
        """
        view, export = self._config.view, self._config.export
        frames = view.frames or (OFFSCREEN_FRAMES if self._window.offscreen else None)
        previews = self._run_dir if self._window.offscreen else None
        capture = FrameCapture(
            self._window,
            folder=export.capture,
            every=export.capture_every,
            preview_dir=previews,
            frames=frames or 0,
            video=export.profile is None,  # encoding would be measured too
        )
        restore_signals = handle_ending(self._interrupted)
        show_bar = self._window.offscreen and sys.stderr.isatty()
        try:
            with tqdm(total=frames, unit="frame", disable=not show_bar) as bar:
                number = 0
                while not self._quitting and not self._window.closed and number != frames:
                    if self._show(number + 1, capture):
                        number += 1
                        bar.update()
            for path in capture.close(self._window):
                tell(f"wrote {path}")
            self._write_profile(export.profile)
        finally:
            capture.discard()
            self._close()
            restore_signals()

    def _show(self, number: int, capture: FrameCapture) -> bool:
        """Take what came, and draw one frame; false if there is nothing to show yet."""
        self._receive()
        picture, frame = self._picture, self._frame
        if picture is None or frame is None:
            self._draw_idle()
            time.sleep(WAITING_S)
            return False
        if time.monotonic() > self._notice_ends:
            self._notify("paused: P goes on" if self._paused else None)
        if self._status.phase == "starting":
            time.sleep(WAITING_S)
        if self._window.minimized:
            time.sleep(MINIMIZED_S)
        if number == 1:
            picture.scene.root.show()
        picture.show(frame)
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
                self._meters.count(picture.header, frame)
        self._profiler.end_frame()
        return True

    def _receive(self) -> None:
        for message in self._source.receive():
            if isinstance(message, Header):
                self._begin(message)
            elif isinstance(message, Status):
                self._follow(message)
            else:
                self._frame = message

    def _begin(self, header: Header) -> None:
        """Make the picture of a run, unless it is the one shown."""
        if self._picture is not None:
            if self._picture.header == header:
                return
            self._end_picture()
        self._wanted_agents = header.agents - header.agent
        if self._status.phase != "starting":
            self._notify(None)
        try:
            picture = TrainingVisualizer(self._config, header, self._profiler, self._hud, header.agents)
            picture.scene.root.hide()  # until there is something to see
            check_shaders(self._window, picture.scene.programs)
        except (ValueError, OSError, RuntimeError) as error:  # shaders that are missing or broken
            raise ViewerError(str(error)) from None
        self._picture = picture
        wanted = self._config.view.hot_reload or os.environ.get("CALF_GPU_DEV") == "1"
        if wanted and picture.scene.programs:
            self._reload = ShaderReload(self._window, self._hud, picture.scene.programs)

    def _follow(self, status: Status) -> None:
        """Say what the run does, where people should know."""
        before, self._status = self._status, status
        if status.phase == "failed" and not self._quitting:
            if self._frame is None or self._window.offscreen:  # nobody is there to press T
                raise ViewerError(status.reason)
            self._notify(f"{status.reason}; press T to restart it")
        elif status.phase == "starting":
            self._notify("starting the training process" + (" again" if self._frame is not None else ""))
        elif status.phase == "stopped":
            self._notify(status.reason)
            tell(status.reason, sys.stderr)
        else:
            if status.reason:
                tell(status.reason)
            if before.phase in ("starting", "failed"):
                self._notify(None)

    def _input(self, key: str) -> None:
        """React to a key of Ursina's names."""
        if key not in COMMANDS:
            return
        do, value = COMMANDS[key]
        if do is Do.LOOK:
            self._camera.toggle_mouse()
        elif do is Do.ZOOM:
            self._camera.zoom(value)
        elif do is Do.HOME:
            self._camera.reset()
        elif do is Do.FULLSCREEN:
            self._window.toggle_fullscreen()
        elif do is Do.PAUSE:
            self._paused = not self._paused
            self._send(Pause(self._paused))
            self._notify("paused: P goes on" if self._paused else None)
        elif do is Do.ADVANCE:
            self._send(Advance())
        elif do is Do.AGENTS:
            self._change_agents(value)
        elif do is Do.CONTROLLER:
            self._set_controller(value)
        elif do is Do.PART and self._picture is not None:
            self._picture.toggle(value)
        elif do is Do.LEARNING:
            self._hud.toggle_learning()
        elif do is Do.RESTART:
            self._restart()
        elif do is Do.WRITE_PROFILE:
            self._write_profile_now()
        elif do is Do.TABLE:
            self._toggle_table()
        elif do is Do.RESET_PROFILE:
            self._profiler.reset()
        elif do is Do.HELP:
            self._hud.help_visible = not self._hud.help_visible
        elif do is Do.QUIT:
            self._quitting = True

    def _notify(self, text: str | None, seconds: float = math.inf) -> None:
        """Show a notice in place of the one before, for so long."""
        self._hud.message(text)
        self._notice_ends = time.monotonic() + seconds

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self._quitting = True

    def _send(self, command: Command) -> None:
        try:
            self._source.send(command)
        except OSError as error:  # no process can be started
            self._notify(str(error), NOTICE_S)

    def _change_agents(self, change: int) -> None:
        if self._picture is None:
            return
        most = self._picture.most_agents
        wanted = max(1, self._wanted_agents + change * max(1, self._wanted_agents // 10))
        if wanted > most:
            length = self._config.view.trail_length
            self._notify(f"no more than {most:,} agents with trails of {length:,} steps", NOTICE_S)
        self._wanted_agents = min(wanted, most)
        self._send(SetAgents(self._wanted_agents))

    def _set_controller(self, index: int) -> None:
        controllers = self._picture.header.controllers if self._picture is not None else ()
        if index < len(controllers):
            self._send(SetController(index))
            self._notify(f"the swarm is controlled by {controllers[index].label} from here on", NOTICE_S)

    def _restart(self) -> None:
        if self._status.phase not in ("failed", "stopped"):
            self._notify("nothing to restart: training runs", NOTICE_S)
            return
        self._send(Restart())

    def _toggle_table(self) -> None:
        if self._profiler.toggle_table() and self._meters is None:
            self._meters = Meters(self._window, self._profiler)

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

    def _end_picture(self) -> None:
        if self._reload is not None:
            self._reload.close()
        if self._picture is not None:
            self._picture.close()
        self._reload = self._picture = self._frame = None

    def _close(self) -> None:
        try:
            self._end_picture()
            self._source.close()
        finally:
            self._window.close()
