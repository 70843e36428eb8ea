"""The agents shown: stepped together as they would be alone, respawned where an episode ends."""

from copy import deepcopy

import numpy as np
import pytest

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.learner import Learner, LearningParameters
from calf_gpu.app.training.modes import Mode
from calf_gpu.app.training.swarm import Swarm


def make(name="point_mass", policy="calf", count=8, seed=0, calf=None):
    system = SYSTEMS[name]
    parameters = LearningParameters(buffer_size=10, training_agents=1)
    learner = Learner(system, parameters, np.random.SeedSequence(7))
    return Swarm(system, learner, policy, calf or CalfOptions(), count, np.random.SeedSequence(seed))


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("policy", ["calf", "td3", "nominal"])
def test_one_agent_moves_as_in_a_thousand(name, policy):
    no_chance = CalfOptions(initial_relax=0.0)
    many, one = make(name, policy, 1000, calf=no_chance), make(name, policy, 1, calf=no_chance)
    chosen = 611
    one.states = many.states[chosen : chosen + 1].copy()
    for step in range(200):
        np.testing.assert_allclose(one.states[0], many.states[chosen], rtol=0, atol=1e-4)
        assert one.modes[0] == many.modes[chosen]
        one.step()
        many.step()
        if many.respawned[chosen]:
            assert one.respawned[0]
            assert step > 10
            break


@pytest.mark.parametrize("name", ["point_mass", "differential_drive"])
@pytest.mark.parametrize(("policy", "per_decision"), [("calf", 1), ("td3", 0), ("nominal", 0)])
def test_asks_the_critic_once_a_decision_for_all(name, policy, per_decision):
    swarm = make(name, policy, count=100)
    for _ in range(5 * swarm.system.hold):
        swarm.step()
    assert swarm.learner.queries["swarm"] == 5 * per_decision
    assert swarm.learner.rows["swarm"] == 500 * per_decision


def test_first_frame_starts_episodes():
    swarm = make(count=50)
    assert swarm.respawned.all()
    assert (np.abs(swarm.states) <= 2.0).all()
    swarm.step()
    assert not swarm.respawned.any()
    assert (swarm.modes == Mode.NOMINAL).all()  # CALF's first action
    assert np.isfinite(swarm.calf.q_certified).all()
    np.testing.assert_array_equal(swarm.q_values, swarm.calf.q_certified)


@pytest.mark.parametrize(
    ("policy", "first_mode"), [("calf", Mode.NOMINAL), ("td3", Mode.TD3), ("nominal", Mode.NOMINAL)]
)
def test_respawns_at_the_goal_and_at_the_limit(policy, first_mode):
    swarm = make(policy=policy, count=5)
    swarm.step()
    last = swarm.system.max_episode_steps - 1
    swarm.states = np.array([[0.001, 0.0], [4.999, 11.0], [1.5, 0.0], [1.6, 0.0], [-4.999, -11.0]])
    swarm.episode_steps[:] = [3, 3, last, last - 1, 3]
    swarm.step()
    np.testing.assert_array_equal(swarm.respawned, [True, False, True, False, False])
    assert (np.abs(swarm.states[swarm.respawned]) <= 2.0).all()
    np.testing.assert_array_equal(swarm.episode_steps, [0, 4, 0, last, 4])
    assert (swarm.modes[swarm.respawned] == first_mode).all()
    if policy == "calf":
        np.testing.assert_array_equal(np.isnan(swarm.calf.q_certified), swarm.respawned)
        np.testing.assert_array_equal(swarm.calf.relax_probability[swarm.respawned], 0.5)
        assert swarm.calf.relax_probability[3] < 0.5
    swarm.step()
    assert swarm.respawned[3]
    assert not swarm.respawned[[0, 1, 2, 4]].any()


