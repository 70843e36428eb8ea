"""Two runs of the program over the same frame states: recorded once, shown twice, captured alike.

Training is not repeatable enough between different options to compare pictures, so it happens once, here; each run
then shows the recording in a process of its own (Panda3D allows one window a process).
"""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.config.learn import LearnOptions
from calf_gpu.app.config.options import UsageError, parse_options
from calf_gpu.app.config.visualization_config import VisualizationConfig
from tools.frame_metrics import FrameError
from tools.frame_recording import save_recording

SIMULATED = (
    "system",
    "n_agents",
    "grid_size",
    "swarm_policy",
    "q_action",
    "q_grid_interval",
    "episodes",
    *(field.name for room in (LearnOptions, CalfOptions) for field in dataclasses.fields(room)),
)
"""Options that decide what the frame states are: both runs must agree in them."""

CAPTURED_FRAME = "frame_{:06}.png"


def capture_runs(runs: Sequence[str], frames: int, every: int, seed: int, base: Path) -> tuple[Path, Path]:
    """Record ``frames`` frame states, show them with both runs' options and capture every ``every``-th frame.

    Parameters
    ----------
    runs
        Options of the program, as one would type them, for A and for B.
    seed
        Seed of the recording; wins over one among the options.
    base
        Folder for the recording and the captured frames; made if it is missing.

    Returns
    -------
    tuple of Path
        The folders of A and B.

    Raises
    ------
    FrameError
        If options are refused, the runs disagree about what is simulated, or a run fails; one line.
    """
    configs = [read_options(options, seed) for options in runs]
    check_agreement(configs)
    base.mkdir(parents=True, exist_ok=True)
    recording = base / "recording.frames"
    record(configs[0], frames, recording)
    folders = (base / "a", base / "b")
    for options, folder in zip(runs, folders, strict=True):
        _show(recording, options, seed, every, folder)
    recording.unlink()
    return folders


def read_options(options: str, seed: int) -> VisualizationConfig:
    """Return the configuration of one ``--run``, offscreen and with this seed."""
    try:
        return parse_options([*shlex.split(options), "--offscreen", "--seed", str(seed)])
    except (UsageError, ValueError) as error:
        raise FrameError(f"--run={options!r}: {error}") from None


def check_agreement(configs: Sequence[VisualizationConfig]) -> None:
    """Raise :class:`FrameError` where the two runs would need different frame states."""
    a, b = (config.as_dict() for config in configs)
    for name in SIMULATED:
        if a[name] != b[name]:
            raise FrameError(
                f"both runs show the same frames and must agree in {name}, got {a[name]} and {b[name]}"
            )


def record(config: VisualizationConfig, frames: int, path: Path) -> None:
    """Simulate ``frames`` frames and write what a viewer of them would receive."""
    from calf_gpu.app.stream.inline import InlineSource
    from calf_gpu.app.training.publication import Publication

    source = InlineSource(Publication(config))
    messages = [message for _ in range(frames) for message in source.receive()]
    source.close()
    save_recording(path, messages)


def _show(recording: Path, options: str, seed: int, every: int, folder: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("replay_frames.py")), str(recording), str(folder)]
    command += ["--every", str(every), f"--options={options}", "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise FrameError(f"--run={options!r} failed: {lines[-1]}")
