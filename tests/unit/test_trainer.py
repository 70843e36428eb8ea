"""The training agents: exploration, episodes, their numbers, and continuing from a saved state."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.checkpoint import load_checkpoint, save_checkpoint
from calf_gpu.app.training.exploration import Exploration
from calf_gpu.app.training.history import SUCCESS_WINDOW, EpisodeHistory
from calf_gpu.app.training.learner import DivergedError, LearningParameters
from calf_gpu.app.training.modes import Mode
from calf_gpu.app.training.trainer import Trainer

QUICK = LearningParameters(
    training_agents=3,
    gradient_steps=2,
    hidden_layers=(16, 16),
    batch_size=16,
    buffer_size=3000,
    reward_scale=2.0,
    noise_start=0.1,
    noise_end=0.02,
    noise_steps=200,
)
NO_LEARNING = replace(QUICK, batch_size=10_000, buffer_size=9000)
FREE = CalfOptions(initial_relax=1.0, relax_decay=1.0)
ALL = pytest.mark.parametrize("name", SYSTEMS)


def make(name="point_mass", seed=0, parameters=QUICK, calf=None, **changes):
    system = replace(SYSTEMS[name], **changes)
    return Trainer(system, calf or CalfOptions(), np.random.SeedSequence(seed), parameters)


@ALL
def test_every_decision_is_a_transition_of_every_agent_and_some_gradient_steps(name):
    trainer = make(name)
    system, agents = trainer.system, QUICK.training_agents
    for row in range(30):
        before, actions = trainer.states.copy(), None
        expected, rewards = before, np.zeros(agents)
        for k in range(system.hold):
            assert trainer.total_steps == (row * system.hold + k) * agents
            trainer.step()
            if actions is None:
                actions = trainer.actions.copy()
            rewards += system.reward(expected, actions)
            expected = system.step(expected, actions)
        buffer = trainer.learner.buffer
        assert buffer.size() == (row + 1) * agents
        learning = max(0, row + 1 - int(np.ceil(QUICK.batch_size / agents)) + 1)
        assert trainer.learner.version == 2 * learning
        np.testing.assert_array_equal(buffer.observations[row], system.features(before).astype(np.float32))
        np.testing.assert_array_equal(
            buffer.next_observations[row], system.features(expected).astype(np.float32)
        )
        np.testing.assert_allclose(buffer.actions[row], actions / system.action_high, rtol=1e-6)
        np.testing.assert_allclose(buffer.rewards[row], 2.0 * rewards, rtol=1e-6)
        assert not buffer.dones[row].any()


def test_first_action_of_an_episode_is_the_stabilizers():
    trainer = make(calf=FREE)
    nominal = trainer.system.nominal_action(trainer.states)
    np.testing.assert_array_equal(trainer.actions, nominal)
    trainer.step()
    np.testing.assert_array_equal(trainer.actions, nominal)
    assert (trainer.modes == Mode.NOMINAL).all()
    trainer.step()
    assert (trainer.modes != Mode.NOMINAL).all()  # nobody warms up: modes say who acts from the start
    assert (trainer.actions != trainer.system.nominal_action(trainer.states)).all()


@pytest.mark.parametrize("algorithm", ["td3", "sac"])
def test_without_a_check_the_actor_acts_from_the_first_step_on(algorithm):
    parameters = replace(NO_LEARNING, algorithm=algorithm)
    trainer = make(calf=CalfOptions(rule="none"), parameters=parameters)
    for _ in range(50):
        assert (trainer.modes == Mode.TD3).all()
        states = trainer.states.copy()
        trainer.step()
        assert (trainer.actions != trainer.system.nominal_action(states)).all()
        if algorithm == "td3":  # the actor's own action and noise within the bounds
            apart = np.abs(trainer.actions - trainer.learner.actions(states)) / trainer.system.action_high
            assert (apart > 0.0).all() and (apart < 1.0).all()
    assert trainer.learner.queries.get("training", 0) == 0


def test_ends_at_the_goal_within_a_decision():
    trainer = make("differential_drive", parameters=NO_LEARNING)
    trainer.states[:] = [[1.0, 1.0, 0.0], [0.05, 0.0, 0.104], [0.0, 0.0, 0.9]]
    trainer.step()
    assert trainer.episode == 0
    returns = None
    for _ in range(trainer.system.hold - 1):
        if returns is None and trainer._terminated[1]:
            returns, at = trainer._rewards[1], trainer.states[1].copy()
        if returns is not None:  # waits where it arrived, and pays no more
            np.testing.assert_array_equal(trainer.states[1], at)
        trainer.step()
    assert trainer.history.returns == [pytest.approx(returns)]
    assert trainer.history.successes == [True]
    assert 0 < trainer.history.lengths[0] < trainer.system.hold
    assert trainer.history.mode_counts == [[0, 0, 1]]
    assert trainer.episode_steps.tolist() == [10, 0, 10]
    assert trainer.learner.buffer.dones[0].tolist() == [0.0, 1.0, 0.0]
    assert trainer.learner.buffer.timeouts[0].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(trainer.calf.q_certified).tolist() == [False, True, False]
    assert not trainer.respawned  # that was not the one shown
    low, high = np.array(trainer.system.start_low), np.array(trainer.system.start_high)
    assert ((low <= trainer.states[1]) & (trainer.states[1] <= high)).all()


def test_step_limit_is_stored_as_a_timeout():
    trainer = make(max_episode_steps=5, settling_steps=2)
    trainer.states[:] = 1.5
    for _ in range(5):
        assert trainer.episode == 0
        trainer.step()
    assert trainer.history.successes == [False] * 3
    assert trainer.history.lengths == [5] * 3
    assert trainer.respawned
    assert trainer.learner.buffer.timeouts[:5].sum(axis=1).tolist() == [0, 0, 0, 0, 3]
    assert trainer.learner.buffer.dones[:5].sum(axis=1).tolist() == [0, 0, 0, 0, 3]


def test_numbers_are_those_of_the_first_agent():
    trainer = make(calf=FREE)
    modes, rewards = [], []
    for _ in range(50):
        before = trainer.states[:1].copy()
        trainer.step()
        modes.append(trainer.mode)
        rewards.append(trainer.system.reward(before, trainer.actions[:1])[0])
    assert trainer.episode_length == 50
    assert trainer.episode_return == pytest.approx(sum(rewards))
    for mode in Mode:
        assert trainer.mode_rate(mode) == modes.count(mode) / 50
    assert modes[0] == Mode.NOMINAL
    assert modes.count(Mode.RELAX) > 0


def test_what_is_told_of_a_check_explains_who_chose_the_action():
    """Taken when the check was made: gradient steps come after it, and the critic is not asked again."""
    calf = CalfOptions(nu_bar=0.0, c_low=0.001, c_up=7.0, slack=1e4, relax_decay=0.99)
    trainer = make(calf=calf, parameters=replace(QUICK, learning_rate=1e-5, hidden_layers=(64, 64)))
    with torch.no_grad():
        for network in trainer.learner.model.algorithm.critic.q_networks:
            network[-1].bias -= 4.0  # costs of 2
    seen = set()
    for _ in range(400):
        state, before = trainer.state.copy(), float(trainer.calf.q_certified[0])
        trainer.step()
        check = trainer.check
        norm = float(np.hypot(*state))
        assert check.distance == pytest.approx(norm)
        assert (check.kappa_low, check.kappa_up) == pytest.approx((0.001 * norm**2, 7.0 * norm**2))
        assert check.q_certified == before or (np.isnan(check.q_certified) and np.isnan(before))
        certified = check.q >= check.q_required and check.kappa_low <= -check.q <= check.kappa_up
        assert certified == (trainer.mode == Mode.TD3)
        if certified and not trainer.respawned:
            assert trainer.calf.q_certified[0] == check.q
        seen.add(trainer.mode)
    assert len(seen) == 3
    assert trainer.learner.version > 100
    assert trainer.learner.queries == {"training": 400}


def test_noise_falls_linearly_and_stays():
    trainer = make()
    levels = []
    for steps in (0, 100, 200, 10_000):
        trainer.total_steps = steps
        levels.append(trainer.noise)
    start, end = QUICK.noise_start, QUICK.noise_end
    assert levels == pytest.approx([start, (start + end) / 2, end, end])


@pytest.mark.parametrize(("time", "kept"), [(0.2, np.exp(-0.5)), (0.0, 0.0)])
def test_noise_has_its_size_and_lasts_its_time(time, kept):
    exploration = Exploration((4, 2), time, 0.1, np.random.SeedSequence(0))
    noise = np.array([exploration.step() for _ in range(8000)])
    assert noise.std(axis=0) == pytest.approx(np.ones((4, 2)), rel=0.05)
    assert noise.mean() == pytest.approx(0.0, abs=0.05)
    later = np.corrcoef(noise[:-1].reshape(len(noise) - 1, -1).T, noise[1:].reshape(len(noise) - 1, -1).T)
    assert np.diag(later[8:, :8]) == pytest.approx(np.full(8, kept), abs=0.05)
    assert np.abs(np.corrcoef(noise.reshape(len(noise), -1).T) - np.eye(8)).max() < 0.1  # each its own


def test_an_agents_starts_and_noise_do_not_depend_on_the_others():
    one, many = (make(parameters=replace(NO_LEARNING, training_agents=count)) for count in (1, 5))
    np.testing.assert_array_equal(one.states[0], many.states[0])
    np.testing.assert_array_equal(one.exploration.step()[0], many.exploration.step()[0])


@pytest.mark.parametrize("algorithm", ["td3", "sac"])
def test_equal_seeds_give_equal_training(algorithm):
    parameters = replace(QUICK, algorithm=algorithm)
    first, second, other = (make("pendulum", seed, parameters) for seed in (1, 1, 2))
    np.random.seed(3)
    for _ in range(60):
        first.step()
    for _ in range(60):
        np.random.rand(2)
        other.step()
        second.step()
    np.testing.assert_array_equal(first.states, second.states)
    assert first.check == second.check
    assert first.learner.critic_loss == second.learner.critic_loss
    assert (first.states != other.states).any()


def test_history_windows():
    history = EpisodeHistory()
    assert np.isnan(history.mean_return(10))
    assert np.isnan(history.success_rate())
    assert np.isnan(history.mode_share(Mode.TD3))
    for i in range(SUCCESS_WINDOW + 50):
        history.add(float(i), 1, i >= 100, [1, 0, 1] if i < 100 else [3, 0, 0])
    assert history.mean_return(10) == np.mean(range(140, 150))
    assert history.success_rate() == 0.5
    assert history.mode_share(Mode.TD3) == (50 + 150) / (100 + 150)
    assert history.mode_share(Mode.NOMINAL, 50) == 0.0


def test_every_training_episode_ends_at_the_goal_whatever_the_actor_does():
    trainer = make("pendulum", calf=FREE, parameters=replace(NO_LEARNING, training_agents=40))
    while trainer.episode < 60:
        trainer.step()
    assert all(trainer.history.successes)


@pytest.mark.parametrize("algorithm", ["td3", "sac"])
@ALL
def test_continues_exactly_from_a_checkpoint(tmp_path, name, algorithm):
    parameters = replace(QUICK, algorithm=algorithm)
    trainer = make(name, parameters=parameters, max_episode_steps=90, settling_steps=40)
    for _ in range(127):  # within a decision, for systems that hold
        trainer.step()
    path = save_checkpoint(tmp_path, 127, {"trainer": trainer.state_dict()})
    resumed = make(name, 99, parameters, max_episode_steps=90, settling_steps=40)
    resumed.load_state_dict(load_checkpoint(path)["trainer"])
    assert repr(resumed.check) == repr(trainer.check)
    for _ in range(100):
        trainer.step()
        resumed.step()
        np.testing.assert_array_equal(resumed.states, trainer.states)
        np.testing.assert_array_equal(resumed.actions, trainer.actions)
        np.testing.assert_array_equal(resumed.modes, trainer.modes)
        assert resumed.respawned == trainer.respawned
    assert repr(resumed.check) == repr(trainer.check)
    assert resumed.history == trainer.history
    assert trainer.episode >= 6


def test_checkpoint_of_another_system_is_refused():
    saved = copy.deepcopy(make("point_mass").state_dict())
    with pytest.raises(ValueError, match="of system point_mass, not differential_drive"):
        make("differential_drive").load_state_dict(saved)


def test_checkpoint_of_more_agents_is_refused():
    saved = copy.deepcopy(make(parameters=replace(QUICK, training_agents=4)).state_dict())
    with pytest.raises(ValueError, match="expected"):
        make().load_state_dict(saved)


def test_rewards_that_explode_stop_training(monkeypatch):
    trainer = make()
    monkeypatch.setattr(type(trainer.system), "reward", lambda self, s, a: np.full(len(s), np.nan))
    with pytest.raises(DivergedError, match="the system gave rewards up to nan"):
        trainer.step()
