"""The CALF check: who may act, the actor or the nominal stabilizer, for every agent on its own.

Critic As Lyapunov Function in reward form (Osinenko et al., arXiv 2409.09869; relaxed variant arXiv 2405.18118).
The first action of an episode is the stabilizer's, π₀'s, and its value Q†₀ < 0 the first certificate. A proposed action
a in state s, k decisions later, is *certified* when, with (s†, a†, Q†) the pair certified last,

    Q(s, a) − Q† ≥ ν̄,    κ_low(r) ≤ −Q(s, a) ≤ κ_up(r),    γᵏ·Q(s, a) + G ≥ (1 + slack)·Q†₀    and    k < K,

with r the distance to the goal, κ(r) = C·r², and G = r₀ + γ·r₁ + … + γᵏ⁻¹·rₖ₋₁ what the episode has brought so far.
What is not certified may pass by chance (``relax``), with a probability that fades from decision to decision;
else π₀ acts.

**Why that is finitely many certificates.** ν̄ is a fraction of −Q†₀, the cost to go as the critic itself sees it at
the start: ν̄ = nu_bar·(−Q†₀). Each certificate raises Q† by ν̄ at least, from Q†₀ on, and κ_low > 0 keeps it below 0, so
there are at most 1/nu_bar of them. That holds whatever the critic answers, also when it is trained meanwhile, because
only values as they were when they were certified are compared: asking the present critic about (s†, a†) again would
follow its training but give that up, and was not seen to help. (An absolute ν̄ bounds their
number by |Q†₀|/ν̄, which a critic can make as large as it likes.)

**Why π₀ comes home in time.** A finite number is not enough where episodes end at a step limit: few certificates, well
spread, keep π₀ busy for long. Hence k < K: from decision K on nothing is certified or relaxed. K is what the step limit
leaves beside the steps that π₀ needs from anywhere in the arena, by the system's word (``System.settling_steps``;
tests try it on many states, nobody has proved it). So every episode under the check ends at the goal, with any
actor, any critic and any P_relax, as far as that word holds.

**Why a bad critic does little harm.** The third condition is the *budget*. Q†₀ is what the critic gave for the start;
a return that falls short of it by more than ``slack``, as paid so far and expected from here on, means that actor or
critic does not keep its word, and π₀ has the rest. It is Lyapunov's condition with the running cost as the decrease:
−Q has to fall by what the steps cost. Critics at the beginning of training undervalue the way home, so they run out of
budget soon; and nothing is certified once the episode has cost more, discounted, than (1 + slack)·(−Q†₀).

All this is a check after the fact: the critic's training is not constrained by it, and what the critic says need not
be so. The published programs' rules have no budget and no such end; see :data:`RULES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from calf_gpu.app.systems import System
from calf_gpu.app.training.frame_state import Mode
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

Values = Callable[[Array, Array], Array]
"""(N, d) states and (N, m) actions to (N,) values Q(s, a), in rewards."""

RuleName = Literal["calf", "calf-wrapper", "playground", "calf-enhance"]


@dataclass(frozen=True)
class Rule:
    """What one program called CALF checks, and the constants that it comes with."""

    nu_bar: float
    """ν̄: a fraction of −Q†₀ where ``budgeted``, else in rewards."""
    initial_relax: float
    """P_relax at the start of an episode."""
    relax_decay: float
    """Factor of P_relax per decision."""
    bounded: bool
    """Whether κ_low(r) ≤ −Q ≤ κ_up(r) is asked for."""
    budgeted: bool
    """Whether the budget is kept, ν̄ is relative, and everything but π₀ ends after K decisions."""
    anything_first: bool = False
    """Whether an episode begins with Q† = −∞, so that its first proposal is certified, instead of with π₀."""
    episode_decay: float = 1.0
    """Factor of the first P_relax per episode of the agent."""


RULES: dict[RuleName, Rule] = {
    "calf": Rule(0.001, 0.5, 0.95, bounded=True, budgeted=True),
    "calf-wrapper": Rule(0.01, 0.5, 0.9999, bounded=False, budgeted=False),
    "playground": Rule(0.01, 0.5, 0.95, bounded=False, budgeted=False),
    "calf-enhance": Rule(
        0.01, 0.9, 1.0, bounded=False, budgeted=False, anything_first=True, episode_decay=0.96
    ),
}
"""The check described above, and those of three published programs: calf-wrapper and stable-baselines-playground
compare the value with the last certificate's alone, relaxing for long or for short; calf-enhance also starts without a
certificate and relaxes less from episode to episode. Their critics differ from ours: the first two check V(s) of PPO,
the third the lesser of the target critics; here it is always min(Q₁, Q₂)(s, a)."""


@dataclass(frozen=True)
class CalfParameters:
    """Constants of the check. Q, ν̄ and κ are in the system's rewards, whatever learning scales them by."""

    rule: RuleName = "calf"
    """Conditions that certify: those of this program's CALF or of a published one."""
    nu_bar: float | None = None
    """Least increase of Q† per certificate, ν̄: with rule calf as a fraction of the cost to go at the start, so that at
    most 1/ν̄ certificates fit an episode; else in rewards. None takes the rule's (0.001, 0.01)."""
    slack: float = 0.1
    """How far the return may fall short of what the critic gave for the start, as a fraction of that (rule calf)."""
    c_low: float | None = None
    """Coefficient of κ_low(r) = c_low·r², a cost that no way to the goal undercuts; None takes the system's."""
    c_up: float | None = None
    """Coefficient of κ_up(r) = c_up·r², a cost that every sensible way stays below; None takes the system's."""
    initial_relax: float | None = None
    """P_relax at the start of an episode; None takes the rule's (0.5, or 0.9 in calf-enhance)."""
    relax_decay: float | None = None
    """Factor of P_relax per decision, λ; None takes the rule's."""


