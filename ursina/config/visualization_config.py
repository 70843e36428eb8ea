"""All options of the program, room by room, and what they must satisfy together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.config.export import ExportOptions
from calf_gpu.app.config.learn import LearnOptions
from calf_gpu.app.config.room import OptionError, Room, shown
from calf_gpu.app.config.rules import Range, Rule
from calf_gpu.app.config.run import RunOptions
from calf_gpu.app.config.view import ViewOptions

__all__ = [
    "MAX_TRAIL_RECORDS",
    "PRESETS",
    "RANGES",
    "ROOMS",
    "ROOM_OF",
    "RULES",
    "OptionError",
    "VisualizationConfig",
    "accepts",
    "shown",
]

ROOMS: dict[str, type[Room]] = {
    "run": RunOptions,
    "learn": LearnOptions,
    "calf": CalfOptions,
    "view": ViewOptions,
    "export": ExportOptions,
}
"""Rooms by the name that they have in :class:`VisualizationConfig`, in files and in the help."""

ROOM_OF: dict[str, str] = {option: name for name, room in ROOMS.items() for option in room.rules}
"""The room of every option; no two options share a name."""

RULES: dict[str, Rule] = {option: rule for room in ROOMS.values() for option, rule in room.rules.items()}
"""What every option accepts."""

RANGES: dict[str, tuple[float, float]] = {
    option: (rule.low, rule.high) for option, rule in RULES.items() if isinstance(rule, Range)
}
"""Inclusive bounds of every numeric option; of sizes and lists they bound each number."""

PRESETS: dict[str, dict[str, int]] = {
    "low": {"n_agents": 3, "trail_length": 300, "grid_size": 15},
    "medium": {"n_agents": 5, "trail_length": 600, "grid_size": 21},
    "high": {"n_agents": 10, "trail_length": 1000, "grid_size": 31},
}
"""Values of every preset; explicit values win over them."""

MAX_TRAIL_RECORDS = 2**27
"""Bound on (n_agents + 1)·(trail_length + 1): 2 GiB of 16-byte trail records."""


@dataclass(frozen=True)
class VisualizationConfig:
    """Every option of the program, for example ``config.learn.batch_size``.

    Rooms check their own options, this class checks what belongs to several; both raise :class:`OptionError`
    (a ``ValueError`` of one line). The defaults are those of the preset ``medium``.
    """

    run: RunOptions = field(default_factory=RunOptions)
    learn: LearnOptions = field(default_factory=LearnOptions)
    calf: CalfOptions = field(default_factory=CalfOptions)
    view: ViewOptions = field(default_factory=ViewOptions)
    export: ExportOptions = field(default_factory=ExportOptions)

    def __post_init__(self) -> None:
        _check_trails(self)
        _check_learning(self)
        if self.export.capture is not None and self.run.no_render:
            raise OptionError("capture", "needs pictures, so it cannot be used with no_render")

    @classmethod
    def of(cls, preset: str = "medium", **flat: Any) -> Self:
        """Return the preset's configuration with these options, by their names without rooms, laid over it.

        Raises
        ------
        OptionError
            If the preset or an option is unknown or a value is not accepted.
        """
        if not isinstance(preset, str) or preset not in PRESETS:
            raise OptionError("preset", f"accepts {accepts('preset')}, got {shown(preset)}")
        values = _by_room({**PRESETS[preset], **flat, "preset": preset})
        rooms: dict[str, Any] = {name: ROOMS[name](**options) for name, options in values.items()}
        return cls(**rooms)

    def replace(self, **flat: Any) -> Self:
        """Return a copy in which these options, by their names without rooms, are others.

        Another ``preset`` is another name only: the options it stands for keep their values.

        Raises
        ------
        OptionError
            As in :meth:`of`.
        """
        values = _by_room(flat)
        rooms = {
            name: dataclasses.replace(getattr(self, name), **options) for name, options in values.items()
        }
        return dataclasses.replace(self, **rooms)

    def as_dict(self) -> dict[str, Any]:
        """Return the options by name as JSON can hold them, paths as strings, tuples as lists; for :meth:`of`."""
        return {
            option: _plain(value)
            for room in dataclasses.asdict(self).values()
            for option, value in room.items()
        }


def accepts(option: str) -> str:
    """Say in a few words what an option accepts, for example ``an integer from 1 to 100000``."""
    return str(RULES[option])


def _by_room(flat: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of every room that has some among these."""
    rooms: dict[str, dict[str, Any]] = {}
    for option, value in flat.items():
        if option not in ROOM_OF:
            raise OptionError(option, "is not an option")
        rooms.setdefault(ROOM_OF[option], {})[option] = value
    return rooms


def _check_trails(config: VisualizationConfig) -> None:
    agents, length = config.run.n_agents, config.view.trail_length
    if (agents + 1) * (length + 1) > MAX_TRAIL_RECORDS:
        longest = MAX_TRAIL_RECORDS // (agents + 1) - 1
        raise OptionError("trail_length", f"accepts at most {longest} with {agents} agents, got {length}")
    if config.view.heights == "gpu" and config.view.trails == "per_agent":
        raise OptionError("heights", "accepts loop or numpy where trails is per_agent, got 'gpu'")


def _check_learning(config: VisualizationConfig) -> None:
    learn, calf = config.learn, config.calf
    if learn.buffer_size is not None:
        for option, value in (("batch_size", learn.batch_size), ("return_steps", learn.return_steps)):
            if value is not None and value > learn.buffer_size:
                raise OptionError(option, f"accepts at most buffer_size = {learn.buffer_size}, got {value}")
    if calf.c_low is not None and calf.c_up is not None and calf.c_low > calf.c_up:
        raise OptionError("c_low", f"accepts at most c_up = {calf.c_up:g}, got {calf.c_low:g}")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
