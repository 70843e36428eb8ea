"""Training in another process: steps arrive, commands go, and neither side's death leaves anything behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.commands import Pause, Restart, SetAgents, SetController
from calf_gpu.app.stream.frame import Frame, Status, Step, steps_after
from calf_gpu.app.stream.header import Header
from calf_gpu.app.stream.process import ProcessSource
from calf_gpu.app.training.checkpoint import newest_checkpoint
from calf_gpu.app.training.modes import POLICIES
from calf_gpu.app.training.worker import request
from offscreen import ROOT

PATIENCE = 60.0
WORKER = "calf_gpu.app.training.worker"


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


class Viewer:
    """What a viewer knows of a run in another process."""

    def __init__(self, run_dir: Path | None, module: str = WORKER, **options) -> None:
        config = VisualizationConfig.of(**{"n_agents": 20, "training": "process", **options})

        def ask(again: bool) -> dict:
            return request(config.replace(resume=True) if again else config, run_dir)

        self.source = ProcessSource(module, ask)
        self.header: Header | None = None
        self.frame: Frame | None = None
        self.statuses: list[Status] = []
        self.steps: list[Step] = []

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.source._process.pid)

    @property
    def phase(self) -> str:
        return self.statuses[-1].phase if self.statuses else ""

    def look(self) -> None:
        for message in self.source.receive():
            if isinstance(message, Header):
                self.header = message
            elif isinstance(message, Status):
                self.statuses.append(message)
            else:
                assert self.header is not None, "the header comes first"
                self.steps += steps_after(message, self.frame.number if self.frame is not None else -1)
                self.frame = message

    def see(self, condition: Callable[[], bool]) -> None:
        """Look until the condition holds."""

        def looked() -> bool:
            self.look()
            return condition()

        wait_for(looked)

    def number(self, name: str) -> float:
        return float(self.frame.numbers[self.header.index(name)])


@pytest.fixture
def viewer(tmp_path) -> Iterator[Viewer]:
    viewer = Viewer(tmp_path / "run")
    viewer.see(lambda: viewer.frame is not None)
    yield viewer
    viewer.source.close()


def test_steps_arrive_commands_go_and_closing_saves_and_leaves_nothing(viewer, tmp_path):
    assert viewer.statuses[0] == Status("starting")
    assert viewer.header.run == "run" and viewer.header.agents == viewer.frame.agents == 21
    first, begun = viewer.frame.number, len(viewer.steps)
    viewer.see(lambda: viewer.frame.number > first + 60)
    assert viewer.phase == "running"
    assert len(viewer.steps) - begun == viewer.frame.number - first, "a step is missing or shown twice"

    viewer.source.send(SetAgents(500))
    viewer.see(lambda: viewer.frame.agents == 501)
    viewer.source.send(Pause(True))
    viewer.see(lambda: viewer.phase == "paused")
    for _ in range(20):  # what was on its way
        viewer.look()
        time.sleep(0.02)
    paused_at = viewer.frame.number
    viewer.source.send(SetAgents(7))
    viewer.see(lambda: viewer.frame.agents == 8)
    viewer.source.send(SetController(POLICIES.index("nominal")))
    viewer.see(lambda: POLICIES[int(viewer.number("controller"))] == "nominal")
    assert viewer.frame.number == paused_at
    viewer.source.send(Pause(False))
    viewer.see(lambda: viewer.frame.number > paused_at and viewer.phase == "running")
    assert viewer.number("critic_queries") > 0

    process = viewer.process
    viewer.source.close()
    viewer.source.close()
    assert viewer.source._process.returncode == 0
    assert not process.is_running()
    assert newest_checkpoint(tmp_path / "run")[1]["step"] >= viewer.frame.number


def test_a_killed_trainer_is_noticed_within_a_second_and_can_be_started_again(viewer):
    viewer.source.send(SetAgents(9))
    viewer.see(lambda: viewer.frame.agents == 10)
    last, grid = viewer.frame, viewer.frame.grid
    viewer.process.kill()
    killed = time.monotonic()
    viewer.see(lambda: viewer.phase == "failed")
    assert time.monotonic() - killed < 1.0
    assert viewer.statuses[-1] == Status("failed", "the training process ended (exit code -9)")
    assert viewer.source.receive() == [], "it is told once"
    assert viewer.frame.number >= last.number

    viewer.source.send(SetController(POLICIES.index("td3")))  # nobody is there to hear it
    stale = viewer.frame
    viewer.source.send(Restart())
    viewer.look()
    assert viewer.phase == "starting"
    viewer.see(lambda: viewer.frame is not stale and viewer.frame.grid is not None)
    assert viewer.frame.grid is not grid
    assert viewer.frame.now.respawned.all() and viewer.frame.earlier == (), "no trail bridges the gap"
    viewer.see(lambda: viewer.phase == "running")
    assert viewer.statuses[-1].reason.startswith("resumed "), "from what it saved"
    viewer.see(lambda: POLICIES[int(viewer.number("controller"))] == "td3" and viewer.frame.agents == 10)


def test_a_trainer_that_cannot_start_says_why(tmp_path):
    (tmp_path / "run").write_text("a file where a folder should be")
    viewer = Viewer(tmp_path / "run")
    viewer.see(lambda: viewer.phase == "failed")
    assert viewer.statuses[-1].reason == f"run_dir {tmp_path / 'run'} is not a folder"
    viewer.look()
    assert [status.phase for status in viewer.statuses] == ["starting", "failed"], "it is told once"
    viewer.source.close()  # it was told, so it is no error now


def test_closing_a_trainer_that_still_starts_waits_for_nothing(tmp_path):
    viewer = Viewer(tmp_path / "run")
    process = viewer.process
    viewer.source.close()
    assert not process.is_running()


def test_ctrl_c_that_is_meant_for_the_viewer_does_not_reach_the_trainer(viewer):
    group = os.getpgid(viewer.process.pid)
    assert group == viewer.process.pid != os.getpgid(0)
    number = viewer.frame.number
    os.killpg(group, signal.SIGINT)  # and if it does, it goes on
    viewer.see(lambda: viewer.frame.number > number + 20)
    assert viewer.phase == "running"


def test_a_trainer_that_is_asked_to_end_by_others_saves_first(viewer, tmp_path):
    number = viewer.frame.number
    viewer.process.terminate()
    viewer.see(lambda: viewer.phase == "failed")
    assert viewer.source._process.returncode == 0
    assert newest_checkpoint(tmp_path / "run")[1]["step"] >= number


NOISY = """
import os, sys
import calf_gpu.app.systems