class Check(NamedTuple):
    """What the last check of N agents was about, as it was then; (N,) float64 each, nan where there was none."""

    q: Array
    """Q(s, a) of what was proposed, or of π₀'s action at the start of an episode."""
    q_certified: Array
    """Q† before the check."""
    q_required: Array
    """Least Q(s, a) that could be certified, by ν̄ and budget."""
    distance: Array
    """r, the distance to the goal."""
    kappa_low: Array
    kappa_up: Array
    """Bounds on −Q(s, a)."""
    relax_probability: Array
    """P_relax that was drawn against."""

    def row(self, index: int) -> CheckNumbers:
        """Return one agent's numbers."""
        return CheckNumbers(*(float(column[index]) for column in self))


class CheckNumbers(NamedTuple):
    """One agent's row of a :class:`Check`; nan where there was none."""

    q: float = float("nan")
    q_certified: float = float("nan")
    q_required: float = float("nan")
    distance: float = float("nan")
    kappa_low: float = float("nan")
    kappa_up: float = float("nan")
    relax_probability: float = float("nan")


class Selection(NamedTuple):
    """What N agents do now."""

    actions: Array
    """(N, m) actions to apply."""
    modes: NDArray[np.uint8]
    """(N,) :class:`~calf_gpu.app.training.frame_state.Mode` codes: who chose each action."""


_STATE = (
    "certified_states",
    "certified_actions",
    "q_certified",
    "q_first",
    "earned",
    "weight",
    "decided",
    "episodes",
    "relax_probability",
)


