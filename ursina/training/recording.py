"""Frame states in a file: recorded once, shown as often as wanted. Arrays and JSON only, nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from calf_gpu.app.training.frame_state import FrameState, TrainingStats
from numpy.typing import NDArray

ARRAYS = ("states", "modes", "respawned", "training_state")
NUMBERS = ("step", "q_version", "training_mode", "training_respawned")


def save_recording(path: Path, frames: Sequence[FrameState]) -> None:
    """Write frame states, all of equally many agents, as one ``.npz`` file.

    A Q-grid is written once, however many frames show it; steps between two frames are not kept.

    Raises
    ------
    ValueError
        If there is no frame, or the number of agents changes.
    """
    if len({len(frame.states) for frame in frames}) != 1:
        raise ValueError("a recording needs frames, all of equally many agents")
    versions = sorted({frame.q_version: frame.q_grid for frame in frames}.items())
    content: dict[str, NDArray[Any]] = {
        name: np.stack([getattr(frame, name) for frame in frames]) for name in ARRAYS
    }
    content |= {name: np.array([getattr(frame, name) for frame in frames]) for name in NUMBERS}
    content["grid_versions"] = np.array([version for version, _ in versions])
    content["grids"] = np.stack([grid for _, grid in versions])
    content["stats"] = np.array([frame.stats.to_json() for frame in frames])
    with path.open("wb") as file:
        np.savez(file, **content)  # type: ignore[arg-type]


def load_recording(path: Path) -> list[FrameState]:
    """Read what :func:`save_recording` wrote.

    Raises
    ------
    ValueError, KeyError, OSError
        If the file is no recording.
    """
    with np.load(path, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files}
    grids = dict(zip(content["grid_versions"].tolist(), content["grids"], strict=True))
    return [_frame(content, grids, index) for index in range(len(content["step"]))]


def _frame(content: Mapping[str, NDArray[Any]], grids: Mapping[int, NDArray[Any]], index: int) -> FrameState:
    arrays = {name: content[name][index] for name in ARRAYS}
    numbers = {name: content[name][index].item() for name in NUMBERS}
    stats = TrainingStats.from_json(str(content["stats"][index]))
    return FrameState(**arrays, **numbers, q_grid=grids[numbers["q_version"]], stats=stats)
