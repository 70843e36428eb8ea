"""A TurtleBot3 that parks with a hot spot in its way: the experiment of the CALF paper (arXiv 2409.09869)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calf_gpu.app.systems.base import Array
from calf_gpu.app.systems.differential_drive import DifferentialDrive


@dataclass(frozen=True, kw_only=True)
class TurtleBot(DifferentialDrive):
    """Unicycle within a TurtleBot3 Burger's limits: |v| ≤ 0.22 m/s, |ω| ≤ 2.84 rad/s, decisions every 0.1 s.

    Reward −(x² + y² + 0.1·θ² + 10·h) a step, h a Gaussian of height 1 and standard deviation 0.1 m at the hot spot.
    The stabilizer drives straight to the goal and knows nothing of the spot.
    """

    name: str = "turtlebot"
    state_bound: tuple[float, ...] = (2.0, 2.0, 3.15)
    action_bound: tuple[float, ...] = (0.22, 2.84)
    plane_extent: tuple[float, float, float, float] = (-1.5, 1.5, -1.5, 1.5)
    start_low: tuple[float, ...] = (-1.2, -1.2, -np.pi)
    start_high: tuple[float, ...] = (-0.8, -0.8, np.pi)
    dt: float = 0.1
    hold: int = 1
    max_episode_steps: int = 300
    settling_steps: int = 180
    kappa: tuple[float, float] = (2.0, 10_000.0)
    learning: Mapping[str, Any] = field(default_factory=lambda: {"reward_scale": 1.0, "discount": 0.99})
    wall: float = 2.0
    spot: tuple[float, float] = (-0.6, -0.5)
    """(x, y) of the hot spot's centre."""
    spot_width: float = 0.1
    """Standard deviation of the hot spot in metres."""
    spot_cost: float = 10.0
    """What a step in its centre costs."""

    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) rewards; actions are free."""
        away = (states[:, 0] - self.spot[0]) ** 2 + (states[:, 1] - self.spot[1]) ** 2
        heat = np.exp(-0.5 * away / self.spot_width**2)
        return -(self.distance(states) ** 2) - self.spot_cost * heat

    def distance(self, states: Array) -> Array:
        """Return (N,) √(x² + y² + 0.1·θ²), the root of what a step there costs without the spot."""
        return np.sqrt(states[:, 0] ** 2 + states[:, 1] ** 2 + 0.1 * states[:, 2] ** 2)
