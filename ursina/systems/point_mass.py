"""A point mass on a line, pushed towards the origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from calf_gpu.app.systems.base import Array, Flags, System


@dataclass(frozen=True)
class PointMass(System):
    """Double integrator: state [x, v] (m, m/s), action [a] (m/s²), ẋ = v, v̇ = a.

    Reward −‖s‖ − 0.01·a² a step; the goal is ‖s‖ ≤ 0.05.
    """

    name: ClassVar[str] = "point_mass"
    # Within |x| ≤ 5 and |a| ≤ 5 a run-up over all 10 m gives v² ≤ 2·5·10, plus one step beyond the border.
    state_bound: ClassVar[tuple[float, ...]] = (6.0, 12.0)
    action_bound: ClassVar[tuple[float, ...]] = (5.0,)
    axis_labels: ClassVar[tuple[str, ...]] = ("position x [m]", "velocity v [m/s]")
    goal_radius: ClassVar[float] = 0.05

    # π₀ = −kp·x − kd·v closes the loop to ẍ + kd·ẋ + kp·x = 0 with ω = √kp and damping ratio ζ = kd/(2√kp).
    # kd = 2√kp is ζ = 1: the fastest return without overshoot. kd = 0.4 would be ζ = 0.14, swinging for 20 s.
    kp: ClassVar[float] = 2.0
    kd: ClassVar[float] = 2.0 * 2.0**0.5

    def derivative(self, states: Array, actions: Array) -> Array:
        """Return ds/dt, (N, 2)."""
        return np.stack([states[:, 1], actions[:, 0]], axis=1)

    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) unscaled rewards."""
        return -np.hypot(states[:, 0], states[:, 1]) - 0.01 * actions[:, 0] ** 2

    def at_goal(self, states: Array) -> Flags:
        """Return (N,) whether the states are inside the goal."""
        return np.hypot(states[:, 0], states[:, 1]) <= self.goal_radius

    def out_of_bounds(self, states: Array) -> Flags:
        """Return (N,) |x| > 5."""
        return np.abs(states[:, 0]) > self.position_bound

    def nominal_action(self, states: Array) -> Array:
        """Return the (N, 1) actions of a critically damped PD controller, clipped to ±5."""
        actions = -self.kp * states[:, :1] - self.kd * states[:, 1:2]
        return np.clip(actions, self.action_low, self.action_high)

    def sample_start(self, count: int, rng: np.random.Generator) -> Array:
        """Return (count, 2) starts: x and v uniform in ±2."""
        return rng.uniform(-self.start_bound, self.start_bound, (count, 2))
