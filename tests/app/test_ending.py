"""How the program ends when others end it: signals, streams that are closed, a trainer that dies or hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.commands import Pause
from calf_gpu.app.stream.frame import Frame
from calf_gpu.app.stream.process import ProcessSource
from calf_gpu.app.training.checkpoint import PATTERN, newest_checkpoint
from calf_gpu.app.training.worker import request
from offscreen import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and streams")

PICTURES = ["--offscreen", "--size", "160x90", "--n-agents", "2", "--frames", "100000"]
WAYS = {
    "process": [*PICTURES, "--training", "process"],
    "inline": [*PICTURES, "--training", "inline"],
    "alone": ["--no-render", "--episodes", "100000"],
}


def start(folder: Path, *args: str, **streams) -> subprocess.Popen:
    """Start the program in a group of its own, and wait until it trains."""
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    program = subprocess.Popen(
        [sys.executable, str(ROOT / "ursina" / "main.py"), *args, "--run-dir", str(folder / "run")],
        env={**environment, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **streams},
    )
    films = "--offscreen" in args and "--profile" not in args
    while program.poll() is None and not list(
        (folder / "run").glob(".preview.part.mp4" if films else PATTERN)
    ):
        time.sleep(0.02)
    time.sleep(1.0)
    return program


def trainers(program: subprocess.Popen) -> list[psutil.Process]:
    """Processes that train for a program."""
    children = psutil.Process(program.pid).children()
    return [child for child in children if "calf_gpu.app.training.worker" in child.cmdline()]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_processes_saves_and_leaves_nothing(tmp_path, way, number):
    program = start(tmp_path, *WAYS[way])
    assert len(trainers(program)) == (way == "process")
    children = psutil.Process(program.pid).children(recursive=True)
    os.killpg(program.pid, number)
    for trainer in trainers(program):  # a group of its own; service managers reach it all the same
        trainer.send_signal(number)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    assert "Traceback" not in err
    assert newest_checkpoint(tmp_path / "run")[1]["trainer"]["total_steps"] > 0, "what was learned is saved"
    psutil.wait_procs(children, timeout=15)
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_stop_nothing(tmp_path, closed):
    args = [*PICTURES[:-1], "5", "--training", "process", "--run-dir", str(tmp_path / "run")]
    program = [sys.executable, str(ROOT / "ursina" / "main.py"), *args]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "run" / "preview.png").exists()


def test_a_reader_that_leaves_stops_nothing(tmp_path):
    read, write = os.pipe()
    os.close(read)
    args = [*PICTURES[:-1], "60", "--training", "inline", "--profile", str(tmp_path / "numbers.json")]
    program = start(tmp_path, *args, stdout=write)
    os.close(write)
    _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (0, "")
    assert (tmp_path / "numbers.json").exists()


def test_offscreen_a_dead_trainer_ends_the_run_in_one_line(tmp_path):
    program = start(tmp_path, *WAYS["process"])
    (trainer,) = trainers(program)
    trainer.kill()
    _, err = program.communicate(timeout=30)
    assert program.returncode == 1
    assert err == "error: the training process ended (exit code -9)\n"


def test_a_trainer_that_hangs_never_holds_up_a_frame(tmp_path):
    config = VisualizationConfig.of(n_agents=2, training="process", sim_rate=0.0)
    source = ProcessSource("calf_gpu.app.training.worker", lambda again: request(config, tmp_path / "run"))
    shown: list[int] = []

    def look() -> None:
        shown.extend(message.number for message in source.receive() if isinstance(message, Frame))

    def look_until(count: int) -> None:
        end = time.monotonic() + 60
        while len(shown) < count:
            look()
            assert time.monotonic() < end

    try:
        look_until(20)
        assert shown == list(range(20)), "each frame that is shown asks for the next step"
        os.kill(source._process.pid, signal.SIGSTOP)
        for _ in range(200_000):  # a pipe takes far fewer requests
            look()
        os.kill(source._process.pid, signal.SIGCONT)
        source.send(Pause(True))
        source.send(Pause(False))
        look_until(len(shown) + 4)
    finally:
        os.kill(source._process.pid, signal.SIGCONT)
        source.close()
