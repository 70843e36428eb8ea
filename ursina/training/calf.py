"""The CALF check: who may act, the actor or the nominal stabilizer, for every agent on its own.

Critic As Lyapunov Function in reward form (Osinenko et al., arXiv 2409.09869; relaxed variant arXiv
2405.18118). A proposed action a in state s is *certified* when, with (s†, a†, Q†) the pair certified last in
this episode,

    Q(s, a) − Q† ≥ ν̄    and    κ_low(‖s‖) ≤ −Q(s, a) ≤ κ_up(‖s‖),    κ(r) = C·r².

−Q then falls along certified pairs by at least ν̄ each time and stays positive, so only finitely many actions
of an episode are certified; where all others are π₀'s, π₀ brings the agent to the goal. This is a check after
the fact: the critic's training is not constrained by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.training.modes import Mode

Critic = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""(N, d) states and (N, m) actions to (N,) values Q(s, a)."""


class Selection(NamedTuple):
    """What N agents do now."""

    actions: NDArray[np.float64]
    """(N, m) actions to apply."""
    modes: NDArray[np.uint8]
    """(N,) :class:`~calf_gpu.app.training.modes.Mode` codes: who chose each action."""


class Calf:
    """Certificates and relax probabilities of N agents, and the choice between proposed and nominal actions.

    Attributes
    ----------
    certified_states, certified_actions, q_certified
        (N, d), (N, m) and (N,) float64: the certificates (s†, a†, Q†); nan where an episode has none yet.
    relax_probability
        (N,) float64, P_relax.
    """

    def __init__(self, parameters: CalfOptions, count: int, state_dim: int, action_dim: int) -> None:
        self.parameters = parameters
        self.certified_states = np.full((count, state_dim), np.nan)
        self.certified_actions = np.full((count, action_dim), np.nan)
        self.q_certified = np.full(count, np.nan)
        self.relax_probability = np.full(count, parameters.initial_relax)

    def __len__(self) -> int:
        return len(self.q_certified)

    def reset(self, starting: NDArray[np.bool_]) -> None:
        """Forget the certificates and restore P_relax where ``starting`` (N,) marks a new episode."""
        self.certified_states[starting] = np.nan
        self.certified_actions[starting] = np.nan
        self.q_certified[starting] = np.nan
        self.relax_probability[starting] = self.parameters.initial_relax

    def resize(self, count: int) -> None:
        """Drop the last agents or append agents at the start of an episode; the others keep everything."""
        shape = self.certified_states.shape[1], self.certified_actions.shape[1]
        added = Calf(self.parameters, max(count - len(self), 0), *shape)
        for name, rows in added.state_dict().items():
            setattr(self, name, np.concatenate([getattr(self, name)[:count], rows]))

    def kappa(self, norms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return κ_low and κ_up of state norms, in the shape of ``norms``."""
        squares = norms * norms
        return self.parameters.c_low * squares, self.parameters.c_up * squares

    def certifies(self, states: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return (N,) whether pairs of value ``q`` pass the check; none without a certificate does."""
        low, high = self.kappa(np.sqrt((states * states).sum(axis=1)))
        return (q - self.q_certified >= self.parameters.nu_bar) & (low <= -q) & (-q <= high)

    def select(
        self,
        states: NDArray[np.float64],
        proposed: NDArray[np.float64],
        nominal: NDArray[np.float64],
        critic: Critic,
        rng: np.random.Generator,
    ) -> Selection:
        """Choose one action per agent and update the certificates and P_relax.

        The first action of an episode is the nominal one, and it sets the certificate. The critic is asked
        once, for all agents. The one random draw per agent that decides between ``relax`` and ``nominal``
        gives the mode too.

        Parameters
        ----------
        states
            (N, d) current states.
        proposed, nominal
            (N, m) actions of the actor and of π₀.
        critic
            Called once with (N, d) states and (N, m) actions.
        rng
            Gives one uniform number per agent.
        """
        first = np.isnan(self.q_certified)
        asked = np.where(first[:, None], nominal, proposed)
        q = critic(states, asked).astype(np.float64)
        q = np.where(
            np.isfinite(q), q, np.nan
        )  # NaN certifies nothing; infinite values less a certificate might
        certified = self.certifies(states, q)
        relaxed = ~first & ~certified & (rng.random(len(self)) < self.relax_probability)
        relaxed &= np.isfinite(proposed.sum(axis=1))  # a broken actor is left to the nominal policy
        modes = np.full(len(self), Mode.NOMINAL, np.uint8)
        modes[relaxed] = Mode.RELAX
        modes[certified] = Mode.TD3
        self.certify(certified | first, states, asked, q)
        self.relax_probability *= self.parameters.relax_decay
        return Selection(np.where((certified | relaxed)[:, None], proposed, nominal), modes)

    def certify(
        self,
        where: NDArray[np.bool_],
        states: NDArray[np.float64],
        actions: NDArray[np.float64],
        q: NDArray[np.float64],
    ) -> None:
        """Make (s, a, Q) the certificate of the agents that ``where`` (N,) marks."""
        self.certified_states[where] = states[where]
        self.certified_actions[where] = actions[where]
        self.q_certified[where] = q[where]

    def state_dict(self) -> dict[str, Any]:
        """Return certificates and probabilities as arrays."""
        return {
            "certified_states": self.certified_states,
            "certified_actions": self.certified_actions,
            "q_certified": self.q_certified,
            "relax_probability": self.relax_probability,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`, with its number of agents."""
        self.certified_states = saved["certified_states"].copy()
        self.certified_actions = saved["certified_actions"].copy()
        self.q_certified = saved["q_certified"].copy()
        self.relax_probability = saved["relax_probability"].copy()
