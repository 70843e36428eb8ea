"""The process that trains: the simulation at its own pace, publishing every swarm step to shared memory."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.frame_state import Policy
from calf_gpu.app.training.quick_start import import_compiler_aside, put_off_compiler
from calf_gpu.app.training.shared_frames import SharedFrames, SharedLayout
from calf_gpu.app.utils.streams import ENDING

MAX_BACKLOG_S = 0.25
"""Swarm steps owed for longer than this are dropped: after a stall the swarm goes on, it does not race."""

MAX_LEAD_S = 0.02
"""Computing time by which the swarm may be ahead of training: a large swarm gets half of the time, not all."""

REPORT_INTERVAL_S = 0.1
"""Seconds between two reports of the critic counters."""

NICENESS = 5
"""Added to the process's niceness: where cores are scarce, frames come before gradient steps."""


def run_worker(
    config: VisualizationConfig,
    run_dir: Path | None,
    memory_name: str,
    layout: SharedLayout,
    commands: Connection,
) -> None:
    """Train until told to quit or until the other side is gone; then save a checkpoint and return.

    Commands are tuples of a word and values: ``("paused", bool)``, ``("count", int)``, ``("policy", name)``,
    ``("memory", name, layout)``, ``("step",)`` and ``("quit",)``. What goes back: ``("counters", dict)`` and, last,
    ``("failed", one line)`` if the simulation cannot go on.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the renderer tells us to quit
    try:
        worker = Worker(config, run_dir, memory_name, layout, commands)
        for number in set(ENDING) - {signal.SIGINT}:
            signal.signal(number, worker.stop)
        if hasattr(os, "nice"):
            os.nice(NICENESS)  # a start that yielded to frames would take long to show the first
        worker.run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the renderer is gone; the checkpoint is written
    except (ValueError, OSError, RuntimeError) as error:
        with suppress(OSError):
            commands.send(("failed", " ".join(str(error).split())))
        raise SystemExit(1) from None


class Worker:
    """The simulation with its clock, its shared memory and the pipe to the renderer.

    The parameters are those of :func:`run_worker`.
    """

    def __init__(
        self,
        config: VisualizationConfig,
        run_dir: Path | None,
        memory_name: str,
        layout: SharedLayout,
        commands: Connection,
    ) -> None:
        from calf_gpu.app.training.simulation import Simulation  # imports torch, which takes seconds

        put_off_compiler()
        self._commands = commands
        self._frames = SharedFrames.attach(memory_name, layout)
        self._simulation = Simulation(config, run_dir)
        self._interval = 1.0 / config.sim_rate if config.sim_rate > 0 else None
        self._paused = False
        self._running = True
        self._next_swarm = time.monotonic()
        self._lead = 0.0  # seconds that the swarm has computed longer than training
        self._next_report = 0.0

    def stop(self, *_: object) -> None:
        """End :meth:`run` after the present step; can be a signal's handler."""
        self._running = False

    def run(self) -> None:
        """Step until told to quit or the pipe closes; saves a checkpoint on the way out in either case."""
        try:
            self._frames.publish(self._simulation.next_frame())
            import_compiler_aside()
            while self._running:
                self._obey(self._patience())
                if self._running and not self._paused:
                    self._train()
                    self._swarm_steps_due()
                    self._simulation.keep_episode()
                self._report()
        finally:
            self._simulation.close()
            self._frames.close()

    def _patience(self) -> float:
        """Seconds to wait for a command: none while there is something to train."""
        if self._paused:
            return REPORT_INTERVAL_S
        if not self._simulation.finished:
            return 0.0
        until_swarm = self._next_swarm - time.monotonic() if self._interval else REPORT_INTERVAL_S
        return min(max(until_swarm, 0.0), REPORT_INTERVAL_S)

    def _obey(self, patience: float) -> None:
        while self._running and self._commands.poll(patience):
            word, *values = self._commands.recv()
            getattr(self, f"_on_{word}")(*values)
            patience = 0.0

    def _train(self) -> None:
        start = time.monotonic()
        self._simulation.train_step()
        lead = self._lead - (time.monotonic() - start)
        self._lead = 0.0 if self._simulation.finished else max(lead, 0.0)

    def _swarm_steps_due(self) -> None:
        if self._interval is None:
            return
        now = time.monotonic()
        self._next_swarm = max(self._next_swarm, now - MAX_BACKLOG_S)
        while self._next_swarm <= now and self._lead < MAX_LEAD_S:
            start = time.monotonic()
            self._frames.publish(self._simulation.swarm_step())
            self._next_swarm += self._interval
            self._lead += time.monotonic() - start

    def _report(self) -> None:
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + REPORT_INTERVAL_S
            self._commands.send(("counters", self._counters()))

    def _counters(self) -> dict[str, Any]:
        simulation = self._simulation
        return {
            "critic_queries": dict(simulation.critic_queries),
            "critic_rows": dict(simulation.critic_rows),
            "training_steps": simulation.trainer.total_steps,
            "stopped": simulation.stopped,
        }

    def _on_paused(self, paused: bool) -> None:
        self._paused = paused
        self._simulation.set_paused(paused)
        self._next_swarm = time.monotonic()
        self._publish_if_paused()

    def _on_count(self, count: int) -> None:
        self._simulation.set_agent_count(count)
        self._publish_if_paused()

    def _on_policy(self, policy: Policy) -> None:
        self._simulation.set_swarm_policy(policy)
        self._publish_if_paused()

    def _on_memory(self, name: str, layout: SharedLayout) -> None:
        self._frames.close()
        self._frames = SharedFrames.attach(name, layout)

    def _on_step(self) -> None:
        """One swarm step for one frame, where the picture sets the pace (``sim_rate`` 0)."""
        if not self._paused:
            self._frames.publish(self._simulation.swarm_step())

    def _publish_if_paused(self) -> None:
        """While paused the state has exact values and the number of agents asked for."""
        if self._paused:
            self._frames.publish(self._simulation.next_frame())

    def _on_quit(self) -> None:
        self.stop()
