"""The training agent: exploration, episodes, their numbers, and continuing from a saved state."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.calf import CalfParameters
from calf_gpu.app.training.checkpoint import load_checkpoint, save_checkpoint
from calf_gpu.app.training.frame_state import Mode
from calf_gpu.app.training.learner import LearningParameters
from calf_gpu.app.training.trainer import SUCCESS_WINDOW, EpisodeHistory, Trainer

QUICK = LearningParameters(
    batch_size=16, buffer_size=2000, warmup_steps=60, noise_start=0.1, noise_end=0.02, noise_steps=200
)
NO_LEARNING = LearningParameters(batch_size=10_001, buffer_size=10_000, warmup_steps=10_000, noise_end=0.5)
QUIET = replace(QUICK, warmup_steps=1000, noise_start=0.0, noise_end=0.0)


def make(name="point_mass", seed=0, parameters=QUICK, calf=None):
    return Trainer(SYSTEMS[name], calf or CalfParameters(), np.random.SeedSequence(seed), parameters)


def near_goal(trainer):
    """Put the agent where the nominal policy needs few steps."""
    trainer.environment.state = trainer.system.goal + 0.08


def test_warm_up_is_the_nominal_policy_with_noise():
    trainer = make()
    modes, nominal, applied = [], [], []
    for _ in range(QUICK.warmup_steps):
        nominal.append(trainer.system.nominal_action(trainer.state[None])[0])
        trainer.step()
        applied.append(trainer.action)
        modes.append(trainer.mode)
    assert set(modes) == {Mode.NOMINAL}
    assert applied[0] == nominal[0]  # the first action of an episode sets the certificate
    errors = np.abs(np.array(applied) - np.array(nominal))[1:]
    assert errors.min() > 0.0
    assert trainer.learner.queries == {"training": 1}
    assert np.isfinite(trainer.calf.q_certified[0])
    assert not trainer.warming_up


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_step_is_one_transition_and_one_gradient_step(name):
    trainer = make(name)
    for step in range(1, 100):
        before = trainer.state.copy()
        trainer.step()
        assert trainer.total_steps == step
        assert trainer.learner.buffer.size() == step
        assert trainer.learner.version == max(0, step - QUICK.batch_size + 1)
        row = step - 1
        np.testing.assert_array_equal(trainer.learner.buffer.observations[row, 0], before.astype(np.float32))
        expected = trainer.system.step(before[None], trainer.action[None])[0]
        np.testing.assert_array_equal(
            trainer.learner.buffer.next_observations[row, 0], expected.astype(np.float32)
        )
        reward = trainer.system.reward(before[None], trainer.action[None])[0]
        assert trainer.learner.buffer.rewards[row, 0] == pytest.approx(10.0 * reward, rel=1e-6)


def test_episode_numbers():
    trainer = make(parameters=QUIET)
    near_goal(trainer)
    rewards, modes = [], []
    while not (trainer.respawned and trainer.total_steps):
        before = trainer.state[None].copy()
        assert trainer.episode == 0
        assert trainer.episode_length == len(rewards)
        trainer.step()
        rewards.append(
            trainer.system.reward(before, trainer.action[None])[0] if not trainer.respawned else None
        )
        modes.append(trainer.mode)
    stored = trainer.learner.buffer.rewards[: trainer.total_steps, 0] / 10.0
    assert trainer.history.returns == [pytest.approx(stored.sum(), rel=1e-5)]
    assert trainer.history.lengths == [len(rewards)]
    assert trainer.history.successes == [True]
    assert trainer.episode == 1
    assert trainer.episode_length == 0
    assert trainer.episode_return == 0.0
    assert np.isnan(trainer.calf.q_certified[0])
    assert sum(trainer.last_mode_rates.values()) == pytest.approx(1.0)
    assert trainer.learner.buffer.dones[trainer.total_steps - 1, 0] == 1.0
    assert trainer.learner.buffer.timeouts[trainer.total_steps - 1, 0] == 0.0


def test_step_limit_is_stored_as_a_timeout():
    trainer = make()
    trainer.environment.episode_steps = trainer.system.max_episode_steps - 1
    trainer.step()
    assert trainer.respawned
    assert trainer.history.successes == [False]
    assert trainer.learner.buffer.dones[0, 0] == 1.0
    assert trainer.learner.buffer.timeouts[0, 0] == 1.0


def test_rates_count_the_modes_of_the_episode():
    trainer = make(parameters=LearningParameters(batch_size=16, buffer_size=2000, warmup_steps=0))
    modes = []
    for _ in range(50):
        trainer.step()
        modes.append(trainer.mode)
    assert not trainer.history.returns
    value = trainer.value()
    stats = trainer.stats(value, "training", "calf")
    assert stats.relax_rate == modes.count(Mode.RELAX) / 50
    assert stats.intervention_rate == modes.count(Mode.NOMINAL) / 50
    assert stats.certification_rate == modes.count(Mode.TD3) / 50
    assert stats.relax_rate > 0.0
    assert modes[0] == Mode.NOMINAL


def test_what_the_hud_shows_of_a_check_explains_who_chose_the_action():
    parameters = LearningParameters(
        batch_size=5000, buffer_size=6000, warmup_steps=0
    )  # the critic stays as it is
    trainer = make(calf=CalfParameters(c_low=0.01, c_up=7.0), parameters=parameters)
    seen = set()
    for _ in range(300):
        state, before = trainer.state.copy(), float(trainer.calf.q_certified[0])
        trainer.step()
        if trainer.respawned:
            continue
        stats = trainer.stats(trainer.value(), "training", "calf")
        norm = float(np.hypot(*state))
        assert stats.state_norm == pytest.approx(norm)
        assert (stats.kappa_low, stats.kappa_up) == pytest.approx((0.01 * norm**2, 7.0 * norm**2))
        assert stats.q_before == before or (np.isnan(stats.q_before) and np.isnan(before))
        certified = stats.q_value - stats.q_before >= stats.nu_bar and stats.kappa_valid
        assert certified == (trainer.mode == Mode.TD3)
        if certified:
            assert stats.q_certified == pytest.approx(stats.q_value)
        seen.add(trainer.mode)
    assert len(seen) == 3
    assert trainer.learner.queries["hud"] > 100


def test_noise_falls_linearly_and_stays():
    trainer = make()
    levels = []
    for steps in (0, 100, 200, 10_000):
        trainer.total_steps = steps
        levels.append(trainer.noise)
    start, end = QUICK.noise_start, QUICK.noise_end
    assert levels == pytest.approx([start, (start + end) / 2, end, end])


def test_noise_has_its_size_and_lasts_its_time():
    trainer = make(parameters=NO_LEARNING)
    noise, clipped = [], 0
    for _ in range(8000):
        nominal = trainer.system.nominal_action(trainer.state[None])[0]
        first = np.isnan(trainer.calf.q_certified[0])
        trainer.step()
        clipped += abs(trainer.action[0]) == 5.0
        if not first:
            noise.append((trainer.action - nominal)[0] / 5.0)
    assert clipped < 800  # few enough to measure on
    noise = np.array(noise)
    assert noise.std() == pytest.approx(0.5, rel=0.15)
    assert noise.mean() == pytest.approx(0.0, abs=0.1)
    # exp(−t/0.2 s) after a tenth of a second
    assert np.corrcoef(noise[:-10], noise[10:])[0, 1] == pytest.approx(np.exp(-0.5), abs=0.08)


def test_history_windows():
    history = EpisodeHistory([], [], [])
    assert np.isnan(history.mean_return(10))
    assert np.isnan(history.success_rate())
    for i in range(SUCCESS_WINDOW + 50):
        history.add(float(i), 1, i >= 100)
    assert history.mean_return(10) == np.mean(range(140, 150))
    assert history.success_rate() == 0.5


def numbers(trainer):
    return trainer.stats(trainer.value(), "training", "calf")


@pytest.mark.parametrize("name", SYSTEMS)
def test_continues_exactly_from_a_checkpoint(tmp_path, name):
    trainer = make(name)
    trainer.environment.episode_steps = 950  # so that an episode ends before
    for _ in range(150):
        trainer.step()
    trainer.environment.episode_steps = 950  # and one after
    path = save_checkpoint(tmp_path, 150, {"trainer": trainer.state_dict()})
    resumed = make(name, seed=99)
    resumed.load_state_dict(load_checkpoint(path)["trainer"])
    assert repr(numbers(resumed)) == repr(numbers(trainer))
    for _ in range(100):
        trainer.step()
        resumed.step()
        np.testing.assert_array_equal(resumed.state, trainer.state)
        np.testing.assert_array_equal(resumed.action, trainer.action)
        assert (resumed.mode, resumed.respawned) == (trainer.mode, trainer.respawned)
    assert repr(numbers(resumed)) == repr(numbers(trainer))
    assert resumed.history == trainer.history
    assert trainer.episode >= 2


def test_checkpoint_of_another_system_is_refused():
    saved = copy.deepcopy(make("point_mass").state_dict())
    with pytest.raises(ValueError, match="of system point_mass, not differential_drive"):
        make("differential_drive").load_state_dict(saved)
