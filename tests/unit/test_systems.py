"""Systems on arrays: dynamics, rewards and episode ends against plain Python, rows independent of each other."""

import math
from importlib.metadata import EntryPoint, EntryPoints

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from calf_gpu.app.systems import ENTRY_POINTS, SYSTEMS, PointMass, find_system
from calf_gpu.app.systems.environment import SystemEnvironment

ALL = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)


def random_states(system, count, seed=0, share=1.0):
    bound = share * np.array(system.state_bound)
    return np.random.default_rng(seed).uniform(-bound, bound, (count, system.state_dim))


def random_actions(system, count, seed=1):
    return np.random.default_rng(seed).uniform(
        system.action_low, system.action_high, (count, system.action_dim)
    )


def test_point_mass_moves_as_constant_acceleration_does():
    # RK4 is exact for polynomials up to the fourth degree: x + v·t + a·t²/2.
    system = SYSTEMS["point_mass"]
    states, actions = random_states(system, 100, share=0.9), random_actions(system, 100)
    h = 0.01
    x, v, a = states[:, 0], states[:, 1], actions[:, 0]
    expected = np.stack([x + v * h + a * h * h / 2, v + a * h], axis=1)
    np.testing.assert_allclose(system.step(states, actions), expected, rtol=0, atol=1e-13)


def test_differential_drive_follows_its_arc():
    # With v and ω constant the unicycle runs on a circle of radius v/ω (closed form).
    system = SYSTEMS["differential_drive"]
    states, actions = random_states(system, 100, share=0.7), random_actions(system, 100)
    after = states
    for _ in range(100):
        after = system.step(after, actions)
    for start, (v, w), end in zip(states, actions, after, strict=True):
        theta = start[2] + w * 1.0
        x = start[0] + v / w * (math.sin(theta) - math.sin(start[2]))
        y = start[1] - v / w * (math.cos(theta) - math.cos(start[2]))
        assert end[:2] == pytest.approx((x, y), abs=1e-9)
        assert math.cos(end[2] - theta) == pytest.approx(1.0, abs=1e-12)
        assert -math.pi <= end[2] < math.pi


@ALL
def test_actions_beyond_the_bound_act_and_cost_as_the_bound(system):
    states = random_states(system, 50)
    steps = np.zeros(50, np.int64)
    bound = np.tile(system.action_high, (50, 1))
    beyond, at = system.transition(states, 7 * bound, steps), system.transition(states, bound, steps)
    np.testing.assert_array_equal(beyond.states, at.states)
    np.testing.assert_array_equal(beyond.rewards, at.rewards)


def test_rewards_as_defined():
    states, actions = np.array([[3.0, 4.0], [0.0, -2.0]]), np.array([[2.0], [0.0]])
    np.testing.assert_allclose(SYSTEMS["point_mass"].reward(states, actions), [-5.04, -2.0])
    states, actions = np.array([[3.0, 4.0, -2.0]]), np.array([[1.0, 2.0]])
    np.testing.assert_allclose(SYSTEMS["differential_drive"].reward(states, actions), [-5.0 - 0.2 - 0.05])


@pytest.mark.parametrize(
    ("name", "state", "inside"),
    [
        ("point_mass", (0.03, 0.04), True),
        ("point_mass", (0.03, 0.0401), False),
        ("differential_drive", (0.06, 0.08, -0.1), True),
        ("differential_drive", (0.06, 0.0801, 0.0), False),
        ("differential_drive", (0.0, 0.0, 0.101), False),
    ],
)
def test_goal(name, state, inside):
    assert SYSTEMS[name].at_goal(np.array([state]))[0] == inside


@pytest.mark.parametrize(
    ("name", "state", "action", "after"),
    [
        ("point_mass", (4.999, 6.0), (5.0,), (5.0, 0.0)),  # the wall stops the mass
        ("point_mass", (-4.999, -6.0), (-5.0,), (-5.0, 0.0)),
        ("point_mass", (5.0, 0.0), (-5.0,), (4.99975, -0.05)),  # and lets it go
        ("differential_drive", (5.0, 1.0, 0.0), (1.0, 0.0), (5.0, 1.0, 0.0)),
        (
            "differential_drive",
            (5.0, 1.0, math.pi / 4),
            (1.0, 0.0),
            (5.0, 1.0 + 0.01 * 0.5**0.5, math.pi / 4),
        ),
        ("turtlebot", (0.0, -2.0, -math.pi / 2), (0.22, 0.0), (0.0, -2.0, -math.pi / 2)),
    ],
)
def test_walls_end_no_episode(name, state, action, after):
    outcome = SYSTEMS[name].transition(np.array([state]), np.array([action]), np.array([0]))
    np.testing.assert_allclose(outcome.states[0], after, atol=1e-12)
    assert not outcome.terminated[0]
    assert not outcome.truncated[0]


