"""A training as a publisher of frames: deterministic, resumable, honest about critic queries."""

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.codec import Decoder, encode
from calf_gpu.app.stream.commands import Advance, Pause, Restart, SetAgents, SetController, Stop
from calf_gpu.app.stream.frame import Frame, Status
from calf_gpu.app.stream.header import Header
from calf_gpu.app.stream.inline import InlineSource
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.checkpoint import PATTERN, newest_checkpoint
from calf_gpu.app.training.headless import train
from calf_gpu.app.training.landscape import grid_points
from calf_gpu.app.training.modes import POLICIES, Mode
from calf_gpu.app.training.numbers import PHASES
from calf_gpu.app.training.publication import Publication
from scene_frames import NUMBERS, make_header

APPLICATION = Path(__file__).resolve().parents[2]
SINCE_THE_START = ("critic_queries", "critic_queries_display", "critic_rows")
"""Numbers that count from 0 in each process."""


def options(**values):
    return VisualizationConfig.of(**{"n_agents": 4, "grid_size": 7, **values})


class Run:
    """A publication, and what its viewer gets of it frame by frame."""

    def __init__(self, run_dir=None, profiler=None, **values):
        self.publication = Publication(options(**values), run_dir, profiler)
        self.source = InlineSource(self.publication)
        self.trainer = self.publication.run.trainer
        self.learner = self.trainer.learner
        self.header = self.publication.header

    def frame(self) -> Frame:
        """Return the next frame; there has to be one."""
        (frame,) = [message for message in self.source.receive() if isinstance(message, Frame)]
        return frame

    def number(self, frame: Frame, name: str) -> float:
        return float(frame.numbers[self.header.index(name)])

    def end_episode(self) -> None:
        """Have the next step be the last of all training agents' episodes."""
        self.trainer.episode_steps[:] = self.trainer.system.max_episode_steps - 1

    def without_counters(self, frame: Frame) -> Frame:
        numbers = frame.numbers.copy()
        numbers[[self.header.index(name) for name in SINCE_THE_START]] = 0.0
        return msgspec.structs.replace(frame, numbers=numbers)


def digest(frame, hasher=None):
    """Return the SHA-256 of everything in a frame."""
    hasher = hasher or hashlib.sha256()
    hasher.update(f"{frame.number} {frame.grid.version} {len(frame.earlier)}".encode())
    now = frame.now
    values = np.zeros(0) if frame.values is None else frame.values
    for array in (now.states, now.modes, now.respawned, frame.numbers, frame.grid.values, values):
        hasher.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return hasher.hexdigest()


def digest_of(run, frames):
    hasher = hashlib.sha256()
    for _ in range(frames):
        result = digest(run.frame(), hasher)
    return result


@pytest.mark.parametrize("system", SYSTEMS)
def test_same_seed_same_frames(system):
    first, second, other = (Run(system=system, seed=seed) for seed in (3, 3, 4))
    assert digest_of(first, 300) == digest_of(second, 300)
    assert first.learner.version > 0, "training took part"
    assert digest(other.frame()) != digest(Run(system=system, seed=3).frame())


def test_interleaved_runs_do_not_disturb_each_other():
    alone = digest_of(Run(seed=5), 200)
    run, other = Run(seed=5), Run(seed=6)
    hasher = hashlib.sha256()
    for _ in range(200):
        other.frame()
        np.random.rand(3)
        last = digest(run.frame(), hasher)
    assert last == alone


@pytest.mark.parametrize("system", SYSTEMS)
def test_frames_have_the_promised_shapes_and_count_up(system):
    run = Run(system=system)
    dim = SYSTEMS[system].state_dim
    for number in range(5):
        frame = run.frame()
        now = frame.now
        agents = run.trainer.parameters.training_agents
        assert run.number(frame, "total_steps") == agents * frame.number == agents * number
        assert frame.earlier == ()
        assert (frame.values is not None) == run.header.hidden == (dim > 2)
        assert (frame.grid.values.shape, frame.grid.values.dtype) == ((7, 7), np.float32)
        assert (now.states.shape, now.states.dtype) == ((5, dim), np.float32)
        assert (now.modes.shape, now.modes.dtype) == ((5,), np.uint8)
        assert (now.respawned.shape, now.respawned.dtype) == ((5,), np.bool_)
        np.testing.assert_array_equal(now.states[0], run.trainer.state.astype(np.float32))
        np.testing.assert_array_equal(now.states[1:], run.publication.swarm.states.astype(np.float32))
        assert now.modes[0] == run.trainer.mode
        assert set(now.modes) <= set(Mode)
        assert now.respawned.all() == now.respawned.any() == (number == 0)


