"""A point mass on a line, pushed towards the origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calf_gpu.app.systems.base import Array, Flags, System


@dataclass(frozen=True, kw_only=True)
class PointMass(System):
    """Double integrator: state [x, v] (m, m/s), action [a] (m/s²), ẋ = v, v̇ = a.

    Walls at |x| = 5 stop the mass. Reward −‖s‖ − 0.01·a² a step; the goal is ‖s‖ ≤ 0.05.
    """

    name: str = "point_mass"
    # From wall to wall, 10 m, a run-up gives v² ≤ 2·5·10; from the edge of the starts less.
    state_bound: tuple[float, ...] = (5.0, 12.0)
    action_bound: tuple[float, ...] = (5.0,)
    axis_labels: tuple[str, ...] = ("position x [m]", "velocity v [m/s]")
    goal_radius: float = 0.05
    start_low: tuple[float, ...] = (-2.0, -2.0)
    start_high: tuple[float, ...] = (2.0, 2.0)
    max_episode_steps: int = 1500
    settling_steps: int = 800
    kappa: tuple[float, float] = (10.0, 10_000.0)
    wall: float = 5.0
    """Largest |x|."""

    # π₀ = −kp·x − kd·v closes the loop to ẍ + kd·ẋ + kp·x = 0 with ω = √kp and damping ratio ζ = kd/(2√kp).
    # kd = 2√kp is ζ = 1: the fastest return without overshoot. kd = 0.4 would be ζ = 0.14, swinging for 20 s.
    kp: float = 2.0
    kd: float = 2.0 * 2.0**0.5

    learning: Mapping[str, Any] = field(
        default_factory=lambda: {
            "training_agents": 1,
            "gradient_steps": 1,
            "hidden_layers": (64, 64),
            "batch_size": 128,
            "discount": 0.998,
            "return_steps": 20,
            "target_rate": 0.005,
            "reward_scale": 10.0,
            "noise_start": 0.5,
            "noise_end": 0.05,
            "noise_time": 0.2,
            "noise_steps": 20_000,
        }
    )

    def derivative(self, states: Array, actions: Array) -> Array:
        """Return ds/dt, (N, 2)."""
        return np.stack([states[:, 1], actions[:, 0]], axis=1)

    def normalise(self, states: Array) -> Array:
        """Return the states with the mass stopped at a wall that it ran into."""
        x = states[:, 0]
        states[np.abs(x) > self.wall, 1] = 0.0
        np.clip(x, -self.wall, self.wall, out=x)
        return states

    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) rewards."""
        return -np.hypot(states[:, 0], states[:, 1]) - 0.01 * actions[:, 0] ** 2

    def at_goal(self, states: Array) -> Flags:
        """Return (N,) whether the states are inside the goal."""
        return np.hypot(states[:, 0], states[:, 1]) <= self.goal_radius

    def nominal_action(self, states: Array) -> Array:
        """Return the (N, 1) actions of a critically damped PD controller, clipped to ±5."""
        actions = -self.kp * states[:, :1] - self.kd * states[:, 1:2]
        return np.clip(actions, self.action_low, self.action_high)
