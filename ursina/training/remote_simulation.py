"""The renderer's side of training in another process: a frame source that never waits for a gradient step."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.frame_state import FrameState, Policy
from calf_gpu.app.training.shared_frames import SharedFrames, SharedLayout
from calf_gpu.app.training.worker import run_worker

MIN_CAPACITY = 64
"""Agents that the shared memory has room for at least, so that a few more need no new one."""

CLOSE_TIMEOUT_S = 15.0
"""Seconds the trainer has for its last checkpoint before it is ended."""


class RemoteSimulation:
    """Training and swarm in a process of their own, as a source of frame states.

    Parameters
    ----------
    config
        Options of the program.
    run_dir
        Folder for checkpoints, scalars and the reward plot; None keeps nothing.

    Attributes
    ----------
    system
        The system shown.
    failure
        One line saying why the trainer ended, None while it runs. The last picture stays; see :meth:`restart`.
    stopped
        One line saying why training stopped though its process and the swarm go on, None while it trains.
    """

    def __init__(self, config: VisualizationConfig, run_dir: Path | None = None) -> None:
        self.config = config
        self.system = SYSTEMS[config.system]
        self.failure: str | None = None
        self.stopped: str | None = None
        self._run_dir = run_dir
        self._count = config.n_agents
        self._policy: Policy = config.swarm_policy
        self._paused = False
        self._counters: dict[str, Counter[str]] = {"critic_queries": Counter(), "critic_rows": Counter()}
        self._training_steps = 0
        self._frame: FrameState | None = None
        self._closed = False
        _start_tracker()
        self._frames = self._new_memory(self._count)
        self._fresh = True
        self._step_asked = False
        self._start(config)

    @property
    def starting(self) -> bool:
        """Whether the trainer is being started and has shown nothing yet."""
        return self._fresh and self.failure is None

    @property
    def critic_queries(self) -> Mapping[str, int]:
        """Calls of the critic by purpose, as of a tenth of a second ago."""
        return self._counters["critic_queries"]

    @property
    def critic_rows(self) -> Mapping[str, int]:
        """State-action pairs that the critic valued, by purpose, as of a tenth of a second ago."""
        return self._counters["critic_rows"]

    @property
    def training_steps(self) -> int:
        """Training steps made, as of a tenth of a second ago."""
        return self._training_steps

    def next_frame(self) -> FrameState | None:
        """Return the newest state; the last one without ``earlier`` steps if there is none newer, None before any."""
        self._listen()
        newer = self._frames.read()
        if newer is not None:
            self._step_asked = False
        if self.config.sim_rate == 0 and not self._step_asked:
            # One at a time: a trainer that hangs must not let the pipe fill up, or we would hang too.
            self._step_asked = True
            self._send("step")
        if newer is not None:
            self._frame = _everything_starts(newer) if self._fresh else newer
            self._fresh = False
        elif self._frame is not None and self._frame.earlier:
            self._frame = replace(self._frame, earlier=())
        return self._frame

    def set_paused(self, paused: bool) -> None:
        """Stop or continue training and swarm."""
        self._paused = paused
        self._step_asked = False  # a paused trainer takes no steps
        self._send("paused", paused)

    def set_agent_count(self, count: int) -> None:
        """Show ``count`` ≥ 1 agents from one of the next frames on.

        Raises
        ------
        ValueError
            If ``count`` is less than 1.
        OSError
            If there is no shared memory for so many; the number stays as it was.
        """
        if count < 1:
            raise ValueError(f"agent count accepts integers from 1, got {count}")
        if count > self._frames.layout.capacity:
            smaller = self._frames
            self._frames = self._new_memory(count)
            self._send("memory", self._frames.name, self._frames.layout)
            smaller.close()
        self._count = count
        self._send("count", count)

    def set_swarm_policy(self, policy: Policy) -> None:
        """Let CALF, the bare actor or the nominal policy control the swarm from one of the next steps on."""
        self._policy = policy
        self._send("policy", policy)

    def restart(self) -> None:
        """Start the trainer again after it stopped, from the newest checkpoint of the run if there is one.

        Raises
        ------
        OSError
            If there is no shared memory for it; all stays as it was.
        """
        memory = self._new_memory(self._count)
        self._send("quit")
        self._end_process()
        self._frames.close()
        resume = self._run_dir is not None and self._run_dir.is_dir()
        self._frames = memory
        self._fresh = True
        self._step_asked = False
        now = replace(self.config, n_agents=self._count, swarm_policy=self._policy, resume=resume)
        self._start(now)
        self.failure = self.stopped = None

    def close(self) -> None:
        """Have the trainer save and end, and release the shared memory. Safe to call twice.

        Raises
        ------
        OSError
            If its last checkpoint cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        known = self.failure
        starting = self._fresh
        if starting:
            self._process.kill()  # still starting: there is nothing to save and no need to wait
        self._send("quit")
        self._end_process()
        self._frames.close()
        if known is None and not starting and self._process.exitcode:
            raise OSError(self.failure)

    def _start(self, config: VisualizationConfig) -> None:
        # A forked copy of a process with a GL context cannot work.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=run_worker,
            args=(config, self._run_dir, self._frames.name, self._frames.layout, theirs),
            name="calf-trainer",
        )
        self._process.start()
        theirs.close()  # so that the pipe breaks when either side ends
        if self._paused:
            self._send("paused", True)

    def _new_memory(self, count: int) -> SharedFrames:
        capacity = max(MIN_CAPACITY, count * 3 // 2)
        return SharedFrames.create(SharedLayout(capacity, self.system.state_dim, self.config.grid_size))

    def _send(self, word: str, *values: object) -> None:
        with suppress(OSError):  # the trainer has ended; _listen says so
            self._pipe.send((word, *values))

    def _listen(self) -> None:
        """Take in what the trainer reported; notice its end."""
        pipe: Connection = self._pipe
        try:
            while self.failure is None and pipe.poll():
                word, content = pipe.recv()
                if word == "failed":
                    self.failure = content
                    return
                self._counters["critic_queries"] = Counter(content["critic_queries"])
                self._counters["critic_rows"] = Counter(content["critic_rows"])
                self._training_steps = content["training_steps"]
                self.stopped = content["stopped"]
        except (EOFError, OSError):
            self._process.join(timeout=1.0)
            self.failure = f"the training process ended (exit code {self._process.exitcode})"

    def _end_process(self) -> None:
        self._process.join(timeout=CLOSE_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._listen()
        self._pipe.close()


def _start_tracker() -> None:
    """Start the process that removes shared memory which others leave behind, deaf to a terminal that closes.

    It ignores the other signals by itself; signals ignored when it starts stay so.
    """
    hangup = getattr(signal, "SIGHUP", None)
    before = signal.signal(hangup, signal.SIG_IGN) if hangup is not None else None
    try:
        resource_tracker.ensure_running()
    finally:
        if hangup is not None:
            signal.signal(hangup, before)


def _everything_starts(frame: FrameState) -> FrameState:
    """Mark every agent as starting here: what a new trainer shows does not continue any trail."""
    return replace(frame, respawned=np.ones_like(frame.respawned), training_respawned=True)