print("made")

class Noisy(calf_gpu.app.systems.PointMass):
    def derivative(self, states, actions):
        print("print", end="", flush=True)
        os.write(1, b"a library in C")
        sys.__stdout__.write("the old stream")
        return super().derivative(states, actions)
"""


def test_what_is_printed_in_the_trainer_does_not_disturb_the_stream(tmp_path, monkeypatch, capfd):
    (tmp_path / "mine.py").write_text(NOISY)
    monkeypatch.chdir(tmp_path)
    viewer = Viewer(tmp_path / "run", system="mine:Noisy")
    try:
        viewer.see(lambda: viewer.frame is not None and viewer.frame.number > 50)
        assert viewer.phase == "running"
    finally:
        viewer.source.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert "made" in err and "a library in C" in err


NONSENSE = """
import sys, time
sys.stdin.buffer.read(4)
sys.stdout.buffer.write({data!r})
sys.stdout.buffer.flush()
time.sleep({seconds})
"""


@pytest.mark.parametrize("seconds", [0, 1000])
@pytest.mark.parametrize(
    "data", [b"Hello, world! This is no message.", (11).to_bytes(4, "little") + b"Hello world", b""]
)
def test_a_program_that_talks_nonsense_has_failed(tmp_path, monkeypatch, data, seconds):
    if not data and seconds:
        pytest.skip("who says nothing still starts")
    (tmp_path / "nonsense.py").write_text(NONSENSE.format(data=data, seconds=seconds))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    viewer = Viewer(None, "nonsense")
    process = viewer.process
    viewer.see(lambda: viewer.phase == "failed")
    assert len(viewer.statuses[-1].reason.splitlines()) == 1
    assert "None" not in viewer.statuses[-1].reason
    viewer.source.close()
    assert not process.is_running()


def test_a_worker_started_by_hand_says_so_in_one_line():
    for data in (b"", b"hello\n", (4).to_bytes(4, "little") + b"null", (2).to_bytes(4, "little") + b"{}"):
        done = subprocess.run(
            [sys.executable, "-m", WORKER],
            input=data,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"error: this program is started by calf-gpu, not by hand\n"


def test_a_killed_viewer_leaves_a_checkpoint_and_no_process_and_the_run_can_be_viewed_again(tmp_path):
    script = f"""
        import time
        from pathlib import Path
        from test_process_source import Viewer
        viewer = Viewer(Path({str(tmp_path / "run")!r}), n_agents=5)
        viewer.see(lambda: viewer.frame is not None and viewer.number("total_steps") > 20)
        print(viewer.process.pid, viewer.frame.number, flush=True)
        time.sleep(1000)
    """
    paths = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    viewer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        pid, number = map(int, viewer.stdout.readline().split())
    finally:
        viewer.kill()
        viewer.wait()
        viewer.stdout.close()
    wait_for(lambda: not psutil.pid_exists(pid), 15)
    _, saved = newest_checkpoint(tmp_path / "run")
    assert saved["step"] >= number, "the trainer saved before it ended"

    again = Viewer(tmp_path / "run", n_agents=5, resume=True)
    try:
        again.see(lambda: again.frame is not None)
        assert again.frame.number >= saved["step"]
        assert again.number("total_steps") >= saved["trainer"]["total_steps"]
    finally:
        again.source.close()
