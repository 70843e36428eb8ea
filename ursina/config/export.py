"""Options of what is written while showing: measurements and frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Integer, PathTo


@dataclass(frozen=True)
class ExportOptions(Room):
    """What is written while showing."""

    profile: Annotated[Path | None, PathTo("file")] = None
    """JSON file to write the run's timings and counters to."""

    capture: Annotated[Path | None, PathTo("anything")] = None
    """Folder for captured frames, frame_000123.png."""

    capture_every: Annotated[int, Integer(1, 1_000_000)] = 1
    """Frames from one captured picture to the next."""