class Calf:
    """Certificates and relax probabilities of N agents, and the choice between proposed and nominal actions.

    Parameters
    ----------
    parameters
        Rule and constants.
    system
        Gives distance, κ, step limit and what π₀ needs.
    count
        Number of agents.
    discount
        γ per decision of the critic.

    Attributes
    ----------
    certified_states, certified_actions, q_certified
        (N, d), (N, m) and (N,) float64: the certificates (s†, a†, Q†); nan where an episode has none yet.
    q_first
        (N,) float64: Q†₀, nan likewise.
    earned, weight
        (N,) float64: G, and γᵏ.
    decided, episodes
        (N,) int64: decisions made in the episode, and episodes begun before it.
    relax_probability
        (N,) float64, P_relax.
    check
        What the last :meth:`select` was about.
    """

    def __init__(self, parameters: CalfParameters, system: System, count: int, discount: float) -> None:
        self.parameters = parameters
        self.system = system
        self.discount = discount
        self.rule = rule = RULES[parameters.rule]
        self.nu_bar = rule.nu_bar if parameters.nu_bar is None else parameters.nu_bar
        self.initial_relax = (
            rule.initial_relax if parameters.initial_relax is None else parameters.initial_relax
        )
        self.relax_decay = rule.relax_decay if parameters.relax_decay is None else parameters.relax_decay
        low, high = system.kappa
        self.c_low = low if parameters.c_low is None else parameters.c_low
        self.c_up = high if parameters.c_up is None else parameters.c_up
        self.certified_states = np.full((count, system.state_dim), np.nan)
        self.certified_actions = np.full((count, system.action_dim), np.nan)
        self.q_certified = np.full(count, np.nan)
        self.q_first = np.full(count, np.nan)
        self.earned = np.zeros(count)
        self.weight = np.ones(count)
        self.decided = np.zeros(count, np.int64)
        self.episodes = np.zeros(count, np.int64)
        self.relax_probability = np.full(count, self.initial_relax)
        self.check = Check(*np.full((len(Check._fields), count), np.nan))

    def __len__(self) -> int:
        return len(self.q_certified)

    @property
    def decisions(self) -> int:
        """K: decisions of an episode that may be anyone's; thereafter, if the rule is paced, all are π₀'s."""
        free = self.system.max_episode_steps - self.system.settling_steps
        return max(free // self.system.hold, 0)

    def reset(self, starting: Flags, decided: NDArray[np.int64] | None = None) -> None:
        """Forget the certificates and restore P_relax where ``starting`` (N,) marks a new episode.

        ``decided`` (N,) says how many decisions were made in it before, where the check takes over midway.
        """
        self.certified_states[starting] = np.nan
        self.certified_actions[starting] = np.nan
        self.q_certified[starting] = np.nan
        self.q_first[starting] = np.nan
        self.earned[starting] = 0.0
        self.weight[starting] = 1.0
        self.episodes[starting] += self.decided[starting] > 0
        self.decided[starting] = 0 if decided is None else decided[starting]
        decay = self.rule.episode_decay ** self.episodes[starting]
        self.relax_probability[starting] = self.initial_relax * decay

    def resize(self, count: int) -> None:
        """Drop the last agents or append agents at the start of an episode; the others keep everything."""
        added = Calf(self.parameters, self.system, max(count - len(self), 0), self.discount)
        for name, rows in added.state_dict().items():
            setattr(self, name, np.concatenate([getattr(self, name)[:count], rows]))
        self.check = Check(
            *(np.concatenate([a[:count], b]) for a, b in zip(self.check, added.check, strict=True))
        )

    def kappa(self, distances: Array) -> tuple[Array, Array]:
        """Return κ_low and κ_up at distances to the goal, in the shape of ``distances``."""
        squares = distances * distances
        return self.c_low * squares, self.c_up * squares

    def required(self) -> Array:
        """Return (N,) the least Q(s, a) that can be certified next; nan without a certificate."""
        if not self.rule.budgeted:
            return self.q_certified + self.nu_bar
        first = np.maximum(-self.q_first, 0.0)
        budget = -(1.0 + self.parameters.slack) * first
        return np.maximum(self.q_certified + self.nu_bar * first, (budget - self.earned) / self.weight)

    def observe(self, rewards: Array) -> None:
        """Take in the (N,) rewards, unscaled, that the decisions made by the last :meth:`select` brought."""
        self.earned += self.weight * rewards
        self.weight *= self.discount

    def select(
        self, states: Array, proposed: Array, nominal: Array, critic: Values, rng: np.random.Generator
    ) -> Selection:
        """Choose one action per agent and update the certificates and P_relax.

        The critic is asked once, for all agents. The one random draw per agent that decides between ``relax`` and
        ``nominal`` gives the mode too.

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
        starting = np.isnan(self.q_certified)
        first = starting & (not self.rule.anything_first)
        asked = np.where(first[:, None], nominal, proposed)
        q = critic(states, asked).astype(np.float64)
        # NaN certifies nothing; infinite values less a certificate might. A broken actor is left to π₀.
        q = np.where(np.isfinite(q) & np.isfinite(asked.sum(axis=1)), q, np.nan)
        distance = self.system.distance(states)
        low, high = self.kappa(distance)
        self.check = Check(
            q, self.q_certified.copy(), self.required(), distance, low, high, self.relax_probability.copy()
        )
        certified = self._certified(starting & ~first)
        relaxed = ~first & ~certified & (rng.random(len(self)) < self.relax_probability)
        relaxed &= np.isfinite(proposed.sum(axis=1))
        if self.rule.budgeted:
            relaxed &= self.decided < self.decisions
        modes = np.full(len(self), Mode.NOMINAL, np.uint8)
        modes[relaxed] = Mode.RELAX
        modes[certified] = Mode.TD3
        self._certify(certified | first, states, asked, q)
        self.decided += 1
        self.relax_probability *= self.relax_decay
        return Selection(np.where((certified | relaxed)[:, None], proposed, nominal), modes)

    def _certified(self, free: Flags) -> Flags:
        """Return (N,) whether the pairs of :attr:`check` pass; those marked ``free`` need no increase."""
        check = self.check
        passed = (check.q >= check.q_required) | (free & np.isfinite(check.q))
        if self.rule.bounded:
            passed &= (check.kappa_low <= -check.q) & (-check.q <= check.kappa_up)
        if self.rule.budgeted:
            passed &= self.decided < self.decisions
        return passed

    def _certify(self, where: Flags, states: Array, actions: Array, q: Array) -> None:
        """Make (s, a, Q) the certificate of the agents that ``where`` (N,) marks."""
        first = where & np.isnan(self.q_first)
        self.q_first[first] = q[first]
        self.certified_states[where] = states[where]
        self.certified_actions[where] = actions[where]
        self.q_certified[where] = q[where]

    def state_dict(self) -> dict[str, Any]:
        """Return certificates, counts and probabilities as arrays."""
        return {name: vars(self)[name] for name in _STATE}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`, with its number of agents; the last check is forgotten."""
        for name in _STATE:
            setattr(self, name, saved[name].copy())
        self.check = Check(*np.full((len(Check._fields), len(self)), np.nan))
