"""What every system is: dynamics, reward, episode ends and the nominal policy, on arrays of N states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Transition(NamedTuple):
    """Outcome of one step of N agents."""

    states: Array
    """(N, d) states after the step."""
    rewards: Array
    """(N,) unscaled rewards of the step."""
    terminated: Flags
    """(N,) true where the episode ended by itself, at the goal or out of bounds; no value follows."""
    truncated: Flags
    """(N,) true where only the step limit cut the episode; its value goes on."""


@dataclass(frozen=True)
class System(ABC):
    """A controlled system ṡ = f(s, a) with a goal, for any number of agents at once.

    All methods take and return float64 arrays with one row per agent: states (N, d), actions (N, m). Rows
    never influence each other. SI units: metres, seconds, radians.
    """

    name: ClassVar[str]
    state_bound: ClassVar[tuple[float, ...]]
    """(d,) magnitudes that no state of an episode exceeds."""
    action_bound: ClassVar[tuple[float, ...]]
    """(m,) magnitudes of the actions; they are clipped to ±action_bound."""
    axis_labels: ClassVar[tuple[str, ...]]
    """(d,) names of the state axes with their units."""
    goal_radius: ClassVar[float]
    """Radius of the goal in the plane shown."""
    heading_axis: ClassVar[int | None] = None
    """State axis that holds the heading in radians, if there is one."""
    plane_extent: ClassVar[tuple[float, float, float, float]] = (-3.5, 3.5, -3.5, 3.5)
    """(x0, x1, y0, y1): the part of the plane of the first two state axes that is shown."""
    start_bound: ClassVar[float] = 2.0
    """Episodes start with both plane coordinates uniform in ±start_bound."""
    position_bound: ClassVar[float] = 5.0
    """Episodes end where a position exceeds this magnitude."""
    dt: ClassVar[float] = 0.01
    """Seconds per step."""
    max_episode_steps: ClassVar[int] = 1000

    @property
    def state_dim(self) -> int:
        """Number of state axes d."""
        return len(self.state_bound)

    @property
    def action_dim(self) -> int:
        """Number of action axes m."""
        return len(self.action_bound)

    @property
    def action_low(self) -> Array:
        """(m,) least actions."""
        return -self.action_high

    @property
    def action_high(self) -> Array:
        """(m,) greatest actions."""
        return np.array(self.action_bound)

    @property
    def goal(self) -> Array:
        """(d,) state at the goal's centre: the origin, so that ‖s‖ measures the distance to it."""
        return np.zeros(self.state_dim)

    @abstractmethod
    def derivative(self, states: Array, actions: Array) -> Array:
        """Return ds/dt, (N, d)."""

    @abstractmethod
    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) unscaled rewards of acting with ``actions`` in ``states``."""

    @abstractmethod
    def at_goal(self, states: Array) -> Flags:
        """Return (N,) whether the states are inside the goal."""

    @abstractmethod
    def out_of_bounds(self, states: Array) -> Flags:
        """Return (N,) whether a position exceeds ``position_bound``."""

    @abstractmethod
    def nominal_action(self, states: Array) -> Array:
        """Return the (N, m) actions of the nominal stabilizer π₀, within the action bounds."""

    @abstractmethod
    def sample_start(self, count: int, rng: np.random.Generator) -> Array:
        """Return ``count`` random start states, (count, d)."""

    def step(self, states: Array, actions: Array) -> Array:
        """Return the states ``dt`` later: one Runge-Kutta step (RK4) with the clipped action held."""
        actions = np.clip(actions, self.action_low, self.action_high)
        h = self.dt
        k1 = self.derivative(states, actions)
        k2 = self.derivative(states + 0.5 * h * k1, actions)
        k3 = self.derivative(states + 0.5 * h * k2, actions)
        k4 = self.derivative(states + h * k3, actions)
        return self.normalise(states + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4))

    def normalise(self, states: Array) -> Array:
        """Return the states in their standard form, angles wrapped."""
        return states

    def transition(self, states: Array, actions: Array, episode_steps: NDArray[np.int64]) -> Transition:
        """Step every agent and say where its episode ended.

        Parameters
        ----------
        states, actions
            (N, d) and (N, m).
        episode_steps
            (N,) steps made in the episode before this one.
        """
        after = self.step(states, actions)
        terminated = self.at_goal(after) | self.out_of_bounds(after)
        truncated = ~terminated & (episode_steps + 1 >= self.max_episode_steps)
        clipped = np.clip(actions, self.action_low, self.action_high)
        return Transition(after, self.reward(states, clipped), terminated, truncated)

    def plane_states(self, points: Array) -> Array:
        """Return the (M, d) states shown at the plane's (M, 2) points, all further axes at the goal."""
        states = np.tile(self.goal, (len(points), 1))
        states[:, :2] = points
        return states


def wrap_angle(angle: Array) -> Array:
    """Return angles in radians wrapped into [−π, π)."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi
