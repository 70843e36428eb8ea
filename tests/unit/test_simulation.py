"""The simulation as a frame source: deterministic, resumable, honest about critic queries."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.checkpoint import PATTERN, newest_checkpoint
from calf_gpu.app.training.frame_state import Mode
from calf_gpu.app.training.headless import train
from calf_gpu.app.training.simulation import Simulation, grid_points

APPLICATION = Path(__file__).resolve().parents[2]


def options(**values):
    return VisualizationConfig(**{"n_agents": 4, "grid_size": 7, **values})


def digest(frame, hasher=None):
    """Return the SHA-256 of everything in a frame state."""
    hasher = hasher or hashlib.sha256()
    for value in vars(frame).values():
        if isinstance(value, np.ndarray):
            hasher.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
        else:
            hasher.update(repr(value).encode())
    return hasher.hexdigest()


def run(simulation, frames):
    hasher = hashlib.sha256()
    for _ in range(frames):
        result = digest(simulation.next_frame(), hasher)
    return result


@pytest.mark.parametrize("system", SYSTEMS)
def test_same_seed_same_frames(system):
    first, second, other = (Simulation(options(system=system, seed=seed)) for seed in (3, 3, 4))
    assert run(first, 300) == run(second, 300)
    assert first.trainer.learner.version > 50  # training took part
    assert digest(other.next_frame()) != digest(Simulation(options(system=system, seed=3)).next_frame())


def test_interleaved_simulations_do_not_disturb_each_other():
    alone = run(Simulation(options(seed=5)), 200)
    simulation, other = Simulation(options(seed=5)), Simulation(options(seed=6))
    hasher = hashlib.sha256()
    for _ in range(200):
        other.next_frame()
        np.random.rand(3)
        last = digest(simulation.next_frame(), hasher)
    assert last == alone


@pytest.mark.parametrize("system", SYSTEMS)
def test_frames_have_the_promised_shapes_and_count_up(system):
    simulation = Simulation(options(system=system))
    dim = SYSTEMS[system].state_dim
    for step in range(5):
        frame = simulation.next_frame()
        assert frame.step == step
        assert frame.stats.total_steps == step * simulation.trainer.parameters.training_agents
        assert (frame.q_grid.shape, frame.q_grid.dtype) == ((7, 7), np.float32)
        assert (frame.states.shape, frame.states.dtype) == ((4, dim), np.float32)
        assert (frame.modes.shape, frame.modes.dtype) == ((4,), np.uint8)
        assert (frame.respawned.shape, frame.respawned.dtype) == ((4,), np.bool_)
        assert (frame.training_state.shape, frame.training_state.dtype) == ((dim,), np.float32)
        assert frame.training_mode in list(Mode)
        assert frame.respawned.all() == frame.training_respawned == (step == 0)


def test_published_arrays_are_never_written_again():
    simulation = Simulation(options())
    frames = [simulation.next_frame() for _ in range(30)]
    digests = [digest(frame) for frame in frames]
    simulation.set_agent_count(2)
    for _ in range(250):
        simulation.next_frame()
    assert [digest(frame) for frame in frames] == digests


@pytest.mark.parametrize("action", ["actor", "zero"])
def test_grid_is_the_critic_on_the_plane(action):
    simulation = Simulation(options(system="differential_drive", q_action=action, q_grid_interval=1))
    for _ in range(180):
        frame = simulation.next_frame()
    learner, nodes = simulation.trainer.learner, np.linspace(-3.5, 3.5, 7)
    for row, column in ((0, 0), (0, 6), (6, 0), (2, 5)):
        state = np.array([[nodes[column], nodes[row], 0.0]])
        actions = learner.actions(state) if action == "actor" else np.zeros((1, 2))
        expected = learner.q_values(state, actions, "test")[0]
        assert frame.q_grid[row, column] == pytest.approx(expected, rel=1e-5)


def test_grid_points_run_along_rows():
    points = grid_points((0.0, 3.0, 10.0, 20.0), 4).reshape(4, 4, 2)
    np.testing.assert_allclose(points[2, :, 0], [0, 1, 2, 3])
    np.testing.assert_allclose(points[:, 1, 1], [10, 10 + 10 / 3, 10 + 20 / 3, 20])


def test_grid_is_evaluated_when_due_and_changed_only():
    simulation = Simulation(options(q_grid_interval=10))
    changes, learning = [], []
    last = simulation.next_frame()
    for _ in range(200):
        version = simulation.trainer.learner.version
        frame = simulation.next_frame()
        assert (frame.q_version != last.q_version) == (not np.array_equal(frame.q_grid, last.q_grid))
        assert (frame.q_grid is last.q_grid) == (frame.q_version == last.q_version)
        if frame.q_version != last.q_version:
            assert frame.q_version == last.q_version + 1
            changes.append(frame.step)
        if simulation.trainer.learner.version != version:
            learning.append(frame.step)
        last = frame
    first_due = -(-learning[0] // 10) * 10
    assert changes == list(range(first_due, 201, 10))
    assert simulation.critic_queries["grid"] == len(changes) + 1
    assert simulation.critic_rows["grid"] == 49 * (len(changes) + 1)


@pytest.mark.parametrize("stats", ["cached", "every_frame"])
def test_statistics_never_ask_the_critic(stats):
    simulation = Simulation(options(stats=stats, q_stats_interval=10))
    for _ in range(101):
        simulation.next_frame()
    assert simulation.critic_queries["swarm"] == 100
    assert simulation.critic_rows["swarm"] == 400
    assert simulation.critic_queries["training"] == 100
    assert set(simulation.critic_queries) == {"swarm", "training", "grid"}


def at_the_limit(simulation):
    """Let the next step of every training agent be the last of its episode."""
    simulation.trainer.episode_steps[:] = simulation.system.max_episode_steps - 1


def test_cached_statistics_are_fresh_at_an_episode_start():
    simulation = Simulation(options(q_stats_interval=10_000))
    simulation.next_frame()
    at_the_limit(simulation)
    frame = simulation.next_frame()
    assert frame.training_respawned
    exact = simulation.trainer.value()
    assert (frame.stats.q_value, frame.stats.state_norm) == (exact.q, exact.state_norm)


def test_paused_shows_the_same_state_with_exact_values():
    simulation = Simulation(options(q_stats_interval=10_000))
    for _ in range(160):
        before = simulation.next_frame()
    simulation.set_paused(True)
    paused = simulation.next_frame()
    assert paused.step == before.step
    np.testing.assert_array_equal(paused.states, before.states)
    assert paused.stats.q_value == simulation.trainer.value().q != before.stats.q_value
    queries = dict(simulation.critic_queries)
    assert simulation.next_frame() is paused
    simulation.set_paused(True)
    assert simulation.next_frame() is paused
    assert simulation.critic_queries == queries
    simulation.set_paused(False)
    assert simulation.next_frame().step == paused.step + 1


@pytest.mark.parametrize("paused", [False, True])
def test_agent_count_changes_at_the_end_of_the_arrays(paused):
    simulation, same = Simulation(options()), Simulation(options())
    for _ in range(20):
        simulation.next_frame()
        before = same.next_frame()
    simulation.set_paused(paused)
    simulation.set_agent_count(7)
    frame = simulation.next_frame()
    expected = before if paused else same.next_frame()
    assert frame.step == expected.step
    np.testing.assert_array_equal(frame.states[:4], expected.states)
    np.testing.assert_array_equal(frame.respawned, [False] * 4 + [True] * 3)
    simulation.set_agent_count(2)
    frame = simulation.next_frame()
    assert frame.states.shape == (2, 2)
    with pytest.raises(ValueError, match="agent count accepts integers from 1, got 0"):
        simulation.set_agent_count(0)


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("policy", ["td3", "nominal", "calf"])
def test_the_swarms_policy_changes_in_the_next_step_with_new_certificates(policy, paused):
    simulation = Simulation(options(swarm_policy="nominal" if policy == "calf" else "calf", n_agents=50))
    for _ in range(20):
        before = simulation.next_frame()
    simulation.set_paused(paused)
    simulation.set_swarm_policy(policy)
    if paused:
        shown = simulation.next_frame()
        assert (shown.step, shown.stats.swarm_policy) == (before.step, policy)
        np.testing.assert_array_equal(shown.states, before.states)
        simulation.set_paused(False)
    frame = simulation.next_frame()
    assert frame.stats.swarm_policy == policy
    staying = ~frame.respawned
    first = {"td3": Mode.TD3, "nominal": Mode.NOMINAL, "calf": Mode.NOMINAL}[policy]
    assert set(frame.modes[staying]) == {first}, "the first action under CALF is the stabilizer's"
    if policy == "calf":
        assert np.isfinite(simulation.swarm.calf.q_certified[staying]).all()
        simulation.swarm.calf.q_certified[:] = -1e6
        simulation.set_swarm_policy("calf")
        assert (simulation.swarm.calf.q_certified == -1e6).all(), "the same policy again changes nothing"


def test_an_unknown_policy_of_the_swarm_is_refused_in_one_line():
    with pytest.raises(ValueError, match="swarm policy accepts calf, td3, nominal, got 'random'"):
        Simulation(options()).set_swarm_policy("random")


def test_training_ends_with_the_episodes_and_the_swarm_goes_on():
    simulation = Simulation(options(episodes=1))
    simulation.next_frame()
    at_the_limit(simulation)
    assert simulation.next_frame().stats.phase == "finished"
    steps, states = simulation.trainer.total_steps, simulation.swarm.states
    frame = simulation.next_frame()
    assert frame.stats.total_steps == steps
    assert not np.array_equal(frame.states, states)


def test_profiler_sees_the_sections():
    entered = Counter()

    class Profiler:
        @contextmanager
        def section(self, name):
            entered[name] += 1
            yield

    run(Simulation(options(q_grid_interval=10), profiler=Profiler()), 151)
    assert entered["training"] == entered["swarm"] == 150
    assert 15 <= entered["hud_query"] < 20  # every ten steps and at episode starts
    assert 0 < entered["heatmap"] <= 15


def test_resumed_run_continues_exactly(tmp_path):
    whole = Simulation(options(seed=2))
    part = Simulation(options(seed=2), tmp_path / "run")
    for _ in range(173):
        whole.next_frame()
        last = part.next_frame()
    part.close()
    part.close()
    resumed = Simulation(options(seed=2, resume=True), tmp_path / "run")
    assert digest(resumed.next_frame()) == digest(last)
    for _ in range(60):
        assert digest(resumed.next_frame()) == digest(whole.next_frame())
    resumed.close()


def test_resumed_run_takes_other_picture_options(tmp_path):
    simulation = Simulation(options(), tmp_path)
    for _ in range(140):
        last = simulation.next_frame()
    simulation.close()
    resumed = Simulation(options(resume=True, n_agents=6, grid_size=5), tmp_path)
    frame = resumed.next_frame()
    assert frame.q_grid.shape == (5, 5)
    np.testing.assert_array_equal(frame.states[:4], last.states)
    assert len(resumed.next_frame().states) == 6
    resumed.close()


@pytest.fixture
def short_episodes(monkeypatch):
    for name, system in SYSTEMS.items():
        monkeypatch.setitem(SYSTEMS, name, replace(system, max_episode_steps=150, settling_steps=100))


@pytest.mark.usefixtures("short_episodes")
def test_pictures_take_up_a_run_trained_without_them(tmp_path):
    trainer = train(options(episodes=1), tmp_path)
    simulation = Simulation(options(resume=True), tmp_path)
    frame = simulation.next_frame()
    assert frame.stats.total_steps == trainer.total_steps
    np.testing.assert_array_equal(frame.training_state, trainer.state.astype(np.float32))
    simulation.close()


@pytest.mark.usefixtures("short_episodes")
def test_headless_training_writes_its_files(tmp_path):
    trainer = train(options(episodes=2), tmp_path / "new" / "run")
    assert trainer.episode == 2
    names = {path.name for path in (tmp_path / "new" / "run").iterdir()}
    assert f"checkpoint-{trainer.total_steps:09d}.safetensors" in names
    assert (tmp_path / "new" / "run" / "rewards.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert list((tmp_path / "new" / "run" / "tensorboard").glob("events.*"))
    again = train(options(episodes=2, resume=True), tmp_path / "new" / "run")
    assert again.total_steps == trainer.total_steps


def test_checkpoints_come_with_the_episodes(tmp_path):
    simulation = Simulation(options(checkpoint_interval=2), tmp_path)
    saved = []
    for _ in range(5):
        at_the_limit(simulation)
        simulation.next_frame()
        saved.append(len(list(tmp_path.glob(PATTERN))))
    assert saved == [1, 1, 2, 2, 3]  # the first frame shows the start
    simulation.close()


def test_new_run_does_not_mix_with_an_old_one(tmp_path):
    Simulation(options(), tmp_path).close()
    with pytest.raises(ValueError, match=r"holds a run; resume it or choose another folder"):
        Simulation(options(), tmp_path)
    with pytest.raises(ValueError, match="does not exist, so there is nothing to resume"):
        Simulation(options(resume=True), tmp_path / "missing")
    with pytest.raises(ValueError, match="of system point_mass, not differential_drive"):
        Simulation(options(system="differential_drive", resume=True), tmp_path)


def test_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    (tmp_path / ".checkpoint-000000000.safetensors.tmp").write_bytes(b"half")
    simulation = Simulation(options(resume=True), tmp_path)
    assert simulation.next_frame().step == 0
    simulation.close()


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.simulation import Simulation
folder = Path(sys.argv[2])
simulation = Simulation(VisualizationConfig(n_agents=4, grid_size=7, resume=folder.exists()), folder)
print("ready", flush=True)
while True:
    simulation.next_frame()
    simulation._save(simulation._files)
"""


def test_killed_run_resumes_from_its_last_checkpoint(tmp_path):
    folder, steps = tmp_path / "run", 0
    for pause in (0.3, 0.5):
        command = [sys.executable, "-c", WRITER, str(APPLICATION), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
        _, state = newest_checkpoint(folder)
        assert state["trainer"]["total_steps"] > steps
        steps = state["trainer"]["total_steps"]
    resumed = Simulation(options(resume=True), folder)
    assert resumed.next_frame().stats.total_steps == steps
    resumed.close()


def test_ctrl_c_ends_headless_training_with_a_checkpoint(tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from calf_gpu.app.config.visualization_config import VisualizationConfig\n"
        "from calf_gpu.app.training.headless import train\n"
        "train(VisualizationConfig(episodes=1000), Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", program, str(APPLICATION), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob(PATTERN)):
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert newest_checkpoint(tmp_path)[1]["trainer"]["total_steps"] > 0
