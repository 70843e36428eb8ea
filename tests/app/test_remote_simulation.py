"""Training in another process: states arrive, commands go, and neither side's death leaves anything behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import psutil
import pytest

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.remote_simulation import RemoteSimulation

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def is_gone(memory: str) -> bool:
    try:
        SharedMemory(memory).close()
    except FileNotFoundError:
        return True
    return False


@pytest.fixture
def simulation(tmp_path) -> Iterator[RemoteSimulation]:
    config = VisualizationConfig(n_agents=20, training="process")
    simulation = RemoteSimulation(config, tmp_path / "run")
    wait_for(lambda: simulation.next_frame() is not None)
    yield simulation
    simulation.close()


def test_steps_arrive_commands_go_and_closing_saves_and_leaves_nothing(simulation, tmp_path):
    memory = simulation._frames.name
    first = simulation.next_frame().step
    steps = []

    def look() -> bool:
        frame = simulation.next_frame()
        if not steps or frame.step != steps[-1]:
            steps.extend(range(frame.step - len(frame.earlier), frame.step + 1))
        return frame.step > first + 60

    wait_for(look)
    assert steps == list(range(steps[0], steps[0] + len(steps))), "a step is missing or shown twice"

    simulation.set_agent_count(500)
    wait_for(lambda: len(simulation.next_frame().states) == 500)
    simulation.set_paused(True)
    wait_for(lambda: simulation.next_frame().step == (time.sleep(0.3) or simulation.next_frame().step))
    paused_at = simulation.next_frame().step
    simulation.set_agent_count(7)
    wait_for(lambda: len(simulation.next_frame().states) == 7)
    assert simulation.next_frame().step == paused_at
    simulation.set_swarm_policy("nominal")
    wait_for(lambda: simulation.next_frame().stats.swarm_policy == "nominal")
    assert simulation.next_frame().step == paused_at
    simulation.set_paused(False)
    wait_for(lambda: simulation.next_frame().step > paused_at)
    wait_for(lambda: simulation.next_frame() is not None and simulation.critic_queries["swarm"] > 0)

    simulation.close()
    simulation.close()
    assert simulation._process.exitcode == 0
    assert is_gone(memory)
    assert any((tmp_path / "run").iterdir())


def test_a_killed_trainer_is_noticed_within_a_second_and_can_be_started_again(simulation):
    last = simulation.next_frame()
    os.kill(simulation._process.pid, signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: simulation.next_frame() is not None and simulation.failure is not None)
    assert time.monotonic() - killed < 1.0
    assert simulation.failure == "the training process ended (exit code -9)"
    assert simulation.next_frame().step >= last.step, "the last picture is kept"

    stale = simulation.next_frame()
    simulation.set_swarm_policy("td3")  # nobody is there to hear it
    simulation.restart()
    assert simulation.failure is None
    wait_for(
        lambda: simulation.next_frame() is not stale and simulation.next_frame().q_grid is not stale.q_grid
    )
    assert simulation.next_frame().respawned.shape == (20,)
    assert simulation.next_frame().stats.swarm_policy == "td3"


def test_a_trainer_that_cannot_start_says_why(tmp_path):
    (tmp_path / "run").write_text("a file where a folder should be")
    simulation = RemoteSimulation(VisualizationConfig(training="process"), tmp_path / "run")
    try:
        wait_for(lambda: (simulation.next_frame(), simulation.failure)[1] is not None)
        assert "\n" not in simulation.failure and "run" in simulation.failure
    finally:
        simulation.close()


def test_a_killed_renderer_leaves_a_checkpoint_and_neither_process_nor_memory(tmp_path):
    script = f"""
        import sys, time
        from pathlib import Path
        from calf_gpu.app.config.visualization_config import VisualizationConfig
        from calf_gpu.app.training.remote_simulation import RemoteSimulation
        if __name__ == "__main__":
            simulation = RemoteSimulation(VisualizationConfig(n_agents=5), Path({str(tmp_path / "run")!r}))
            while simulation.next_frame() is None or simulation.training_steps < 20:
                time.sleep(0.01)
            print(simulation._process.pid, simulation._frames.name, flush=True)
            time.sleep(1000)
    """
    program = tmp_path / "renderer.py"
    program.write_text(textwrap.dedent(script))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    renderer = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        pid, memory = renderer.stdout.readline().split()
    finally:
        renderer.kill()
        renderer.wait()
        renderer.stdout.close()
    wait_for(lambda: not psutil.pid_exists(int(pid)), 15)
    wait_for(lambda: is_gone(memory), 15)
    assert any((tmp_path / "run").iterdir()), "the trainer saved before it ended"
