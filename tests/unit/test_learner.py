"""TD3 behind arrays: batches, targets at the ends of episodes, randomness of its own."""

import numpy as np
import pytest
import torch

from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.learner import Learner, LearningParameters

ALL = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
SMALL = LearningParameters(batch_size=16, buffer_size=500, return_steps=1)


def make(system, seed=0, parameters=SMALL):
    return Learner(system, parameters, np.random.SeedSequence(seed))


def fill(learner, system, count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        state = system.sample_start(1, rng)[0]
        learner.remember(state, rng.uniform(-1, 1, system.action_dim), -1.0, state, False, False)


@ALL
def test_actions_equal_those_of_stable_baselines3(system):
    learner = make(system)
    states = system.sample_start(100, np.random.default_rng(0))
    expected, _ = learner.td3.predict(states.astype(np.float32), deterministic=True)
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
    for network in learner.td3.critic.q_networks:
        x = np.concatenate([states, actions / system.action_high], axis=1)
        layers = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
        for layer in layers:
            x = x @ layer.weight.detach().numpy().astype(np.float64).T + layer.bias.detach().numpy()
            x = np.maximum(x, 0) if layer is not layers[-1] else x
        values.append(x[:, 0])
    np.testing.assert_allclose(learner.q_values(states, actions, "test"), np.minimum(*values), atol=1e-5)


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
    parameters = LearningParameters(batch_size=16, buffer_size=500, return_steps=return_steps, discount=0.5)
    learner = make(system, parameters=parameters)
    last = np.array([0.25, 0.5])
    for _ in range(40):
        learner.remember(np.array([1.0, 1.0]), np.array([5.0]), -2.0, last, terminated, truncated)
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


def test_gradient_steps_fit_a_known_value():
    # One state that ends at once with reward −1: Q → −10 (scaled), whatever the networks begin with.
    system = SYSTEMS["point_mass"]
    parameters = LearningParameters(batch_size=32, learning_rate=1e-2)
    learner = make(system, parameters=parameters)
    state, action = np.array([1.0, -1.0]), np.array([2.0])
    for _ in range(32):
        learner.remember(state, action, -1.0, np.zeros(2), True, False)
    for _ in range(200):
        learner.gradient_step()
    assert learner.q_values(state[None], action[None], "test")[0] == pytest.approx(-10.0, abs=0.1)
    assert learner.critic_loss < 0.1
    assert learner.version == 200
    assert np.isfinite(learner.actor_loss)


def networks(learner):
    return {name: value.clone() for name, value in learner.td3.policy.state_dict().items()}


def test_learning_is_undisturbed_by_others_and_disturbs_none():
    system = SYSTEMS["point_mass"]
    torch.manual_seed(5)
    np.random.seed(5)
    alone = make(system, seed=3)
    fill(alone, system, 50)
    for _ in range(6):
        alone.gradient_step()
    drawn_after = torch.rand(3), np.random.rand(3)

    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(3), np.random.rand(3)
    for mine, untouched in zip(drawn_after, expected, strict=True):
        np.testing.assert_array_equal(mine, untouched)

    disturbed, other = make(system, seed=3), make(system, seed=4)
    fill(disturbed, system, 50)
    fill(other, system, 50)
    for _ in range(6):
        torch.rand(7)
        other.gradient_step()
        disturbed.gradient_step()
    for name, value in networks(alone).items():
        assert torch.equal(value, networks(disturbed)[name]), name
    assert not torch.equal(networks(other)["actor.mu.0.weight"], networks(alone)["actor.mu.0.weight"])


def test_buffer_wraps_and_restores():
    system = SYSTEMS["point_mass"]
    learner, copy = make(system, seed=1), make(system, seed=2)
    fill(learner, system, SMALL.buffer_size + 30)
    learner.gradient_step()
    copy.load_state_dict(learner.state_dict())
    for each in (learner, copy):
        fill(each, system, 5, seed=9)
        for _ in range(4):
            each.gradient_step()
    for name, value in networks(learner).items():
        assert torch.equal(value, networks(copy)[name]), name
    assert copy.buffer.size() == SMALL.buffer_size
    assert copy.version == 5
    assert (copy.critic_loss, copy.actor_loss) == (learner.critic_loss, learner.actor_loss)
