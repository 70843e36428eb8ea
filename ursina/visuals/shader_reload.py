"""Shader hot reload as the program runs it: watch the folder, swap what is good, show what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from calf_gpu.hot_reload import ShaderReloader
from calf_gpu.programs import ProgramSwitch, shaders_dir
from utils.shader_watcher import ShaderWatcher
from visuals.hud import Hud
from visuals.window import Window


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
                print(error, file=sys.stderr)

    def close(self) -> None:
        """Stop watching."""
        self._watcher.close()