def test_actions_are_held_and_who_arrives_waits_for_the_next_decision():
    swarm = make("differential_drive", "nominal", 3)
    hold = swarm.system.hold
    swarm.states = np.array([[1.0, 1.0, 0.0], [0.105, 0.0, 0.0], [0.0, 0.0, 0.11]])
    swarm.step()
    held, arrived = swarm.actions.copy(), np.zeros(3, np.bool_)
    for _ in range(hold - 2):
        before = swarm.states.copy()
        swarm.step()
        np.testing.assert_array_equal(swarm.actions, held)
        np.testing.assert_array_equal(swarm.states[arrived], before[arrived])
        arrived |= swarm.system.at_goal(swarm.states)
        assert not swarm.respawned.any()
    assert arrived[2]
    assert not arrived[0]
    swarm.step()
    np.testing.assert_array_equal(swarm.respawned, arrived)
    assert (swarm.episode_steps[arrived] == 0).all()
    assert swarm.episode_steps[0] == hold


def test_certificates_that_begin_midway_leave_the_stabilizer_its_time():
    swarm = make("differential_drive", "nominal", 2)
    swarm.states[:] = 3.0
    for _ in range(13):
        swarm.step()
    swarm.set_policy("calf")
    np.testing.assert_array_equal(swarm.calf.decided, 2)  # the second decision has begun
    for _ in range(7):
        swarm.step()
    assert np.isnan(swarm.calf.q_certified).all()
    swarm.step()
    assert np.isfinite(swarm.calf.q_certified).all()


def test_agents_added_between_decisions_wait_for_the_next():
    swarm = make("differential_drive", "calf", 2)
    for _ in range(4):
        swarm.step()
    swarm.resize(4)
    starts = swarm.states[2:].copy()
    for _ in range(swarm.system.hold - 4):
        swarm.step()
        np.testing.assert_array_equal(swarm.states[2:], starts)
    assert not swarm.respawned.any()
    assert swarm.episode_steps.tolist() == [10, 10, 0, 0]
    swarm.step()
    assert np.isfinite(swarm.calf.q_certified).all()
    assert (swarm.states[2:] != starts).any()


def test_continues_exactly_from_a_saved_state():
    first, second = make("differential_drive", count=20, seed=1), make("differential_drive", count=20, seed=2)
    for _ in range(437):
        first.step()
    second.load_state_dict(deepcopy(first.state_dict()))
    for _ in range(800):
        first.step()
        second.step()
        np.testing.assert_array_equal(first.states, second.states)
        np.testing.assert_array_equal(first.modes, second.modes)
        np.testing.assert_array_equal(first.respawned, second.respawned)


def test_resize_keeps_the_agents_that_stay():
    swarm = make(count=6)
    for _ in range(30):
        swarm.step()
    states, certificates = swarm.states.copy(), swarm.calf.q_certified.copy()
    swarm.resize(9)
    assert len(swarm) == len(swarm.calf) == 9
    np.testing.assert_array_equal(swarm.states[:6], states)
    np.testing.assert_array_equal(swarm.respawned, [False] * 6 + [True] * 3)
    swarm.step()
    swarm.resize(4)
    swarm.step()
    assert swarm.states.shape == (4, 2)
    assert certificates[0] == swarm.calf.q_certified[0] or swarm.modes[0] == Mode.TD3


def test_td3_policy_is_the_actor():
    swarm = make("differential_drive", "td3", 10)
    states = swarm.states
    swarm.step()
    np.testing.assert_array_equal(swarm.states, swarm.system.step(states, swarm.learner.actions(states)))
    assert (swarm.modes == Mode.TD3).all()


def test_nominal_policy_reaches_the_goal_and_starts_again():
    swarm = make("differential_drive", "nominal", 50)
    respawns = np.zeros(50, np.int64)
    for _ in range(1000):
        swarm.step()
        respawns += swarm.respawned
    assert (respawns >= 1).all()
    assert (swarm.modes == Mode.NOMINAL).all()
