"""Shader hot reload as the program runs it: watch the folder, swap what is good, show what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from calf_gpu.app.utils.shader_watcher import ShaderWatcher
from calf_gpu.app.utils.streams import tell
from calf_gpu.app.visuals.hud import Hud
from calf_gpu.app.visuals.window import Window
from calf_gpu.hot_reload import ShaderReloader
from calf_gpu.programs import ProgramSwitch, compile_errors, program_source, shaders_dir


def check_shaders(window: Window, programs: Iterable[ProgramSwitch]) -> None:
    """Compile what the scene is drawn with, before it is shown; the driver keeps it.

    Raises
    ------
    ValueError
        With the file, the line and the driver's message of the first mistake.
    """
    sources = [program_source(program.name, program.current) for program in programs]
    for messages in compile_errors(window.app.win, sources).values():
        raise ValueError(messages[0])


class ShaderReload:
    """Reloads shaders when their files change and shows what is wrong with them."""

    def __init__(self, window: Window, hud: Hud, programs: Iterable[ProgramSwitch]) -> None:
        self._hud = hud
        self._reloader = ShaderReloader(window.app.win, programs)
        self._watcher = ShaderWatcher(shaders_dir())
        self._shown: list[str] = []

    def step(self) -> None:
        """Take in edits; call once a frame."""
        if self._watcher.changed():
            self._reloader.reload()
        self._reloader.step()
        errors = self._reloader.errors
        if errors != self._shown:
            self._shown = errors
            self._hud.message(errors[0] if errors else None)
            for error in errors:
                tell(error, sys.stderr)

    def close(self) -> None:
        """Stop watching."""
        self._watcher.close()
