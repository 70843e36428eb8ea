"""The program: ``calf-gpu``, ``python -m calf_gpu``, or ``python ursina/main.py`` in a checkout.

Only what the command line needs is imported before the window shows; torch comes after.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from glob import escape
from pathlib import Path

if __name__ == "__main__":  # run as a file: everything is imported as ``calf_gpu``, nothing from this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calf_gpu.app.config.options import UsageError, parse_options
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.source import Source
from calf_gpu.app.systems import find_system
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.utils.streams import end_on_signals, open_missing_streams, tell

RUNS = Path("runs")
"""Where the folders of runs are made."""

PREVIEW_STEPS = 5_000
"""Gradient steps before the first frame of a run whose pictures nobody counts: its preview shows something learnt."""

USAGE, ENVIRONMENT, INTERRUPTED = 2, 1, 130
"""Exit codes: the command line cannot be used; what it asks for cannot be had on this machine; Ctrl-C at the start."""


class StartError(RuntimeError):
    """The run cannot start or go on; the text is one line for the user."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the program with these arguments (default: the command line's) and return its exit code."""
    try:
        config = parse_options(sys.argv[1:] if args is None else args)
        check_system(config)
        run_dir = run_folder(config)
        check_destinations(config)
    except UsageError as error:
        return _fail(error, USAGE)
    try:
        if config.run.no_render:
            train_without_pictures(config, run_dir)
        else:
            show(config, run_dir)
    except (StartError, OSError) as error:
        return _fail(error, ENVIRONMENT)
    except KeyboardInterrupt:  # before there was anything to save
        return _fail(KeyboardInterrupt("interrupted"), INTERRUPTED)
    return 0


def run_folder(config: VisualizationConfig) -> Path:
    """Return the folder of the run: the one given, the newest to resume, or a new name. Makes nothing.

    Raises
    ------
    UsageError
        If there is nothing to resume.
    """
    if config.run.run_dir is not None:
        return config.run.run_dir
    system = config.run.system.replace(":", ".")
    if config.run.resume:
        runs = sorted(folder for folder in RUNS.glob(f"*-{escape(system)}*") if folder.is_dir())
        if not runs:
            raise UsageError(
                f"--resume found no run of {config.run.system} in {RUNS}/; name one with --run-dir"
            )
        return runs[-1]
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{system}"
    folder, copies = RUNS / name, 1
    while folder.exists():
        copies += 1
        folder = RUNS / f"{name}-{copies}"
    return folder


def check_system(config: VisualizationConfig) -> None:
    """Raise UsageError unless there is a system of the name asked for."""
    try:
        find_system(config.run.system)
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_destinations(config: VisualizationConfig) -> None:
    """Refuse at once what could only fail after the run.

    Raises
    ------
    UsageError
        If something of another kind lies where a file or a folder is to be written.
    """
    if config.export.profile is not None and config.export.profile.is_dir():
        raise UsageError(f"--profile accepts the path of a file, {config.export.profile} is a folder")
    if (
        config.export.capture is not None
        and config.export.capture.exists()
        and not config.export.capture.is_dir()
    ):
        raise UsageError(f"--capture accepts a folder, {config.export.capture} is a file")


def train_without_pictures(config: VisualizationConfig, run_dir: Path) -> None:
    """Train as fast as possible with a progress bar; Ctrl-C saves and ends."""
    from calf_gpu.app.training.headless import train
    from calf_gpu.app.training.learner import DivergedError

    try:
        train(config, run_dir)
    except (ValueError, DivergedError) as error:
        raise StartError(str(error)) from None
    tell(f"saved in {run_dir}")


def show(config: VisualizationConfig, run_dir: Path) -> None:
    """Train and show it, in a window or offscreen."""
    from calf_gpu.app.visuals.window import Window, WindowError, display_available

    view = config.view
    offscreen = view.offscreen
    if not offscreen and not display_available():
        tell("no display found: rendering offscreen", sys.stderr)
        offscreen = True
    try:
        window = Window(
            view.size,
            offscreen=offscreen,
            core_profile=view.gl_profile == "core",
            vsync=config.export.profile is None,
        )
    except WindowError as error:
        raise StartError(str(error)) from None
    from calf_gpu.app.visuals.viewer import Viewer, ViewerError

    apart = config.run.training == "process" or (config.run.training == "auto" and not offscreen)
    make = train_apart if apart else train_inline
    try:
        Viewer(config, run_dir, window, partial(make, config, run_dir)).run()
    except ViewerError as error:
        raise StartError(str(error)) from None


def train_inline(config: VisualizationConfig, run_dir: Path, profiler: PerformanceProfiler) -> Source:
    """Return a training in this process, a step inside each frame."""
    from calf_gpu.app.stream.inline import InlineSource
    from calf_gpu.app.training.publication import Publication

    return InlineSource(Publication(config, run_dir, profiler, _steps_first(config)))


def _steps_first(config: VisualizationConfig) -> int:
    """Return the gradient steps to make before the first frame."""
    if config.run.train_first is not None:
        return config.run.train_first
    return PREVIEW_STEPS if config.view.frames is None and not config.run.resume else 0


def train_apart(config: VisualizationConfig, run_dir: Path, profiler: PerformanceProfiler) -> Source:
    """Return a training in a process of its own, at full speed."""
    from calf_gpu.app.stream.process import ProcessSource, Request
    from calf_gpu.app.training.worker import request

    def ask(again: bool) -> Request:
        resumed = config.replace(resume=run_dir.is_dir()) if again else config
        return request(resumed, run_dir)

    return ProcessSource("calf_gpu.app.training.worker", ask)


def _fail(error: BaseException, code: int) -> int:
    tell(f"error: {' '.join(str(error).split())}", sys.stderr)
    return code


def run() -> None:
    """Run the program with the command line's arguments, and exit."""
    open_missing_streams()
    end_on_signals()
    sys.exit(main())


if __name__ == "__main__":
    run()