@pytest.mark.parametrize("system", SYSTEMS)
def test_header_says_what_the_frames_hold(system):
    run = Run(system=system)
    header, status, frame = run.source.receive()
    assert isinstance(header, Header) and header is run.header
    assert status == Status("running")
    shown = SYSTEMS[system]
    assert [axis.title for axis in header.axes] == list(shown.axis_labels)
    assert header.extent == shown.plane_extent
    assert header.heading == shown.heading_axis
    assert header.goal.state == tuple(shown.goal) and header.goal.radius == shown.goal_radius
    assert (header.agent, header.agents) == (True, frame.agents)
    assert header.agents == 5
    assert [category.name for category in header.categories] == [mode.name.lower() for mode in Mode]
    assert len(header.controllers) == len(POLICIES)
    assert len(frame.numbers) == len(header.numbers)
    assert header.rule.kappa == shown.kappa
    (again,) = run.source.receive()  # header and status once
    assert isinstance(again, Frame)
    decoder = Decoder()
    assert decoder.decode(encode(header)) == header
    np.testing.assert_array_equal(decoder.decode(encode(again)).now.states, again.now.states)


def test_header_of_a_run_without_a_check_speaks_of_no_certificate():
    run = Run(rule="none")
    assert run.header.rule is None and run.header.chart is None
    names = {number.name for number in run.header.numbers}
    assert not names & {"q_certified", "q_next", "kappa_valid", "certification_rate", "relax_probability"}
    assert not {"CALF", "κ bounds"} & {number.block for number in run.header.numbers}
    assert "certified" not in run.header.categories[Mode.TD3].label
    for _ in range(20):
        frame = run.frame()
        assert len(frame.numbers) == len(run.header.numbers)
        assert (frame.now.modes == Mode.TD3).all()


def test_header_made_up_for_tests_is_like_a_real_one():
    header = Run(n_agents=5, grid_size=21).header
    made_up = make_header()
    places = {(number.name, number.block, number.format) for number in header.numbers}
    assert {(number.name, number.block, number.format) for number in NUMBERS} <= places
    for name in ("axes", "plane", "critic", "agents", "goal", "chart", "controlled_by", "episode"):
        assert getattr(made_up, name) == getattr(header, name), name
    for name in ("categories", "controllers"):
        assert len(getattr(made_up, name)) == len(getattr(header, name)), name


def test_published_arrays_are_never_written_again():
    run = Run()
    frames = [run.frame() for _ in range(30)]
    digests = [digest(frame) for frame in frames]
    run.source.send(SetAgents(2))
    for _ in range(250):
        run.frame()
    assert [digest(frame) for frame in frames] == digests


@pytest.mark.parametrize("action", ["actor", "zero"])
def test_grid_is_the_critic_on_the_plane(action):
    run = Run(system="differential_drive", q_action=action, q_grid_interval=1)
    for _ in range(180):
        frame = run.frame()
    nodes, heading = np.linspace(-3.5, 3.5, 7), run.trainer.state[2]
    for row, column in ((0, 0), (0, 6), (6, 0), (2, 5)):
        state = np.array([[nodes[column], nodes[row], heading]])
        actions = run.learner.actions(state) if action == "actor" else np.zeros((1, 2))
        expected = run.learner.q_values(state, actions, "test")[0]
        assert frame.grid.values[row, column] == pytest.approx(expected, rel=1e-5)
    states = np.vstack([run.trainer.state, run.publication.swarm.states])
    actions = run.learner.actions(states) if action == "actor" else np.zeros((5, 2))
    np.testing.assert_allclose(frame.values, run.learner.q_values(states, actions, "test"), rtol=1e-5)
    assert frame.values.dtype == np.float32
    assert run.number(frame, "q_least") == frame.grid.values.min()
    assert run.number(frame, "q_greatest") == frame.grid.values.max()
    assert ("action 0" in run.header.critic) == (action == "zero")


