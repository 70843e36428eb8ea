"""The systems that can be trained and shown, by name."""

from __future__ import annotations

from training.systems.base import System, Transition
from training.systems.differential_drive import DifferentialDrive
from training.systems.point_mass import PointMass

SYSTEMS: dict[str, System] = {system.name: system for system in (PointMass(), DifferentialDrive())}

__all__ = ["SYSTEMS", "DifferentialDrive", "PointMass", "System", "Transition"]
