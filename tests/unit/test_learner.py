"""TD3 and SAC behind arrays: batches, targets at the ends of episodes, randomness of their own."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.learner import Learner, LearningParameters

ALL = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
SMALL = LearningParameters(
    training_agents=1,
    hidden_layers=(32, 32),
    batch_size=16,
    buffer_size=500,
    return_steps=1,
    reward_scale=10.0,
)
ALGORITHMS = pytest.mark.parametrize("algorithm", ["td3", "sac"])


def make(system, seed=0, parameters=SMALL):
    return Learner(system, parameters, np.random.SeedSequence(seed))


def fill(learner, system, count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        agents = learner.parameters.training_agents
        states, no = system.sample_start(agents, rng), np.zeros(agents, np.bool_)
        actions = rng.uniform(-1, 1, (agents, system.action_dim))
        learner.remember(states, actions, np.full(agents, -1.0), states, no, no)


def one_transition(learner, state, action, reward, after, terminated, truncated):
    flags = np.array([terminated]), np.array([truncated])
    learner.remember(state[None], np.array([[action]]), np.array([reward]), after[None], *flags)


@ALL
@ALGORITHMS
def test_actions_equal_those_of_stable_baselines3(system, algorithm):
    learner = make(system, parameters=replace(SMALL, algorithm=algorithm))
    states = system.sample_start(100, np.random.default_rng(0))
    observations = system.features(states).astype(np.float32)
    expected, _ = learner.model.algorithm.predict(observations, deterministic=True)
    actions = learner.actions(states)
    assert actions.shape == (100, system.action_dim)
    np.testing.assert_allclose(actions, expected, rtol=1e-5, atol=1e-6)
    assert (np.abs(actions) <= system.action_high).all()


@ALL
def test_values_are_the_lesser_of_both_critics_in_float64(system):
    learner = make(system)
    rng = np.random.default_rng(0)
    states = system.sample_start(100, rng)
    actions = rng.uniform(system.action_low, system.action_high, (100, system.action_dim))
    values = []
    for network in learner.model.algorithm.critic.q_networks:
        x = np.concatenate([system.features(states), actions / system.action_high], axis=1)
        layers = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
        for layer in layers:
            x = x @ layer.weight.detach().numpy().astype(np.float64).T + layer.bias.detach().numpy()
            x = np.maximum(x, 0) if layer is not layers[-1] else x
        values.append(x[:, 0])
    np.testing.assert_allclose(
        learner.q_values(states, actions, "test"), np.minimum(*values) / 10.0, atol=1e-5
    )


def test_queries_and_rows_are_counted_by_purpose():
    system = SYSTEMS["point_mass"]
    learner = make(system)
    states = np.zeros((7, 2))
    learner.q_values(states, states[:, :1], "grid")
    learner.q_values(states[:3], states[:3, :1], "grid")
    learner.q_values(states, states[:, :1], "hud")
    fill(learner, system, 20)
    learner.gradient_step()
    assert learner.queries == {"grid": 2, "hud": 1}
    assert learner.rows == {"grid": 10, "hud": 7}


@pytest.mark.parametrize("return_steps", [1, 5])
@pytest.mark.parametrize(
    ("terminated", "truncated", "bootstraps"),
    [(True, False, False), (False, True, True), (False, False, True)],
)
def test_targets_bootstrap_unless_the_episode_terminated(terminated, truncated, bootstraps, return_steps):
    system = SYSTEMS["point_mass"]
    parameters = replace(SMALL, return_steps=return_steps, discount=0.5)
    learner = make(system, parameters=parameters)
    last = np.array([0.25, 0.5])
    for _ in range(40):
        one_transition(learner, np.array([1.0, 1.0]), 5.0, -2.0, last, terminated, truncated)
    batch = learner.buffer.sample(16)
    np.testing.assert_array_equal(batch.observations.numpy(), 1.0)
    np.testing.assert_array_equal(batch.actions.numpy(), 1.0)  # scaled to the bound
    ends = terminated or truncated
    if ends:  # targets never reach across the end of an episode
        np.testing.assert_array_equal(batch.rewards.numpy(), -20.0)
        np.testing.assert_array_equal(batch.discounts.numpy(), 0.5)
    elif return_steps == 5:
        assert batch.rewards.numpy().min() == pytest.approx(-20.0 * (1 + 0.5 + 0.25 + 0.125 + 0.0625))
        assert batch.discounts.numpy().min() == pytest.approx(0.5**5)
    np.testing.assert_array_equal(batch.dones.numpy(), 0.0 if bootstraps else 1.0)
    np.testing.assert_array_equal(batch.next_observations.numpy(), np.tile(np.float32(last), (16, 1)))


@ALGORITHMS
def test_gradient_steps_fit_a_known_value(algorithm):
    # One state that ends at once with reward −1: Q → −1, whatever the networks begin with.
    system = SYSTEMS["point_mass"]
    parameters = replace(SMALL, algorithm=algorithm, batch_size=32, learning_rate=1e-2)
    learner = make(system, parameters=parameters)
    state, action = np.array([1.0, -1.0]), np.array([2.0])
    for _ in range(32):
        one_transition(learner, state, 2.0, -1.0, np.zeros(2), True, False)
    for _ in range(200):
        learner.gradient_step()
    assert learner.q_values(state[None], action[None], "test")[0] == pytest.approx(-1.0, abs=0.01)
    assert learner.critic_loss < 0.1
    assert learner.version == 200
    assert np.isfinite(learner.actor_loss)


def test_only_sac_explores_by_itself():
    system = SYSTEMS["differential_drive"]
    states = system.sample_start(50, np.random.default_rng(0))
    td3, sac = (make(system, parameters=replace(SMALL, algorithm=name)).model for name in ("td3", "sac"))
    np.testing.assert_array_equal(td3.proposals(states), td3.actions(states))
    drawn = [sac.proposals(states) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).min() > 0.0
    assert (np.abs(drawn[0]) <= system.action_high).all()
    np.testing.assert_array_equal(sac.actions(states), sac.actions(states))
    assert (td3.stochastic, sac.stochastic) == (False, True)


def networks(learner):
    return {name: value.copy() for name, value in learner.model.state_dict()["networks"].items()}


@ALGORITHMS
def test_learning_is_undisturbed_by_others_and_disturbs_none(algorithm):
    system = SYSTEMS["point_mass"]
    parameters = replace(SMALL, algorithm=algorithm, training_agents=3, return_steps=4)
    torch.manual_seed(5)
    np.random.seed(5)
    alone = make(system, 3, parameters)
    fill(alone, system, 50)
    for _ in range(6):
        alone.gradient_step()
        alone.model.proposals(np.ones((2, 2)))
    drawn_after = torch.rand(3), np.random.rand(3)

    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(3), np.random.rand(3)
    for mine, untouched in zip(drawn_after, expected, strict=True):
        np.testing.assert_array_equal(mine, untouched)

    disturbed, other = make(system, 3, parameters), make(system, 4, parameters)
    fill(disturbed, system, 50)
    fill(other, system, 50)
    for _ in range(6):
        torch.rand(7)
        np.random.rand(7)
        other.gradient_step()
        disturbed.gradient_step()
        disturbed.model.proposals(np.ones((2, 2)))
    for name, value in networks(alone).items():
        np.testing.assert_array_equal(value, networks(disturbed)[name], name)
    same = [np.array_equal(value, networks(other)[name]) for name, value in networks(alone).items()]
    assert not all(same)


@ALGORITHMS
def test_buffer_wraps_and_restores(algorithm):
    system = SYSTEMS["point_mass"]
    parameters = replace(SMALL, algorithm=algorithm, training_agents=2, return_steps=3)
    learner, copy = make(system, 1, parameters), make(system, 2, parameters)
    fill(learner, system, SMALL.buffer_size // 2 + 30)
    learner.gradient_step()
    copy.load_state_dict(deepcopy(learner.state_dict()))
    for each in (learner, copy):
        fill(each, system, 5, seed=9)
        for _ in range(4):
            each.gradient_step()
            each.model.proposals(np.ones((2, 2)))
    for name, value in networks(learner).items():
        np.testing.assert_array_equal(value, networks(copy)[name], name)
    np.testing.assert_array_equal(
        learner.model.proposals(np.ones((2, 2))), copy.model.proposals(np.ones((2, 2)))
    )
    assert copy.buffer.size() == SMALL.buffer_size
    assert copy.version == 5
    assert (copy.critic_loss, copy.actor_loss) == (learner.critic_loss, learner.actor_loss)


def test_what_another_algorithm_learnt_is_refused():
    system = SYSTEMS["point_mass"]
    td3, sac = (make(system, parameters=replace(SMALL, algorithm=name)) for name in ("td3", "sac"))
    with pytest.raises(ValueError, match="td3 learnt it, not sac"):
        sac.load_state_dict(td3.state_dict())


def test_systems_bring_what_suits_them():
    system = replace(SYSTEMS["pendulum"], learning={"training_agents": 7, "discount": 0.5})
    parameters = LearningParameters.for_system(system, discount=0.75)
    assert (parameters.training_agents, parameters.discount) == (7, 0.75)
    assert parameters.batch_size == LearningParameters().batch_size