def test_pendulum_swings_as_that_of_gymnasium():
    system = SYSTEMS["pendulum"]
    rng = np.random.default_rng(0)
    for seed in range(3):
        environment = gym.make("Pendulum-v1").unwrapped
        environment.reset(seed=seed)
        states = environment.state[None].copy()
        for action in rng.uniform(-3.0, 3.0, 200):  # beyond the bound too
            _, reward, *_ = environment.step(np.array([action]))
            mine = system.reward(states, np.clip([[action]], -2.0, 2.0))[0]
            assert mine == pytest.approx(float(reward), abs=1e-6)
            states = system.step(states, np.array([[action]]))
            angle, rate = environment.state
            assert rate == pytest.approx(states[0, 1], abs=1e-6)
            assert math.cos(angle) == pytest.approx(math.cos(states[0, 0]), abs=1e-6)
            assert math.sin(angle) == pytest.approx(math.sin(states[0, 0]), abs=1e-6)


def test_hot_spot_costs_what_it_should():
    system = SYSTEMS["turtlebot"]
    states = np.array([[-0.6, -0.5, 0.0], [-0.6, -0.4, 0.0], [1.0, 1.0, 2.0]])
    expected = [
        -(0.36 + 0.25 + 10.0),
        -(0.36 + 0.16 + 10.0 * math.exp(-0.5)),
        -(1.0 + 1.0 + 0.4),
    ]
    np.testing.assert_allclose(system.reward(states, np.ones((3, 2))), expected, rtol=1e-12)


@ALL
def test_features_are_bounded_and_continuous_across_the_wrap(system):
    features = system.features(random_states(system, 200))
    assert features.shape == (200, len(system.feature_bound))
    assert (np.abs(features) <= system.feature_bound + 1e-12).all()
    for axis in system.wrapped_axes:
        states = np.zeros((2, system.state_dim))
        states[:, axis] = [-np.pi, np.pi - 1e-9]
        below, above = system.features(states)
        np.testing.assert_allclose(below, above, atol=1e-8)


@ALL
def test_distance_is_zero_at_the_goal_alone(system):
    assert system.distance(system.goal[None])[0] == 0.0
    states = random_states(system, 1000)
    assert (system.distance(states[~system.at_goal(states)]) > 0.0).all()


@ALL
def test_nominal_policy_settles_from_anywhere_in_the_time_that_the_system_says(system):
    """Not only from the starts: certified actions may have led anywhere. Decisions are held as in training."""
    rng = np.random.default_rng(6)
    bound = np.array(system.state_bound)
    if system.name == "point_mass":
        bound[1] = 10.2  # the fastest that walls 10 m apart allow
    states = rng.uniform(-bound, bound, (3000, system.state_dim))
    states[:1000] = np.sign(states[:1000]) * bound
    states[:500, -1] = rng.uniform(-bound[-1], bound[-1], 500)
    states = system.normalise(states)
    reached = system.at_goal(states)
    for k in range(system.settling_steps):
        if k % system.hold == 0:
            actions = system.nominal_action(states)
        states = system.step(states, actions)
        reached |= system.at_goal(states)
    assert reached.all()
    assert system.settling_steps < 0.7 * system.max_episode_steps


class Twice(PointMass):
    pass


def test_systems_are_found_by_name_and_reference():
    assert find_system("pendulum") is SYSTEMS["pendulum"]
    found = find_system(f"{__name__}:Twice")
    assert type(found).__name__ == "Twice"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", r"--system accepts point_mass, .* or module:Class, got 'nothing'"),
        ("no_such_module:Class", "--system no_such_module:Class: ModuleNotFoundError"),
        ("math:pi", "--system math:pi: it is a float, not"),
        ("math:none", "--system math:none: KeyError"),
        (":", "--system :: ValueError"),
        ("calf_gpu.app.systems.base:System", "--system calf_gpu.app.systems.base:System: TypeError"),
    ],
)
def test_what_is_no_system_is_told_in_one_line(name, text):
    with pytest.raises(ValueError, match=text) as caught:
        find_system(name)
    assert "\n" not in str(caught.value)


def test_systems_of_installed_packages_are_found(monkeypatch):
    point = EntryPoint("swing", "calf_gpu.app.systems.pendulum:Pendulum", ENTRY_POINTS)
    monkeypatch.setattr("calf_gpu.app.systems.entry_points", lambda group: EntryPoints([point]))
    assert find_system("swing") == SYSTEMS["pendulum"]
    with pytest.raises(ValueError, match="turtlebot, swing or module:Class"):
        find_system("other")


@ALL
def test_only_the_step_limit_truncates(system):
    far = np.full((1, system.state_dim), 1.0)
    still = np.zeros((1, system.action_dim))
    before, last = (np.array([system.max_episode_steps - k]) for k in (2, 1))
    assert not system.transition(far, still, before).truncated[0]
    assert system.transition(far, still, last).truncated[0]
    assert not system.transition(far, still, last).terminated[0]
    at_goal = system.transition(np.zeros((1, system.state_dim)), still, last)
    assert at_goal.terminated[0]
    assert not at_goal.truncated[0]


