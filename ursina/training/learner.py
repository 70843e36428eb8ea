"""Learning from the agents' experience: a model, the replay buffer and the gradient steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.models import OffPolicyTrainer
from calf_gpu.app.models.sac import SACModel
from calf_gpu.app.models.td3 import TD3Model
from calf_gpu.app.systems import System
from calf_gpu.app.training.replay import ReplayBuffer

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

Algorithm = Literal["td3", "sac"]

MODELS: dict[Algorithm, type[TD3Model | SACModel]] = {"td3": TD3Model, "sac": SACModel}
"""Who can learn, by name."""


class DivergedError(ArithmeticError):
    """Learning left the numbers behind; the text says in a few words what is no longer finite."""


@dataclass(frozen=True)
class LearningParameters:
    """Constants of learning and exploration; :meth:`for_system` gives those that suit a system."""

    algorithm: Algorithm = "td3"
    """Who learns: TD3 or SAC, both stable-baselines3's."""
    training_agents: int = 16
    """Agents that gather experience at the same time; the first of them is the one shown."""
    gradient_steps: int = 4
    """Gradient steps after each decision of all training agents."""
    hidden_layers: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers of actor and critics."""
    learning_rate: float = 1e-3
    """Adam's step size, of actor and critics."""
    batch_size: int = 256
    """Transitions per gradient step; training begins when the buffer holds as many."""
    buffer_size: int = 100_000
    """Transitions kept in the replay buffer."""
    discount: float = 0.98
    """γ per decision."""
    return_steps: int = 3
    """Decisions whose rewards a target counts before the target critic's value (n-step returns, Sutton & Barto,
    ch. 7). Where decisions are short, one-step targets need very long to carry the goal's value back."""
    target_rate: float = 0.02
    """τ of the target networks."""
    reward_scale: float = 0.2
    """Factor of rewards for learning; losses are in scaled units, Q is not."""
    noise_start: float = 0.3
    """Standard deviation of TD3's exploration noise at first, as a fraction of the action bound; SAC needs none."""
    noise_end: float = 0.1
    """Standard deviation that the noise falls to."""
    noise_time: float = 0.2
    """Correlation time of the noise in seconds; 0 makes it independent from decision to decision."""
    noise_steps: int = 100_000
    """Steps of all training agents together over which the noise falls, linearly."""

    @classmethod
    def for_system(cls, system: System, **given: Any) -> Self:
        """Return the constants that suit a system, those ``given`` by name laid over them."""
        return cls(**{**system.learning, **given})


class Learner:
    """The model that learns, the replay buffer, and the losses.

    Randomness comes from generators of this object alone: two learners in one process do not disturb each
    other. States and actions come and go in the system's units, values in its rewards.

    Attributes
    ----------
    model
        Policy and critic.
    buffer
        What has been experienced.
    critic_loss, actor_loss
        Losses of the last gradient step of each, of scaled rewards; nan before it.
    """

    def __init__(self, system: System, parameters: LearningParameters, seed: np.random.SeedSequence) -> None:
        buffer_seed, model_seed = seed.spawn(2)
        self.system = system
        self.parameters = parameters
        self.model: OffPolicyTrainer = MODELS[parameters.algorithm](
            system,
            parameters.hidden_layers,
            parameters.learning_rate,
            parameters.discount,
            parameters.target_rate,
            parameters.reward_scale,
            model_seed,
        )
        self.buffer = ReplayBuffer(
            parameters.buffer_size,
            parameters.training_agents,
            len(system.feature_bound),
            system.action_dim,
            parameters.return_steps,
            parameters.discount,
            np.random.default_rng(buffer_seed),
        )
        self.critic_loss = float("nan")
        self.actor_loss = float("nan")

    @property
    def queries(self) -> Mapping[str, int]:
        """Calls of the critic so far, by purpose; gradient steps are not counted."""
        return self.model.queries

    @property
    def rows(self) -> Mapping[str, int]:
        """State-action pairs that the critic valued so far, by the same purposes."""
        return self.model.rows

    @property
    def version(self) -> int:
        """Number of gradient steps made; the critic changed whenever it grew."""
        return self.model.version

    @property
    def finite(self) -> bool:
        """Whether everything learnt is finite."""
        return self.model.finite

    @property
    def ready(self) -> bool:
        """Whether the buffer holds a batch."""
        return self.buffer.size() >= self.parameters.batch_size

    def actions(self, states: Array) -> Array:
        """Return the actor's (N, m) actions for (N, d) states, in one batch and without exploration."""
        return self.model.actions(states)

    def q_values(self, states: Array, actions: Array, purpose: str) -> Array:
        """Return (N,) min(Q1, Q2) at (N, d) states and (N, m) actions, in one batch, counted by purpose."""
        return self.model.q_values(states, actions, purpose)

    def remember(
        self,
        states: Array,
        actions: Array,
        rewards: Array,
        next_states: Array,
        terminated: Flags,
        truncated: Flags,
    ) -> None:
        """Store one decision of every training agent; one row an agent, rewards summed over the steps it was held for.

        A truncated transition is stored as a timeout: its target bootstraps from the last state of the episode.
        """
        self.buffer.add(
            self.system.features(states),
            self.system.features(next_states),
            actions / self.system.action_high,
            rewards * self.parameters.reward_scale,
            terminated,
            truncated,
        )

    def gradient_step(self) -> None:
        """Train once; sets ``critic_loss``, ``actor_loss``.

        Raises
        ------
        DivergedError
            If a loss is not finite; the weights may be lost then.
        """
        losses = self.model.gradient_step(self.buffer, self.parameters.batch_size)
        self.critic_loss = losses["critic"]
        self.actor_loss = losses.get("actor", self.actor_loss)
        for name, loss in losses.items():
            if not np.isfinite(loss):
                raise DivergedError(f"the {name}'s loss is {loss}")

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, replay buffer and generators as arrays and JSON values.

        The arrays are views of the live ones: write or copy them before the next gradient step.
        """
        return {
            "algorithm": self.parameters.algorithm,
            "model": self.model.state_dict(),
            "buffer": self.buffer.state_dict(),
            "critic_loss": self.critic_loss,
            "actor_loss": self.actor_loss,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of the same system and the same parameters.

        Raises
        ------
        ValueError
            If another algorithm learnt it, weights are not finite, or sizes do not fit.
        """
        if saved["algorithm"] != self.parameters.algorithm:
            raise ValueError(f"{saved['algorithm']} learnt it, not {self.parameters.algorithm}")
        self.model.load_state_dict(saved["model"])
        self.buffer.load_state_dict(saved["buffer"])
        self.critic_loss = saved["critic_loss"]
        self.actor_loss = saved["actor_loss"]
