"""The CALF check against a plain-Python model of one agent, and its promise under critics that mean harm."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.calf import RULES, Calf
from calf_gpu.app.training.learner import Learner, LearningParameters
from calf_gpu.app.training.modes import Mode
from tools.adversaries import Spite, away, scramble, teach_to_flee

POINT = SYSTEMS["point_mass"]
DISCOUNT = 0.9


class OneAgent:
    """The rules of the check for a single agent, in plain Python."""

    def __init__(self, parameters, system):
        self.p, self.rule, self.system = parameters, RULES[parameters.rule], system
        self.first = self.certificate = None
        self.relax = parameters.initial_relax
        self.rewards = []

    def select(self, state, proposed, nominal, critic, draw):
        if self.p.rule == "none":
            return proposed, Mode.TD3
        k = len(self.rewards)
        budgeted = self.p.rule == "calf"
        may = (
            k < (self.system.max_episode_steps - self.system.settling_steps) // self.system.hold
            or not budgeted
        )
        if self.certificate is None and self.p.rule != "calf-enhance":
            action, mode = nominal, Mode.NOMINAL
            self.certificate = (state, nominal, critic(state, nominal))
            self.first = self.certificate[2]
        else:
            q = critic(state, proposed)
            if self.certificate is None:
                passed = True
            elif budgeted:
                square = sum(x * x for x in state)
                earned = sum(r * DISCOUNT**i for i, r in enumerate(self.rewards))
                passed = q - self.certificate[2] >= self.p.nu_bar * max(-self.first, 0)
                passed &= self.p.c_low * square <= -q <= self.p.c_up * square
                passed &= earned + DISCOUNT**k * q >= (1 + self.p.slack) * min(self.first, 0)
            else:
                passed = q - self.certificate[2] >= self.p.nu_bar
            if passed and may:
                action, mode = proposed, Mode.TD3
                self.certificate = (state, proposed, q)
            elif draw < self.relax and may:
                action, mode = proposed, Mode.RELAX
            else:
                action, mode = nominal, Mode.NOMINAL
        self.relax *= self.p.relax_decay
        return action, mode


class Draws:
    """Stands in for a random generator; gives the numbers it was given."""

    def __init__(self, numbers):
        self.numbers = numbers

    def random(self, count):
        assert count == len(self.numbers)
        return self.numbers


def table_critic(values):
    """Return a critic that answers row by row, whatever it is asked."""
    return lambda states, actions: values


def make(parameters, count, system=POINT):
    return Calf(parameters, system, count, DISCOUNT)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 6),
    relax=st.sampled_from([0.0, 0.5, 1.0]),
    rule=st.sampled_from(list(RULES)),
)
def test_batch_selects_as_single_agents_do(seed, count, relax, rule):
    rng = np.random.default_rng(seed)
    system = replace(POINT, max_episode_steps=10, settling_steps=2)
    parameters = CalfOptions(rule, 0.01, 0.3, 0.5, 4.0, relax, 0.9)
    calf = make(parameters, count, system)
    agents = [OneAgent(parameters, system) for _ in range(count)]
    begun = np.zeros(count)

    def critic(states, actions):  # negative mostly, inside the bounds often
        return -(states**2).sum(axis=1) * np.abs(actions[:, 0])

    for _ in range(14):
        starting = rng.random(count) < 0.1
        begun[starting] += [bool(agents[i].rewards) for i in np.flatnonzero(starting)]
        calf.reset(starting)
        for i in np.flatnonzero(starting):
            agents[i] = OneAgent(parameters, system)
            agents[i].relax *= RULES[rule].episode_decay ** begun[i]
        states, proposed, nominal = (
            rng.normal(size=(count, 2)),
            rng.normal(size=(count, 1)),
            rng.normal(size=(count, 1)),
        )
        draws, rewards = rng.random(count), -0.2 * rng.random(count)
        actions, modes = calf.select(states, proposed, nominal, critic, Draws(draws))
        calf.observe(rewards)
        for i, agent in enumerate(agents):
            action, mode = agent.select(
                states[i], proposed[i], nominal[i], lambda s, a: critic(s[None], a[None])[0], draws[i]
            )
            agent.rewards.append(rewards[i])
            assert (actions[i], modes[i]) == (action, mode)
            if agent.certificate is None:
                assert np.isnan(calf.q_certified[i])
                continue
            assert calf.q_certified[i] == agent.certificate[2]
            assert calf.relax_probability[i] == pytest.approx(agent.relax)


def test_without_a_check_the_critic_is_not_asked_and_a_broken_actor_is_left_to_the_stabilizer():
    calf = make(CalfOptions(rule="none"), 3)
    proposed, nominal = np.array([[0.5], [np.nan], [np.inf]]), np.zeros((3, 1))
    actions, modes = calf.select(np.ones((3, 2)), proposed, nominal, None, None)
    np.testing.assert_array_equal(actions, [[0.5], [0.0], [0.0]])
    assert modes.tolist() == [Mode.TD3, Mode.NOMINAL, Mode.NOMINAL]
    assert np.isnan(np.array(calf.check)).all() and np.isnan(calf.q_certified).all()


def certified_agent(parameters, q_certified=-10.0):
    """Return the check of one agent that holds a certificate of the given value."""
    calf = make(parameters, 1)
    calf.select(
        np.ones((1, 2)),
        np.ones((1, 1)),
        np.zeros((1, 1)),
        table_critic(np.array([q_certified])),
        Draws([0.9]),
    )
    return calf


@pytest.mark.parametrize(
    ("q", "paid", "mode"),
    [
        (-9.75, 0.0, Mode.TD3),  # grows by exactly ν̄ = 0.025·10
        (-9.76, 0.0, Mode.NOMINAL),  # grows by less
        (-11.0, 0.0, Mode.NOMINAL),
        (-0.5, 0.0, Mode.TD3),  # at κ_low(1) = 0.5
        (-0.499, 0.0, Mode.NOMINAL),  # below κ_low
        (0.4, 0.0, Mode.NOMINAL),
        (np.nan, 0.0, Mode.NOMINAL),
        (np.inf, 0.0, Mode.NOMINAL),
        (-5.0, 6.0, Mode.TD3),  # −6 − 0.9·5 = −10.5, at least −10·(1 + 0.05)
        (-5.01, 6.0, Mode.NOMINAL),
    ],
)
def test_each_condition_decides(q, paid, mode):
    parameters = CalfOptions(nu_bar=0.025, slack=0.05, c_low=0.5, c_up=100.0, initial_relax=0.0)
    calf = certified_agent(parameters)
    calf.observe(np.array([-paid]))
    _, modes = calf.select(
        np.array([[1.0, 0.0]]), np.ones((1, 1)), np.zeros((1, 1)), table_critic(np.array([q])), Draws([0.9])
    )
    assert modes[0] == mode
    assert calf.q_certified[0] == (q if mode == Mode.TD3 else -10.0)
    assert calf.check.q_certified[0] == -10.0
    assert calf.check.distance[0] == 1.0
    if np.isfinite(q) and calf.check.kappa_low[0] <= -q <= calf.check.kappa_up[0]:
        assert (q >= calf.check.q_required[0]) == (mode == Mode.TD3)


def test_upper_bound_refuses_values_too_low():
    parameters = CalfOptions(nu_bar=0.01, c_low=0.5, c_up=4.0, initial_relax=0.0)
    for q, mode in ((-3.9, Mode.TD3), (-4.1, Mode.NOMINAL)):
        calf = certified_agent(parameters)
        _, modes = calf.select(
            np.array([[0.6, 0.8]]),
            np.ones((1, 1)),
            np.zeros((1, 1)),
            table_critic(np.array([q])),
            Draws([0.9]),
        )
        assert modes[0] == mode


def test_relax_happens_as_often_as_its_probability_says_and_decays():
    count, decay = 20_000, 0.5
    calf = make(CalfOptions(initial_relax=0.8, relax_decay=decay), count)
    states, proposed, nominal = np.ones((count, 2)), np.ones((count, 1)), np.zeros((count, 1))
    rng = np.random.default_rng(0)
    critic = table_critic(np.full(count, 1.0))  # never certified: positive
    actions, modes = calf.select(states, proposed, nominal, critic, rng)
    assert (modes == Mode.NOMINAL).all()  # the first action
    for k in (1, 2, 3):
        actions, modes = calf.select(states, proposed, nominal, critic, rng)
        relaxed = modes == Mode.RELAX
        assert relaxed.mean() == pytest.approx(0.8 * decay**k, abs=0.015)
        np.testing.assert_array_equal(actions, np.where(relaxed[:, None], proposed, nominal))


def test_asks_the_critic_once_for_all():
    calf = make(CalfOptions(), 50)
    calls = []

    def critic(states, actions):
        calls.append(len(states))
        return np.full(len(states), -1.0)

    for _ in range(3):
        calf.select(np.ones((50, 2)), np.ones((50, 1)), np.zeros((50, 1)), critic, np.random.default_rng(0))
    assert calls == [50, 50, 50]


def test_resize_keeps_the_others():
    calf = make(CalfOptions(), 3)
    calf.select(
        np.arange(6.0).reshape(3, 2),
        np.ones((3, 1)),
        np.zeros((3, 1)),
        table_critic(-np.arange(3.0)),
        Draws([0.5] * 3),
    )
    before = {name: rows.copy() for name, rows in calf.state_dict().items()}
    calf.resize(5)
    assert len(calf) == 5
    assert np.isnan(calf.q_certified[3:]).all()
    calf.resize(2)
    for name, rows in calf.state_dict().items():
        np.testing.assert_array_equal(rows, before[name][:2])


def episodes(system, actor, make_critic, parameters, count=200, seed=0):
    """Run one episode each; return who reached the goal, and each one's number of decisions by mode."""
    rng = np.random.default_rng(seed)
    calf = Calf(parameters, system, count, 0.99)
    critic = make_critic(calf)
    states = system.sample_start(count, rng)
    running, reached = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    counts, steps = np.zeros((count, 3), np.int64), np.zeros(count, np.int64)
    rewards = np.zeros(count)
    for k in range(system.max_episode_steps):
        if k % system.hold == 0:
            calf.observe(rewards)
            rewards = np.zeros(count)
            chosen = calf.select(states, actor(states), system.nominal_action(states), critic, rng)
            counts[np.arange(count), chosen.modes] += running
        outcome = system.transition(states, chosen.actions, steps)
        states, steps, rewards = outcome.states, steps + 1, rewards + outcome.rewards
        reached |= running & outcome.terminated
        running &= ~(outcome.terminated | outcome.truncated)
        if not running.any():
            break
    return reached, counts


