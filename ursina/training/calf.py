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
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.config.calf import CalfOptions, RuleName
from calf_gpu.app.systems import System
from calf_gpu.app.training.modes import Mode

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

Values = Callable[[Array, Array], Array]
"""(N, d) states and (N, m) actions to (N,) values Q(s, a), in rewards."""


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
    checked: bool = True
    """Whether there is a check at all; without it everything that the actor proposes is done."""


RULES: dict[RuleName, Rule] = {
    "calf": Rule(0.001, 0.5, 0.95, bounded=True, budgeted=True),
    "calf-wrapper": Rule(0.01, 0.5, 0.9999, bounded=False, budgeted=False),
    "playground": Rule(0.01, 0.5, 0.95, bounded=False, budgeted=False),
    "calf-enhance": Rule(
        0.01, 0.9, 1.0, bounded=False, budgeted=False, anything_first=True, episode_decay=0.96
    ),
    "none": Rule(0.0, 1.0, 1.0, bounded=False, budgeted=False, checked=False),
}
"""The check described above, and those of three published programs: calf-wrapper and stable-baselines-playground
compare the value with the last certificate's alone, relaxing for long or for short; calf-enhance also starts without a
certificate and relaxes less from episode to episode. Their critics differ from ours: the first two check V(s) of PPO,
the third the lesser of the target critics; here it is always min(Q₁, Q₂)(s, a). With ``none`` there is no check at
all, to compare with."""


Column = TypeVar("Column", Array, float)


class Check(NamedTuple, Generic[Column]):
    """What the last check was about, as it was then: (N,) float64 each, or one agent's float; nan for none."""

    q: Column
    """Q(s, a) of what was proposed, or of π₀'s action at the start of an episode."""
    q_certified: Column
    """Q† before the check."""
    q_required: Column
    """Least Q(s, a) that could be certified, by ν̄ and budget."""
    distance: Column
    """r, the distance to the goal."""
    kappa_low: Column
    kappa_up: Column
    """Bounds on −Q(s, a)."""
    relax_probability: Column
    """P_relax that was drawn against."""


class Selection(NamedTuple):
    """What N agents do now."""

    actions: Array
    """(N, m) actions to apply."""
    modes: NDArray[np.uint8]
    """(N,) :class:`~calf_gpu.app.training.modes.Mode` codes: who chose each action."""


_STATE = (
    "q_certified",
    "q_first",
    "earned",
    "weight",
    "decided",
    "episodes",
    "relax_probability",
)


def kappa_bounds(options: CalfOptions, system: System) -> tuple[float, float] | None:
    """Return (C_low, C_up) as the options or else the system have them; None where the rule does not ask for them."""
    if not RULES[options.rule].bounded:
        return None
    low, high = system.kappa
    return (
        low if options.c_low is None else options.c_low,
        high if options.c_up is None else options.c_up,
    )


def unchecked(proposed: Array, nominal: Array) -> Selection:
    """Return the (N, m) proposed actions, in mode TD3; the nominal ones where a broken actor gave no finite action."""
    usable = np.isfinite(proposed.sum(axis=1))
    modes = np.where(usable, Mode.TD3, Mode.NOMINAL).astype(np.uint8)
    return Selection(np.where(usable[:, None], proposed, nominal), modes)


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
    q_certified
        (N,) float64: Q†, the value of the pair certified last; nan where an episode has none yet.
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

    def __init__(self, parameters: CalfOptions, system: System, count: int, discount: float) -> None:
        self.parameters = parameters
        self.system = system
        self.discount = discount
        self.rule = rule = RULES[parameters.rule]
        self.nu_bar = rule.nu_bar if parameters.nu_bar is None else parameters.nu_bar
        self.initial_relax = (
            rule.initial_relax if parameters.initial_relax is None else parameters.initial_relax
        )
        self.relax_decay = rule.relax_decay if parameters.relax_decay is None else parameters.relax_decay
        self.bounds = kappa_bounds(parameters, system)
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

    @property
    def first_mode(self) -> Mode:
        """Who chooses the first action of an episode."""
        return Mode.NOMINAL if self.rule.checked else Mode.TD3

    def reset(self, starting: Flags, decided: NDArray[np.int64] | None = None) -> None:
        """Forget the certificates and restore P_relax where ``starting`` (N,) marks a new episode.

        ``decided`` (N,) says how many decisions were made in it before, where the check takes over midway.
        """
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
        """Return κ_low and κ_up at distances to the goal, in the shape of ``distances``; nan if the rule has none."""
        low, high = self.bounds or (np.nan, np.nan)
        squares = distances * distances
        return low * squares, high * squares

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
        if not self.rule.checked:
            self.decided += 1
            return unchecked(proposed, nominal)
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
        self._certify(certified | first, q)
        self.decided += 1
        self.relax_probability *= self.relax_decay
        return Selection(np.where((certified | relaxed)[:, None], proposed, nominal), modes)

    def _certified(self, free: Flags) -> Flags:
        """Return (N,) whether the pairs of :attr:`check` pass; those marked ``free`` need no increase."""
        check = self.check
        passed = (check.q >= check.q_required) | (free & np.isfinite(check.q))
        if self.bounds is not None:
            passed &= (check.kappa_low <= -check.q) & (-check.q <= check.kappa_up)
        if self.rule.budgeted:
            passed &= self.decided < self.decisions
        return passed

    def _certify(self, where: Flags, q: Array) -> None:
        """Make Q the certificate of the agents that ``where`` (N,) marks."""
        first = where & np.isnan(self.q_first)
        self.q_first[first] = q[first]
        self.q_certified[where] = q[where]

    def state_dict(self) -> dict[str, Any]:
        """Return certificates, counts and probabilities as arrays."""
        return {name: vars(self)[name] for name in _STATE}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`, with its number of agents; the last check is forgotten."""
        for name in _STATE:
            setattr(self, name, saved[name].copy())
        self.check = Check(*np.full((len(Check._fields), len(self)), np.nan))
