"""The CALF check against a plain-Python model of one agent, and its promise: with P_relax = 0 every episode
reaches the goal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.calf import Calf, CalfParameters
from calf_gpu.app.training.frame_state import Mode
from calf_gpu.app.training.learner import Learner, LearningParameters


class OneAgent:
    """The rules of the check for a single agent, in plain Python."""

    def __init__(self, parameters):
        self.p = parameters
        self.certificate = None
        self.relax = parameters.initial_relax

    def select(self, state, proposed, nominal, critic, draw):
        if self.certificate is None:
            action, mode = nominal, Mode.NOMINAL
            self.certificate = (state, nominal, critic(state, nominal))
        else:
            q = critic(state, proposed)
            square = sum(x * x for x in state)
            growing = q - self.certificate[2] >= self.p.nu_bar
            if growing and self.p.c_low * square <= -q <= self.p.c_up * square:
                action, mode = proposed, Mode.TD3
                self.certificate = (state, proposed, q)
            elif draw < self.relax:
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


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 6), relax=st.sampled_from([0.0, 0.5, 1.0]))
def test_batch_selects_as_single_agents_do(seed, count, relax):
    rng = np.random.default_rng(seed)
    parameters = CalfParameters(nu_bar=0.1, c_low=0.5, c_up=4.0, initial_relax=relax, relax_decay=0.9)
    calf = Calf(parameters, count, 2, 1)
    agents = [OneAgent(parameters) for _ in range(count)]

    def critic(states, actions):  # negative mostly, inside the bounds often
        return -(states**2).sum(axis=1) * np.abs(actions[:, 0])

    modes_seen = set()
    for _ in range(12):
        starting = rng.random(count) < 0.1
        calf.reset(starting)
        for i in np.flatnonzero(starting):
            agents[i] = OneAgent(parameters)
        states, proposed, nominal = (
            rng.normal(size=(count, 2)),
            rng.normal(size=(count, 1)),
            rng.normal(size=(count, 1)),
        )
        draws = rng.random(count)
        actions, modes = calf.select(states, proposed, nominal, critic, Draws(draws))
        for i, agent in enumerate(agents):
            action, mode = agent.select(
                states[i], proposed[i], nominal[i], lambda s, a: critic(s[None], a[None])[0], draws[i]
            )
            assert (actions[i], modes[i]) == (action, mode)
            assert calf.q_certified[i] == agent.certificate[2]
            np.testing.assert_array_equal(calf.certified_states[i], agent.certificate[0])
            np.testing.assert_array_equal(calf.certified_actions[i], agent.certificate[1])
            assert calf.relax_probability[i] == pytest.approx(agent.relax)
            modes_seen.add(int(mode))
    assert Mode.NOMINAL in modes_seen


def certified_agent(parameters, q_certified=-10.0):
    """Return the check of one agent that holds a certificate of the given value."""
    calf = Calf(parameters, 1, 2, 1)
    calf.select(
        np.ones((1, 2)),
        np.ones((1, 1)),
        np.zeros((1, 1)),
        table_critic(np.array([q_certified])),
        Draws([0.9]),
    )
    return calf


@pytest.mark.parametrize(
    ("q", "mode"),
    [
        (-9.875, Mode.TD3),  # grows by exactly ν̄
        (-9.876, Mode.NOMINAL),  # grows by less
        (-11.0, Mode.NOMINAL),
        (-0.5, Mode.TD3),  # at κ_low(1) = 0.5
        (-0.499, Mode.NOMINAL),  # below κ_low
        (0.4, Mode.NOMINAL),
        (np.nan, Mode.NOMINAL),
        (np.inf, Mode.NOMINAL),
    ],
)
def test_each_condition_decides(q, mode):
    parameters = CalfParameters(nu_bar=0.125, c_low=0.5, c_up=100.0, initial_relax=0.0)
    calf = certified_agent(parameters)
    _, modes = calf.select(
        np.array([[1.0, 0.0]]), np.ones((1, 1)), np.zeros((1, 1)), table_critic(np.array([q])), Draws([0.9])
    )
    assert modes[0] == mode
    assert calf.q_certified[0] == (q if mode == Mode.TD3 else -10.0)


def test_upper_bound_refuses_values_too_low():
    parameters = CalfParameters(nu_bar=0.1, c_low=0.5, c_up=4.0, initial_relax=0.0)
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
    calf = Calf(CalfParameters(initial_relax=0.8, relax_decay=decay), count, 1, 1)
    states, proposed, nominal = np.ones((count, 1)), np.ones((count, 1)), np.zeros((count, 1))
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
    calf = Calf(CalfParameters(), 50, 2, 1)
    calls = []

    def critic(states, actions):
        calls.append(len(states))
        return np.full(len(states), -1.0)

    for _ in range(3):
        calf.select(np.ones((50, 2)), np.ones((50, 1)), np.zeros((50, 1)), critic, np.random.default_rng(0))
    assert calls == [50, 50, 50]


def test_resize_keeps_the_others():
    calf = Calf(CalfParameters(), 3, 2, 1)
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


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_without_relaxing_every_episode_reaches_the_goal(name, seed):
    system, count = SYSTEMS[name], 200
    learner = Learner(system, LearningParameters(), np.random.SeedSequence(seed))
    calf = Calf(CalfParameters(initial_relax=0.0), count, system.state_dim, system.action_dim)
    rng = np.random.default_rng(seed)
    states = system.sample_start(count, rng)
    reached, steps, certified = np.zeros(count, np.bool_), np.zeros(count, np.int64), 0
    while not reached.all():
        actions, modes = calf.select(
            states,
            learner.actions(states),
            system.nominal_action(states),
            lambda s, a: learner.q_values(s, a, "test"),
            rng,
        )
        assert not (modes == Mode.RELAX).any()
        certified += int((modes[~reached] == Mode.TD3).sum())
        outcome = system.transition(states, actions, steps)
        assert not (~reached & system.out_of_bounds(outcome.states)).any()
        reached |= system.at_goal(outcome.states)
        assert (reached | ~outcome.truncated).all(), f"{(~reached).sum()} of {count} missed the goal"
        states, steps = outcome.states, steps + 1
    assert certified > 0  # the actor did act