def test_bad_values_of_the_critic_are_counted_and_not_in_its_range(monkeypatch):
    run = Run()
    values = np.linspace(-9.0, -1.0, 49)
    values[[3, 20, 48]] = np.nan, np.inf, -1e38
    monkeypatch.setattr(run.learner, "q_values", lambda states, actions, purpose: values)
    run.publication.landscape.update(run.trainer.state)
    monkeypatch.undo()
    frame = run.frame(), run.frame()
    assert run.number(frame[1], "bad_cells") == 3
    assert run.number(frame[1], "q_least") == -9.0
    assert run.number(frame[1], "q_greatest") == np.float32(values[47])


def test_grid_points_run_along_rows():
    points = grid_points((0.0, 3.0, 10.0, 20.0), 4).reshape(4, 4, 2)
    np.testing.assert_allclose(points[2, :, 0], [0, 1, 2, 3])
    np.testing.assert_allclose(points[:, 1, 1], [10, 10 + 10 / 3, 10 + 20 / 3, 20])


def test_grid_is_evaluated_when_due_and_changed_only():
    run = Run(q_grid_interval=10)
    changes, learning = [], []
    last = run.frame()
    for _ in range(200):
        version = run.learner.version
        frame = run.frame()
        changed = frame.grid.version != last.grid.version
        assert changed != np.array_equal(frame.grid.values, last.grid.values)
        assert (frame.grid is last.grid) != changed
        if changed:
            assert frame.grid.version == last.grid.version + 1
            changes.append(frame.number)
        if run.learner.version != version:
            learning.append(frame.number)
        last = frame
    first_due = -(-learning[0] // 10) * 10
    assert changes == list(range(first_due, 201, 10))
    assert run.learner.queries["grid"] == len(changes) + 1
    assert run.learner.rows["grid"] == 49 * (len(changes) + 1)
    counted = sum(run.learner.queries.values()), sum(run.learner.rows.values())
    assert (run.number(last, "critic_queries"), run.number(last, "critic_rows")) == counted
    assert run.number(last, "critic_queries_display") == run.learner.queries["grid"]
    assert run.learner.queries["swarm"] == 200


@pytest.mark.parametrize("system", SYSTEMS)
def test_numbers_of_the_check_are_those_of_the_decision_and_ask_the_critic_nothing(system):
    run = Run(system=system, stats="every_frame", q_grid_interval=10_000)
    for _ in range(60):
        frame = run.frame()
        for name in ("q_value", "q_required", "q_before", "distance", "kappa_low", "kappa_up"):
            field = {"q_value": "q", "q_before": "q_certified"}.get(name, name)
            shown = run.number(frame, name)
            assert shown == getattr(run.trainer.check, field) or np.isnan(shown), name
    assert set(run.learner.queries) <= {"training", "swarm", "grid"}
    assert run.number(frame, "q_certified") == run.trainer.calf.q_certified[0]


def test_paused_shows_the_same_state_once_more():
    run = Run()
    for _ in range(160):
        before = run.frame()
    run.source.send(Pause(True))
    queries = dict(run.learner.queries)
    status, paused = run.source.receive()
    assert status == Status("paused")
    assert paused.number == before.number
    np.testing.assert_array_equal(paused.now.states, before.now.states)
    np.testing.assert_array_equal(paused.numbers, before.numbers)
    assert run.source.receive() == []
    run.source.send(Pause(True))
    assert digest(run.frame()) == digest(paused)
    assert run.source.receive() == []
    assert dict(run.learner.queries) == queries
    run.source.send(Pause(False))
    status, frame = run.source.receive()
    assert (status.phase, frame.number) == ("running", paused.number + 1)


def test_a_paused_run_goes_on_step_by_step_as_one_that_runs():
    paused, running = Run(), Run()
    for run in (paused, running):
        for _ in range(30):
            run.frame()
    running.source.send(Advance())  # means nothing to a run that runs
    paused.source.send(Pause(True))
    paused.source.receive()
    for _ in range(5):
        paused.source.send(Advance())
        (stepped,) = paused.source.receive()
        assert digest(stepped) == digest(running.frame())
        assert paused.source.receive() == []


@pytest.mark.parametrize("paused", [False, True])
def test_agent_count_changes_at_the_end_of_the_arrays(paused):
    run, same = Run(), Run()
    for _ in range(20):
        run.frame()
        before = same.frame()
    if paused:
        run.source.send(Pause(True))
    run.source.send(SetAgents(7))
    frame = run.frame()
    expected = before if paused else same.frame()
    assert frame.number == expected.number
    np.testing.assert_array_equal(frame.now.states[:5], expected.now.states)
    np.testing.assert_array_equal(frame.now.respawned, [False] * 5 + [True] * 3)
    assert run.number(frame, "agents") == 7
    run.source.send(SetAgents(2))
    assert run.frame().now.states.shape == (3, 2)
    with pytest.raises(ValueError, match="agent count accepts integers from 1 to 100000, got 0"):
        SetAgents(0)


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("policy", ["td3", "nominal", "calf"])
def test_the_swarms_policy_changes_in_the_next_step_with_new_certificates(policy, paused):
    run = Run(swarm_policy="nominal" if policy == "calf" else "calf", n_agents=50)
    for _ in range(20):
        before = run.frame()
    place = POLICIES.index(policy)
    if paused:
        run.source.send(Pause(True))
    run.source.send(SetController(place))
    if paused:
        shown = run.frame()
        assert (shown.number, run.number(shown, "controller")) == (before.number, place)
        np.testing.assert_array_equal(shown.now.states, before.now.states)
        run.source.send(Pause(False))
    frame = run.frame()
    assert run.number(frame, run.header.controlled_by) == place
    modes, staying = frame.now.modes[1:], ~frame.now.respawned[1:]
    first = {"td3": Mode.TD3, "nominal": Mode.NOMINAL, "calf": Mode.NOMINAL}[policy]
    assert set(modes[staying]) == {first}, "the first action under CALF is the stabilizer's"
    if policy == "calf":
        certified = run.publication.swarm.calf.q_certified
        assert np.isfinite(certified[staying]).all()
        certified[:] = -1e6
        run.source.send(SetController(place))
        assert (certified == -1e6).all(), "the same policy again changes nothing"


@pytest.mark.parametrize("index", [3, 10**6])
def test_a_controller_that_does_not_exist_changes_nothing(index):
    run, same = Run(), Run()
    run.frame(), same.frame()
    run.source.send(SetController(index))
    assert digest(run.frame()) == digest(same.frame())
    with pytest.raises(ValueError, match="got -1"):
        SetController(-1)


@pytest.mark.parametrize("command", [Stop(), Restart()])
def test_a_run_inside_the_viewer_is_ended_by_the_viewer_alone(command):
    run, same = Run(), Run()
    run.frame(), same.frame()
    run.source.send(command)
    assert digest(run.frame()) == digest(same.frame())


def test_training_ends_with_the_episodes_and_the_swarm_goes_on():
    run = Run(episodes=1)
    run.frame()
    run.end_episode()
    frame = run.frame()
    assert PHASES[int(run.number(frame, "phase"))] == "finished"
    steps, states = run.trainer.total_steps, frame.now.states
    frame = run.frame()
    assert run.number(frame, "total_steps") == steps
    np.testing.assert_array_equal(frame.now.states[0], states[0])
    assert not np.array_equal(frame.now.states[1:], states[1:])


def test_profiler_sees_the_sections():
    entered = Counter()

    class Profiler:
        @contextmanager
        def section(self, name):
            entered[name] += 1
            yield

    digest_of(Run(q_grid_interval=10, profiler=Profiler()), 151)
    assert entered["training"] == entered["swarm"] == 150
    assert 0 < entered["heatmap"] <= 15


def test_resumed_run_continues_exactly(tmp_path):
    whole = Run(seed=2)
    part = Run(tmp_path / "run", seed=2)
    for _ in range(173):
        whole.frame()
        last = part.frame()
    part.source.close()
    part.source.close()
    resumed = Run(tmp_path / "run", seed=2, resume=True)
    _, status, first = resumed.source.receive()
    assert status == Status("running", f"resumed {tmp_path / 'run'} at step 172, episode 0")
    assert digest(resumed.without_counters(first)) == digest(part.without_counters(last))
    for _ in range(60):
        frame, expected = resumed.frame(), whole.frame()
        assert digest(resumed.without_counters(frame)) == digest(whole.without_counters(expected))
    resumed.source.close()


def test_resumed_run_takes_other_picture_options(tmp_path):
    run = Run(tmp_path)
    for _ in range(140):
        last = run.frame()
    run.source.close()
    resumed = Run(tmp_path, resume=True, n_agents=6, grid_size=5)
    frame = resumed.frame()
    assert frame.grid.values.shape == (5, 5)
    np.testing.assert_array_equal(frame.now.states[:5], last.now.states)
    assert frame.agents == resumed.frame().agents == 7
    resumed.source.close()


@pytest.fixture
def short_episodes(monkeypatch):
    for name, system in SYSTEMS.items():
        monkeypatch.setitem(SYSTEMS, name, dataclasses.replace(system, max_episode_steps=150))


@pytest.mark.usefixtures("short_episodes")
def test_pictures_take_up_a_run_trained_without_them(tmp_path):
    trainer = train(options(episodes=1), tmp_path)
    run = Run(tmp_path, resume=True)
    frame = run.frame()
    assert run.number(frame, "total_steps") == trainer.total_steps
    np.testing.assert_array_equal(frame.now.states[0], trainer.state.astype(np.float32))
    run.learner.load_state_dict(trainer.learner.state_dict())
    before = frame.grid.values
    run.publication.landscape.update(trainer.state)
    np.testing.assert_array_equal(run.publication.landscape.grid.values, before)
    run.source.close()


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
    run = Run(tmp_path, checkpoint_interval=2)
    saved = []
    for _ in range(5):
        run.end_episode()
        run.frame()
        saved.append(len(list(tmp_path.glob(PATTERN))))
    assert saved == [1, 1, 2, 2, 3]  # the first frame shows the start
    run.source.close()


def test_new_run_does_not_mix_with_an_old_one(tmp_path):
    Run(tmp_path).source.close()
    with pytest.raises(ValueError, match=r"holds a run; resume it or choose another folder"):
        Run(tmp_path)
    with pytest.raises(ValueError, match="does not exist, so there is nothing to resume"):
        Run(tmp_path / "missing", resume=True)
    with pytest.raises(ValueError, match="of system point_mass, not differential_drive"):
        Run(tmp_path, system="differential_drive", resume=True)


def test_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    (tmp_path / ".checkpoint-000000000.safetensors.tmp").write_bytes(b"half")
    run = Run(tmp_path, resume=True)
    assert run.frame().number == 0
    run.source.close()


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.publication import Publication
folder = Path(sys.argv[2])
publication = Publication(VisualizationConfig.of(n_agents=4, grid_size=7, resume=folder.exists()), folder)
print("ready", flush=True)
while True:
    publication.advance()
    publication.run.save()
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
    resumed = Run(folder, resume=True)
    assert resumed.number(resumed.frame(), "total_steps") == steps
    resumed.source.close()


def test_ctrl_c_ends_headless_training_with_a_checkpoint(tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from calf_gpu.app.config.visualization_config import VisualizationConfig\n"
        "from calf_gpu.app.training.headless import train\n"
        "train(VisualizationConfig.of(episodes=1000), Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", program, str(APPLICATION), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob(PATTERN)):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert newest_checkpoint(tmp_path)[1]["trainer"]["total_steps"] > 0