@ALL
def test_one_agent_moves_as_in_a_thousand(system):
    states = system.sample_start(1000, np.random.default_rng(3))
    together, alone = states, states[417:418]
    steps = np.zeros(1000, np.int64)
    for k in range(300):
        outcome = system.transition(together, system.nominal_action(together), steps + k)
        single = system.transition(alone, system.nominal_action(alone), steps[:1] + k)
        together, alone = outcome.states, single.states
        np.testing.assert_allclose(alone[0], together[417], rtol=0, atol=1e-12)
        assert single.rewards[0] == pytest.approx(outcome.rewards[417], abs=1e-12)
        assert single.terminated[0] == outcome.terminated[417]


@ALL
def test_nominal_policy_brings_every_start_to_the_goal(system):
    states = system.sample_start(500, np.random.default_rng(4))
    steps, reached = np.zeros(500, np.int64), np.zeros(500, np.bool_)
    while not reached.all():
        outcome = system.transition(states, system.nominal_action(states), steps)
        assert not (~reached & outcome.truncated).any()
        reached |= outcome.terminated
        states, steps = outcome.states, steps + 1


def test_point_mass_returns_without_overshoot():
    system = SYSTEMS["point_mass"]
    states = np.array([[2.0, 0.0]])
    for _ in range(1000):
        states = system.step(states, system.nominal_action(states))
        assert states[0, 0] > 0.0


@ALL
def test_nominal_actions_keep_the_bounds(system):
    actions = system.nominal_action(random_states(system, 1000))
    assert (np.abs(actions) <= system.action_high).all()


@ALL
def test_starts_fill_the_start_region(system):
    starts = system.sample_start(5000, np.random.default_rng(5))
    low, high = np.array(system.start_low), np.array(system.start_high)
    assert ((low <= starts) & (starts <= high)).all()
    np.testing.assert_allclose(starts.max(axis=0), high, rtol=0.01)
    np.testing.assert_allclose(starts.min(axis=0), low, rtol=0.01)
    assert (np.maximum(np.abs(low), np.abs(high)) <= system.state_bound).all()


@ALL
def test_plane_shows_further_axes_at_the_goal(system):
    points = np.array([[1.0, 2.0], [-3.0, 0.5]])
    states = system.plane_states(points)
    assert states.shape == (2, system.state_dim)
    np.testing.assert_array_equal(states[:, :2], points)
    np.testing.assert_array_equal(states[:, 2:], 0.0)


@ALL
@given(data=st.data())
def test_rows_do_not_influence_each_other(system, data):
    elements = st.floats(-5, 5)
    states = data.draw(arrays(np.float64, (4, system.state_dim), elements=elements))
    actions = data.draw(arrays(np.float64, (4, system.action_dim), elements=elements))
    order = data.draw(st.permutations(range(4)))
    steps = np.arange(4)
    outcome = system.transition(states, actions, steps)
    permuted = system.transition(states[order], actions[order], steps[order])
    for values, shuffled in zip(outcome, permuted, strict=True):
        np.testing.assert_allclose(values[order], shuffled, rtol=0, atol=1e-12)


@ALL
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_environment_passes_the_checkers(system):
    check_env(SystemEnvironment(system), skip_render_check=True)
    check_env_sb3(SystemEnvironment(system), warn=False)


@ALL
def test_environment_steps_as_the_system_does(system):
    environment = SystemEnvironment(system)
    observation, _ = environment.reset(seed=8)
    states, steps, total = environment.state[None], 0, 0.0
    np.testing.assert_array_equal(observation, system.features(states)[0].astype(np.float32))
    terminated = truncated = False
    while not (terminated or truncated):
        action, expected = system.nominal_action(states), 0.0
        for _ in range(system.hold):
            outcome = system.transition(states, action, np.array([steps]))
            states, steps, expected = outcome.states, steps + 1, expected + outcome.rewards[0]
            if outcome.terminated[0]:
                break
        observation, reward, terminated, truncated, info = environment.step(action[0])
        total += reward
        np.testing.assert_array_equal(environment.state, states[0])
        np.testing.assert_array_equal(observation, system.features(states)[0].astype(np.float32))
        assert reward == pytest.approx(expected)
        assert environment.observation_space.contains(observation)
    assert environment.episode_steps == steps
    assert terminated
    assert info["at_goal"]
    assert total < 0.0


@ALL
def test_environment_says_which_end_it_was(system):
    environment = SystemEnvironment(system)
    environment.reset(seed=0)
    environment.episode_steps = system.max_episode_steps - 1
    *_, terminated, truncated, info = environment.step(np.zeros(system.action_dim))
    assert (terminated, truncated, info["at_goal"]) == (False, True, False)
    environment.reset(seed=0)
    environment.state = system.goal
    *_, terminated, truncated, info = environment.step(np.zeros(system.action_dim))
    assert (terminated, truncated, info["at_goal"]) == (True, False, True)
