"""Options of the run: what is trained and shown, for how long, where it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Integer, Name, Number, PathTo


@dataclass(frozen=True)
class RunOptions(Room):
    """What is trained and shown, for how long, where it is kept."""

    system: Annotated[str, Name("the name of a system or module:Class")] = "point_mass"
    """System that is trained and shown."""

    seed: Annotated[int, Integer(0, 2**32 - 1)] = 0
    """Seed of everything random."""

    episodes: Annotated[int, Integer(1, 1_000_000)] = 500
    """Training episodes; the program goes on showing the result after the last."""

    n_agents: Annotated[int, Integer(1, 100_000)] = 5
    """Agents of the swarm, the training agent not counted."""

    swarm_policy: Literal["calf", "td3", "nominal"] = "calf"
    """Who controls the swarm: CALF, the bare TD3 actor, or the nominal stabilizer."""

    grid_size: Annotated[int, Integer(2, 1024)] = 21
    """Nodes along each side of the Q-grid."""

    q_action: Literal["actor", "zero"] = "actor"
    """Action at which the Q-grid is evaluated."""

    q_grid_interval: Annotated[int, Integer(1, 10_000)] = 5
    """Frames between evaluations of the Q-grid while the critic changes."""

    q_stats_interval: Annotated[int, Integer(1, 10_000)] = 10
    """Frames between evaluations of the HUD's Q-values, and between drawings of the chart of Q†, with cached stats."""

    training: Literal["auto", "process", "inline"] = "auto"
    """Train in a process of its own at full speed, or one step inside each frame so that equal seeds give equal
    frames; auto is process in a window and inline offscreen."""

    train_first: Annotated[int | None, Integer(0, 1_000_000_000)] = None
    """Gradient steps made before the first frame where training is inline; unless given, 5000 in new offscreen runs
    whose frames are not counted by --frames, so that their preview shows something learnt, and else none."""

    sim_rate: Annotated[float, Number(0.0, 100_000.0)] = 100.0
    """Swarm steps per second when training has its own process (100 is real time); 0 makes one step a frame."""

    run_dir: Annotated[Path | None, PathTo("anything")] = None
    """Folder for checkpoints, logs and previews; unless given, runs/<date-time>-<system>, and with --resume the newest
    run of the system there."""

    resume: bool = False
    """Continue from the newest complete checkpoint of the run directory."""

    checkpoint_interval: Annotated[int, Integer(1, 1_000_000)] = 50
    """Episodes between checkpoints; what a crash can cost."""

    no_render: bool = False
    """Train without pictures."""
