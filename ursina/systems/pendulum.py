"""A pendulum that swings up with a motor too weak to lift it: Gymnasium's Pendulum-v1 with a goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calf_gpu.app.systems.base import Array, Flags, System


@dataclass(frozen=True, kw_only=True)
class Pendulum(System):
    """A rod on a pivot: state [θ, θ̇] (rad, rad/s), θ = 0 upright; action [u] (N·m).

    θ̈ = 3g/(2l)·sin θ + 3/(ml²)·u, integrated as Pendulum-v1 does (semi-implicit Euler, |θ̇| clipped to 8), so that
    both give the same states. Reward −(θ² + 0.1·θ̇² + 0.001·u²) a step; the goal is ‖(θ, θ̇)‖ ≤ 0.2.
    """

    name: str = "pendulum"
    state_bound: tuple[float, ...] = (3.15, 8.0)
    action_bound: tuple[float, ...] = (2.0,)
    axis_labels: tuple[str, ...] = ("angle θ [rad]", "rate θ̇ [rad/s]")
    goal_radius: float = 0.2
    wrapped_axes: tuple[int, ...] = (0,)
    plane_extent: tuple[float, float, float, float] = (-np.pi, np.pi, -8.0, 8.0)
    start_low: tuple[float, ...] = (-np.pi, -1.0)
    start_high: tuple[float, ...] = (np.pi, 1.0)
    dt: float = 0.05
    max_episode_steps: int = 200
    settling_steps: int = 120
    kappa: tuple[float, float] = (3.0, 1000.0)
    learning: Mapping[str, Any] = field(default_factory=lambda: {"reward_scale": 1.0})
    gravity: float = 10.0
    mass: float = 1.0
    length: float = 1.0

    # Swing up by energy (Åström & Furuta, Swinging up a pendulum by energy control, 2000): the motor pushes along
    # with the motion while the energy is below that of standing upright, and against it above. Near the top a
    # linear controller catches it: with θ̈ = ω²·θ + u/J the motion that runs away is z = θ + θ̇/ω, and the motor
    # can turn it back while ω²·|z| < u_max/J, that is |z| < 0.4; poles at −4 ± 0i then.
    catch_angle: float = 0.35
    """Largest |θ + θ̇/ω| at which the linear controller takes over."""
    pole: float = 4.0
    """Rate 1/s at which the linear controller closes in."""

    @property
    def stiffness(self) -> float:
        """ω² = 3g/(2l) in 1/s²."""
        return 1.5 * self.gravity / self.length

    @property
    def gain(self) -> float:
        """1/J = 3/(ml²) in 1/(kg·m²)."""
        return 3.0 / (self.mass * self.length**2)

    def derivative(self, states: Array, actions: Array) -> Array:
        """Return ds/dt, (N, 2)."""
        acceleration = self.stiffness * np.sin(states[:, 0]) + self.gain * actions[:, 0]
        return np.stack([states[:, 1], acceleration], axis=1)

    def step(self, states: Array, actions: Array) -> Array:
        """Return the states ``dt`` later, as Pendulum-v1 computes them, with θ wrapped into [−π, π)."""
        actions = np.clip(actions, self.action_low, self.action_high)
        limit = self.state_bound[1]
        rate = np.clip(states[:, 1] + self.derivative(states, actions)[:, 1] * self.dt, -limit, limit)
        return self.normalise(np.stack([states[:, 0] + rate * self.dt, rate], axis=1))

    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) rewards."""
        return -(states[:, 0] ** 2 + 0.1 * states[:, 1] ** 2 + 0.001 * actions[:, 0] ** 2)

    def distance(self, states: Array) -> Array:
        """Return (N,) √(θ² + 0.1·θ̇²), the root of what a step there costs."""
        return np.sqrt(states[:, 0] ** 2 + 0.1 * states[:, 1] ** 2)

    def at_goal(self, states: Array) -> Flags:
        """Return (N,) whether the states are inside the goal."""
        return np.hypot(states[:, 0], states[:, 1]) <= self.goal_radius

    def nominal_action(self, states: Array) -> Array:
        """Return the (N, 1) torques that swing the pendulum up and catch it, within ±2."""
        angle, rate = states[:, 0], states[:, 1]
        energy = 0.5 * rate**2 + self.stiffness * (np.cos(angle) - 1.0)  # 0 when upright at rest
        direction = np.where(rate >= 0.0, 1.0, -1.0)  # hanging still it has to begin somewhere
        swing = -direction * np.clip(energy, -1.0, 1.0) * self.action_bound[0]
        runaway = angle + rate / np.sqrt(self.stiffness)
        near = (np.abs(runaway) < self.catch_angle) & (np.abs(angle) < 1.0)
        catch = -((self.stiffness + self.pole**2) * angle + 2.0 * self.pole * rate) / self.gain
        return np.clip(np.where(near, catch, swing)[:, None], self.action_low, self.action_high)
