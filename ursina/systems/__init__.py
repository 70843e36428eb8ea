"""The systems that can be trained and shown: by name, by Python entry point, or as ``module:Class``."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from calf_gpu.app.systems.base import System, Transition
from calf_gpu.app.systems.differential_drive import DifferentialDrive
from calf_gpu.app.systems.point_mass import PointMass

SYSTEMS: dict[str, System] = {system.name: system for system in (PointMass(), DifferentialDrive())}
"""Those that come with the program."""

GROUP = "calf_gpu.systems"
"""Entry points under which packages offer theirs: ``name = "module:Class"``."""

__all__ = ["SYSTEMS", "DifferentialDrive", "PointMass", "System", "Transition", "find_system"]


def find_system(name: str) -> System:
    """Return the system of a name, of an entry point, or of the class ``module:Class``, made without arguments.

    Modules are looked for in the present folder too, after everything that is installed.

    Raises
    ------
    ValueError
        In one line, if there is none, or it is no :class:`System`.
    """
    if name in SYSTEMS:
        return SYSTEMS[name]
    offered = {point.name: point for point in entry_points(group=GROUP)}
    try:
        if name in offered:
            made = offered[name].load()()
        elif ":" in name:
            if (
                str(Path.cwd()) not in sys.path
            ):  # `calf-gpu` is a script: only `python -m` looks there by itself
                sys.path.append(str(Path.cwd()))
            module, _, kind = name.partition(":")
            made = vars(import_module(module))[kind]()
        else:
            known = ", ".join([*SYSTEMS, *offered])
            raise ValueError(f"accepts {known} or module:Class, got {name!r}")
    except ValueError as error:
        raise ValueError(f"--system {error}") from None
    except (ImportError, KeyError, TypeError) as error:
        raise ValueError(f"--system {name}: {type(error).__name__}: {error}") from None
    if not isinstance(made, System):
        raise ValueError(f"--system {name}: it is no calf_gpu.app.systems.System")
    return made