STRICT = CalfOptions(initial_relax=0.0)
ALL = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)


@ALL
@pytest.mark.parametrize("relax", [0.0, 1.0])
def test_a_critic_that_certifies_whatever_it_can_keeps_nobody_from_the_goal(system, relax):
    parameters = CalfOptions(initial_relax=relax, relax_decay=1.0)
    reached, counts = episodes(system, lambda states: away(system, states), Spite, parameters)
    assert reached.all()
    assert counts[:, [Mode.TD3, Mode.RELAX]].sum(axis=1).mean() > 1  # it did get its way for a while


@ALL
def test_without_budget_and_reserve_such_a_critic_keeps_everybody_away(system):
    """The tests above can fail: the rules of others do not pass them."""
    parameters = CalfOptions("playground", initial_relax=0.0)

    def make_critic(calf):
        return lambda states, actions: np.nan_to_num(calf.q_certified, nan=-1e9) + 1.0

    reached, _ = episodes(system, lambda states: away(system, states), make_critic, parameters, 50)
    assert reached.mean() < 0.2


@ALL
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_any_values_whatever(system, seed, data):
    """Any size and sign, NaN and infinities, with any actor: few certificates, and π₀ brings everyone home."""
    nu_bar = data.draw(st.sampled_from([0.001, 0.02, 0.1]))
    spread = data.draw(st.floats(-3, 12))
    rng = np.random.default_rng(seed)
    tempting = data.draw(st.booleans())

    def make_critic(calf):
        spite = Spite(calf)

        def critic(states, actions):
            values = rng.normal(size=len(states)) * 10 ** rng.uniform(-3, spread, len(states))
            values[rng.random(len(states)) < 0.1] = rng.choice([np.nan, np.inf, -np.inf, 0.0])
            return (
                np.where(rng.random(len(states)) < 0.5, spite(states, actions), values)
                if tempting
                else values
            )

        return critic

    def actor(states):
        shape = (len(states), system.action_dim)
        return np.where(
            rng.random(shape) < 0.5, away(system, states), rng.uniform(-1, 1, shape) * system.action_high
        )

    parameters = CalfOptions(nu_bar=nu_bar, initial_relax=0.0)
    reached, counts = episodes(system, actor, make_critic, parameters, 20, seed)
    assert reached.all()
    assert counts[:, Mode.TD3].max() <= 1 / nu_bar
    assert counts[:, Mode.RELAX].max() == 0


def networks(learner):
    return lambda calf: lambda states, actions: learner.q_values(states, actions, "test")


@ALL
@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_networks_with_random_weights_keep_nobody_from_the_goal(system, scale):
    learner = Learner(system, LearningParameters(buffer_size=10), np.random.SeedSequence(0))
    for seed in range(2):
        scramble(learner, scale, seed)
        reached, _ = episodes(system, learner.actions, networks(learner), STRICT)
        assert reached.all()


@ALL
def test_networks_trained_to_flee_keep_nobody_from_the_goal(system):
    learner = Learner(system, LearningParameters(buffer_size=10), np.random.SeedSequence(0))
    teach_to_flee(learner, seed=0)
    reached, counts = episodes(system, learner.actions, networks(learner), STRICT)
    assert reached.all()
    assert counts[:, Mode.TD3].sum() > 0  # some of it was certified
    free, _ = episodes(
        system,
        learner.actions,
        networks(learner),
        CalfOptions("playground", initial_relax=1.0, relax_decay=1.0),
    )
    assert free.mean() < 0.2  # the actor alone flees
