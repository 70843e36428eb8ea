"""What one frame shows, as arrays: the only thing that passes from simulation to rendering.

Anything that yields :class:`FrameState` objects can drive the picture (training in this process or another
one, a recording); anything that consumes them can show it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Mode(IntEnum):
    """Who chose an action: the codes stored in :attr:`FrameState.modes` and in the trail ring."""

    TD3 = 0
    RELAX = 1
    NOMINAL = 2


Policy = Literal["calf", "td3", "nominal"]
"""Who controls the swarm: CALF, the bare TD3 actor, or the nominal stabilizer."""


@dataclass(frozen=True)
class TrainingStats:
    """The numbers of the training run that the HUD shows; rewards are unscaled, losses are of scaled rewards.

    Rates are fractions in [0, 1] over the current episode; ``nan`` marks a number that does not exist yet.
    ``q_value`` is min(Q1, Q2)(s, a) of the training agent's last check: where it was and what the actor proposed
    there; ``q_before``, ``state_norm`` and the κ bounds are what it was checked against. ``q_certified`` is Q† now.
    ``phase`` says what the trainer does; ``swarm_policy`` is a :data:`Policy`.
    """

    episode: int
    total_steps: int
    episode_reward: float
    episode_length: int
    mean_reward_10: float
    success_rate: float
    noise: float
    buffer_size: int
    critic_loss: float
    actor_loss: float
    relax_probability: float
    certification_rate: float
    intervention_rate: float
    relax_rate: float
    q_value: float
    q_before: float
    q_certified: float
    nu_bar: float
    state_norm: float
    kappa_low: float
    kappa_up: float
    kappa_coefficients: tuple[float, float]
    phase: str
    swarm_policy: str

    def to_json(self) -> str:
        """Return the numbers as JSON text, for :meth:`from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If the text holds anything else.
        """
        values = json.loads(text)
        values["kappa_coefficients"] = tuple(values["kappa_coefficients"])
        return cls(**values)

    @property
    def kappa_valid(self) -> bool:
        """Whether κ_low(‖s‖) ≤ −Q(s, a) ≤ κ_up(‖s‖) holds (arXiv 2409.09869)."""
        return self.kappa_low <= -self.q_value <= self.kappa_up


@dataclass(frozen=True)
class SwarmStep:
    """All agents after one simulation step: what a trail remembers of it.

    Attributes
    ----------
    states, modes, respawned
        (N, d) float32, (N,) uint8 :class:`Mode` codes and (N,) bool, as in :class:`FrameState`.
    training_state, training_mode, training_respawned
        The same for the training agent.
    """

    states: NDArray[np.float32]
    modes: NDArray[np.uint8]
    respawned: NDArray[np.bool_]
    training_state: NDArray[np.float32]
    training_mode: int
    training_respawned: bool


@dataclass(frozen=True)
class FrameState:
    """Everything one frame shows.

    Attributes
    ----------
    step
        Simulation step this state belongs to, counted from 0.
    q_grid
        (G, G) float32; rows run along the second state axis, columns along the first, both ascending over
        the plane's extent, nodes on the borders. Q = min(Q1, Q2). The array is never written again once
        published.
    q_version
        Grows by one whenever ``q_grid`` holds new values.
    states
        (N, d) float32 states of the swarm, in the system's units.
    modes
        (N,) uint8 :class:`Mode` codes of the actions that led to ``states``.
    respawned
        (N,) bool; true where an episode starts with this state, so that no trail joins it to the last one.
    training_state, training_mode, training_respawned
        The same for the training agent: (d,) float32, a code and a flag.
    stats
        Numbers for the HUD.
    earlier
        Steps that fell between the frame before and this one, oldest first, this one's own not among them;
        trails need them to stay continuous when the simulation runs faster than the picture. All have N
        agents.
    """

    step: int
    q_grid: NDArray[np.float32]
    q_version: int
    states: NDArray[np.float32]
    modes: NDArray[np.uint8]
    respawned: NDArray[np.bool_]
    training_state: NDArray[np.float32]
    training_mode: int
    training_respawned: bool
    stats: TrainingStats
    earlier: tuple[SwarmStep, ...] = ()


class FrameSource(Protocol):
    """Whatever yields frame states: training in this process, in another one, or a recording."""

    def next_frame(self) -> FrameState | None:
        """Return the state to show now, advancing the simulation unless paused; None while it is still starting."""

    def set_paused(self, paused: bool) -> None:
        """Stop or continue the simulation; while paused ``next_frame`` returns the last state again."""

    def set_agent_count(self, count: int) -> None:
        """Show ``count`` ≥ 1 swarm agents; those that stay keep their states, new ones start an episode."""

    def set_swarm_policy(self, policy: Policy) -> None:
        """Let ``calf``, ``td3`` or ``nominal`` control the swarm from one of the next steps on."""

    def close(self) -> None:
        """Save what must be kept and release everything. Safe to call twice."""
