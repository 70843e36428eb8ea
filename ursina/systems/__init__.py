"""The systems that can be trained and shown, by name."""

from __future__ import annotations

from calf_gpu.app.systems.base import System, Transition
from calf_gpu.app.systems.differential_drive import DifferentialDrive
from calf_gpu.app.systems.point_mass import PointMass

SYSTEMS: dict[str, System] = {system.name: system for system in (PointMass(), DifferentialDrive())}

__all__ = ["SYSTEMS", "DifferentialDrive", "PointMass", "System", "Transition"]
