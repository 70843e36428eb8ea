"""What a policy, a critic and an off-policy learner must be able to do; nothing else is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import ReplayBufferSamples

Array = NDArray[np.float64]


class Policy(Protocol):
    """Whatever chooses actions."""

    def actions(self, states: Array) -> Array:
        """Return (N, m) actions for (N, d) states, in the system's units and without exploration."""


class Critic(Protocol):
    """Whatever values state-action pairs."""

    def q_values(self, states: Array, actions: Array, purpose: str) -> Array:
        """Return (N,) values Q(s, a) of (N, d) states and (N, m) actions, in rewards, counted under a purpose."""


class Replay(Protocol):
    """Whatever gives batches of transitions."""

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Return a batch of scaled transitions."""


class OffPolicyTrainer(Policy, Critic, Protocol):
    """A policy and its critic that learn from replayed transitions."""

    stochastic: bool
    """Whether :meth:`proposals` explores by itself; where not, noise must be added to them."""

    @property
    def queries(self) -> Mapping[str, int]:
        """Calls of the critic so far, by purpose."""

    @property
    def rows(self) -> Mapping[str, int]:
        """State-action pairs valued so far, by purpose."""

    @property
    def version(self) -> int:
        """Gradient steps made so far."""

    @property
    def finite(self) -> bool:
        """Whether everything learnt is finite."""

    def proposals(self, states: Array) -> Array:
        """Return (N, m) actions for (N, d) states as training proposes them."""

    def gradient_step(self, replay: Replay, batch_size: int) -> dict[str, float]:
        """Train once and return the losses by name: ``critic``, and ``actor`` where it was trained too."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that learning's future depends on, as arrays and JSON values."""

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`."""
