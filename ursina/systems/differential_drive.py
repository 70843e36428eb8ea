"""A differential-drive robot on the plane that parks at the origin, facing along x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calf_gpu.app.systems.base import Array, Flags, System, wrap_angle


@dataclass(frozen=True, kw_only=True)
class DifferentialDrive(System):
    """Unicycle: state [x, y, θ] (m, m, rad), action [v, ω] (m/s, rad/s).

    ẋ = v·cos θ, ẏ = v·sin θ, θ̇ = ω, θ wrapped into [−π, π); walls at |x| = 5 and |y| = 5, along which the
    robot slides. Reward −‖(x, y)‖ − 0.1·|θ| − 0.01·‖a‖² a step; the goal is ‖(x, y)‖ ≤ 0.1 and |θ| ≤ 0.1.
    Actions are held for 0.1 s: within 10 ms hardly anything happens, and what is learnt from it drowns in noise.
    """

    name: str = "differential_drive"
    state_bound: tuple[float, ...] = (5.0, 5.0, 3.15)
    action_bound: tuple[float, ...] = (1.0, 2.0)
    axis_labels: tuple[str, ...] = ("position x [m]", "position y [m]", "heading θ [rad]")
    goal_radius: float = 0.1
    goal_angle: float = 0.1
    heading_axis: int | None = 2
    wrapped_axes: tuple[int, ...] = (2,)
    start_low: tuple[float, ...] = (-2.0, -2.0, -np.pi)
    start_high: tuple[float, ...] = (2.0, 2.0, np.pi)
    hold: int = 10
    max_episode_steps: int = 2000
    settling_steps: int = 1300
    kappa: tuple[float, float] = (10.0, 10_000.0)
    wall: float = 5.0
    """Largest |x| and |y|."""

    # Move to point, then turn. With ρ the distance and α the angle from the heading to the goal,
    # ρ̇ = −v·cos α and α̇ = −ω + v·sin α/ρ. v = k_ρ·ρ·cos α makes ρ never grow; ω = k_α·α + v·sin α/ρ leaves
    # α̇ = −k_α·α (Aicardi et al., Closed loop steering of unicycle-like vehicles via Lyapunov techniques,
    # 1995). k_α well above k_ρ turns the robot before it has driven far. All loops are of first order, so
    # nothing swings.
    rho_gain: float = 0.8
    alpha_gain: float = 3.0
    theta_gain: float = 2.0
    turn_radius: float = 0.08
    """Where the turn on the spot begins; inside the goal's radius, so that turning is all that is left to do."""

    def derivative(self, states: Array, actions: Array) -> Array:
        """Return ds/dt, (N, 3)."""
        heading, speed = states[:, 2], actions[:, 0]
        return np.stack([speed * np.cos(heading), speed * np.sin(heading), actions[:, 1]], axis=1)

    def normalise(self, states: Array) -> Array:
        """Return the states with θ wrapped into [−π, π) and positions inside the walls."""
        states[:, :2] = np.clip(states[:, :2], -self.wall, self.wall)
        return super().normalise(states)

    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) rewards."""
        effort = actions[:, 0] ** 2 + actions[:, 1] ** 2
        return -self.distance(states) - 0.01 * effort

    def distance(self, states: Array) -> Array:
        """Return (N,) ‖(x, y)‖ + 0.1·|θ|: what a step there costs."""
        return np.hypot(states[:, 0], states[:, 1]) + 0.1 * np.abs(states[:, 2])

    def at_goal(self, states: Array) -> Flags:
        """Return (N,) whether the states are inside the goal."""
        near = np.hypot(states[:, 0], states[:, 1]) <= self.goal_radius
        return near & (np.abs(states[:, 2]) <= self.goal_angle)

    def nominal_action(self, states: Array) -> Array:
        """Return the (N, 2) actions that drive to the origin and then turn to θ = 0, within the bounds."""
        x, y, heading = states[:, 0], states[:, 1], states[:, 2]
        distance = np.hypot(x, y)
        alpha = wrap_angle(np.arctan2(-y, -x) - heading)
        speed = np.minimum(self.rho_gain * distance, self.action_bound[0]) * np.cos(alpha)
        turn_rate = self.alpha_gain * alpha + speed * np.sin(alpha) / np.maximum(distance, self.turn_radius)
        arrived = distance < self.turn_radius
        speed = np.where(arrived, 0.0, speed)
        turn_rate = np.where(arrived, -self.theta_gain * heading, turn_rate)
        return np.clip(np.stack([speed, turn_rate], axis=1), self.action_low, self.action_high)
