"""The systems that can be trained and shown, by name."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points
from pathlib import Path

from calf_gpu.app.systems.base import System, Transition
from calf_gpu.app.systems.differential_drive import DifferentialDrive
from calf_gpu.app.systems.pendulum import Pendulum
from calf_gpu.app.systems.point_mass import PointMass
from calf_gpu.app.systems.turtlebot import TurtleBot

SYSTEMS: dict[str, System] = {
    system.name: system for system in (PointMass(), DifferentialDrive(), Pendulum(), TurtleBot())
}
"""The built-in systems."""

ENTRY_POINTS = "calf_gpu.systems"
"""Group of the entry points by which installed packages offer systems: a :class:`System` or a class of one each."""


def find_system(name: str) -> System:
    """Return the system of a name.

    Parameters
    ----------
    name
        A built-in system, the name of an entry point in the group ``calf_gpu.systems``, or ``module:Class``, which
        imports the module; it is looked for in the present folder too, after everything that is installed.

    Raises
    ------
    ValueError
        In one line, if there is none or it cannot be made.
    """
    if name in SYSTEMS:
        return SYSTEMS[name]
    offered = entry_points(group=ENTRY_POINTS)
    if name in offered.names:
        return _made(name, offered[name].value)
    if ":" in name:
        if str(Path.cwd()) not in sys.path:  # `calf-gpu` is a script: only `python -m` looks there by itself
            sys.path.append(str(Path.cwd()))
        return _made(name, name)
    known = ", ".join([*SYSTEMS, *sorted(offered.names)])
    raise ValueError(f"--system accepts {known} or module:Class, got {name!r}")


def _made(name: str, reference: str) -> System:
    """Return the system that ``module:attribute`` is, or the one that this class makes."""
    module, _, attribute = reference.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = vars(found)[part]
        system = found() if isinstance(found, type) else found
    except Exception as error:  # other people's code: whatever goes wrong in it is told in one line
        text = " ".join(str(error).split())
        raise ValueError(f"--system {name}: {type(error).__name__}: {text}") from error
    if not isinstance(system, System):
        raise ValueError(
            f"--system {name}: it is a {type(system).__name__}, not a calf_gpu.app.systems.System"
        )
    return system


__all__ = [
    "SYSTEMS",
    "DifferentialDrive",
    "Pendulum",
    "PointMass",
    "System",
    "Transition",
    "TurtleBot",
    "find_system",
]
