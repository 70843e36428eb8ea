"""What every system is: dynamics, reward, goal and the nominal policy, on arrays of N states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Transition(NamedTuple):
    """Outcome of one step of N agents."""

    states: Array
    """(N, d) states after the step."""
    rewards: Array
    """(N,) rewards of the step."""
    terminated: Flags
    """(N,) true where the goal ended the episode; no value follows."""
    truncated: Flags
    """(N,) true where only the step limit cut the episode; its value goes on."""


@dataclass(frozen=True, kw_only=True)
class System(ABC):
    """A controlled system ṡ = f(s, a) with a goal, for any number of agents at once.

    All methods take and return float64 arrays with one row per agent: states (N, d), actions (N, m). Rows
    never influence each other. SI units: metres, seconds, radians. Constants are fields: ``replace(system,
    goal_radius=0.2)`` is the same system with a larger goal.

    The goal is the only end that a state can bring about. Where the arena has a border there is a wall (see
    :meth:`normalise`): were leaving the arena an end, an agent far away would cut its costs by fleeing.
    """

    name: str
    """Name by which users ask for the system."""
    state_bound: tuple[float, ...]
    """(d,) magnitudes that no state of an episode exceeds."""
    action_bound: tuple[float, ...]
    """(m,) magnitudes of the actions; they are clipped to ±action_bound."""
    axis_labels: tuple[str, ...]
    """(d,) names of the state axes with their units."""
    goal_radius: float
    """Radius of the goal in the plane shown."""
    heading_axis: int | None = None
    """State axis that holds the heading in radians, if there is one."""
    wrapped_axes: tuple[int, ...] = ()
    """State axes that are angles in [−π, π)."""
    plane_extent: tuple[float, float, float, float] = (-3.5, 3.5, -3.5, 3.5)
    """(x0, x1, y0, y1): the part of the plane of the first two state axes that is shown."""
    start_low: tuple[float, ...]
    start_high: tuple[float, ...]
    """(d,) each: episodes start with every axis uniform between them."""
    dt: float = 0.01
    """Seconds per step."""
    hold: int = 1
    """Steps for which an action is held: policies decide every hold·dt seconds."""
    max_episode_steps: int = 1000
    """Steps after which an episode is cut."""
    settling_steps: int
    """Steps within which the nominal policy reaches the goal from every state that an episode can get to. Should
    be well below ``max_episode_steps``: what lies between is the time that others may act in."""
    kappa: tuple[float, float] = (0.01, 1000.0)
    """(C_low, C_up): reaching the goal from distance r costs more than C_low·r² and, sensibly done, less than C_up·r²,
    in rewards; see :meth:`distance`."""
    learning: Mapping[str, Any] = field(default_factory=dict)
    """Learning options that suit the system better than the defaults, by name."""

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
        """(d,) state at the goal's centre: the origin."""
        return np.zeros(self.state_dim)

    @abstractmethod
    def derivative(self, states: Array, actions: Array) -> Array:
        """Return ds/dt, (N, d)."""

    @abstractmethod
    def reward(self, states: Array, actions: Array) -> Array:
        """Return the (N,) rewards of acting with ``actions`` in ``states``, negative outside the goal."""

    @abstractmethod
    def at_goal(self, states: Array) -> Flags:
        """Return (N,) whether the states are inside the goal."""

    @abstractmethod
    def nominal_action(self, states: Array) -> Array:
        """Return the (N, m) actions of the nominal stabilizer π₀, within the action bounds."""

    def distance(self, states: Array) -> Array:
        """Return (N,) how far the states are from the goal's centre, in the sense of the bounds κ: ‖s‖."""
        return np.sqrt((states * states).sum(axis=1))

    def features(self, states: Array) -> Array:
        """Return what the networks see of (N, d) states: angles as cosine and sine, all else as it is, (N, f)."""
        if not self.wrapped_axes:
            return states
        columns = []
        for axis in range(self.state_dim):
            if axis in self.wrapped_axes:
                columns += [np.cos(states[:, axis]), np.sin(states[:, axis])]
            else:
                columns.append(states[:, axis])
        return np.stack(columns, axis=1)

    @property
    def feature_bound(self) -> Array:
        """(f,) magnitudes that no feature exceeds."""
        bounds: list[float] = []
        for axis, bound in enumerate(self.state_bound):
            bounds += [1.0, 1.0] if axis in self.wrapped_axes else [bound]
        return np.array(bounds)

    def sample_start(self, count: int, rng: np.random.Generator) -> Array:
        """Return ``count`` random start states, (count, d)."""
        return rng.uniform(self.start_low, self.start_high, (count, self.state_dim))

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
        """Return fresh states in their standard form, angles wrapped and inside the walls; may change them in place."""
        for axis in self.wrapped_axes:
            states[:, axis] = wrap_angle(states[:, axis])
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
        terminated = self.at_goal(after)
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
