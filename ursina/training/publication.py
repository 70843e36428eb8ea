"""A training and a swarm under its critic, published frame by frame."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.commands import Advance, Command, Pause, SetAgents, SetController
from calf_gpu.app.stream.frame import Frame, Status, Step
from calf_gpu.app.training.checkpoint import check_fits, without_rows
from calf_gpu.app.training.description import describe
from calf_gpu.app.training.landscape import Landscape
from calf_gpu.app.training.modes import POLICIES
from calf_gpu.app.training.numbers import picture_numbers, read
from calf_gpu.app.training.run import State, TrainingRun
from calf_gpu.app.training.swarm import Swarm


class Profiler(Protocol):
    """Whatever can time the sections of a frame."""

    def section(self, name: str) -> AbstractContextManager[Any]:
        """Time the block under a name."""


class _NoProfiler:
    def section(self, name: str) -> AbstractContextManager[Any]:
        return nullcontext()


class Publication:
    """A publisher that trains: each frame is one step of the trainer and one of the swarm.

    The first frame shows the start, or the state resumed from. Everything random comes from the option ``seed``, so
    equal options give equal frames; a resumed run continues as the saved one would have.

    Parameters
    ----------
    config, run_dir
        As for :class:`~calf_gpu.app.training.run.TrainingRun`.
    profiler
        Times the sections ``training``, ``swarm`` and ``heatmap``.
    train_first
        Gradient steps made before the first frame.

    Attributes
    ----------
    header
        What is published.
    run, swarm, landscape
        The training, the agents shown beside it, and the critic over the plane.

    Raises
    ------
    ValueError, OSError
        As :class:`~calf_gpu.app.training.run.TrainingRun` does.
    """

    def __init__(
        self,
        config: VisualizationConfig,
        run_dir: Path | None = None,
        profiler: Profiler | None = None,
        train_first: int = 0,
    ) -> None:
        self._config = config
        self._profiler: Profiler = profiler or _NoProfiler()
        self._paused = False
        self._shown = False
        self._number = 0
        self.run = TrainingRun(config, run_dir)
        trainer = self.run.trainer
        self._agents = config.run.n_agents
        self.swarm = Swarm(
            trainer.system,
            trainer.learner,
            config.run.swarm_policy,
            trainer.calf.parameters,
            config.run.n_agents,
            np.random.SeedSequence(config.run.seed, spawn_key=(1,)),
        )
        at_actor = config.run.q_action == "actor"
        self.landscape = Landscape(
            trainer.system, trainer.learner, config.run.grid_size, at_actor, trainer.state
        )
        self._readings = picture_numbers(config, trainer.system)
        self.header = describe(config, run_dir)
        self.run.begin(self._load_state_dict, self._state_dict)
        if train_first:
            self.run.train_until(train_first)
            self.landscape.update(trainer.state)
        self._training_respawned = trainer.respawned
        self._frame: Frame | None = self._published()

    @property
    def status(self) -> Status:
        """Whether it runs, is paused, or trains no more."""
        if self.run.stopped is not None:
            return Status("stopped", self.run.stopped)
        return Status("paused") if self._paused else Status("running", self.run.resumed)

    def advance(self) -> Frame | None:
        """Make one step of trainer and swarm and return the frame; while paused, a frame that a command changed."""
        if self._shown and not self._paused:
            self._step()
        self._shown = True
        return self.changed()

    def _step(self) -> None:
        self.train_step()
        self.swarm_step()
        self.run.keep_episodes()

    def changed(self) -> Frame | None:
        """Return the newest frame if it was not returned before."""
        frame, self._frame = self._frame, None
        return frame

    def train_step(self) -> None:
        """Make one step of the trainer, if it still trains."""
        if self.run.finished:
            return
        with self._profiler.section("training"):
            self.run.step()
        self._training_respawned |= self.run.trainer.respawned

    def swarm_step(self) -> None:
        """Make one step of the swarm and a frame of it, with critic values that are due taken anew."""
        options = self._config.run
        with self._profiler.section("swarm"):
            self.swarm.step()
            if len(self.swarm) != self._agents:
                self.swarm.resize(self._agents)
        self._number += 1
        state = self.run.trainer.state
        if self._number % options.q_grid_interval == 0 and self.landscape.due(state):
            with self._profiler.section("heatmap"):
                self.landscape.update(state)
        self._frame = self._published()

    def obey(self, command: Command) -> None:
        """Pause, or change the swarm from the next step on; while paused, at once."""
        if isinstance(command, Pause):
            self._paused = command.on
        elif isinstance(command, Advance) and self._paused:
            self._step()
        elif isinstance(command, SetAgents):
            self._agents = command.count
            if self._paused:
                self.swarm.resize(command.count)
        elif isinstance(command, SetController) and command.index < len(POLICIES):
            self.swarm.set_policy(POLICIES[command.index])
        if self._paused:
            self._frame = self._published()

    def close(self) -> None:
        """Save a checkpoint and finish the run's files. Safe to call twice."""
        self.run.close()

    def _published(self) -> Frame:
        """Return the present state as arrays that nobody writes again; row 0 is the training agent."""
        trainer, swarm = self.run.trainer, self.swarm
        states = np.vstack([trainer.state[None], swarm.states], dtype=np.float32, casting="same_kind")
        modes = np.concatenate([[trainer.mode], swarm.modes], dtype=np.uint8, casting="unsafe")
        respawned = np.concatenate([[self._training_respawned], swarm.respawned])
        self._training_respawned = False
        numbers = np.concatenate([read(self.run.readings, self.run), read(self._readings, self)])
        values = self.landscape.values(np.vstack([trainer.state[None], swarm.states]))
        return Frame(self._number, Step(states, modes, respawned), numbers, self.landscape.grid, values)

    def _state_dict(self) -> State:
        return {
            "swarm": self.swarm.state_dict(),
            "step": self._number,
            "landscape": self.landscape.state_dict(),
        }

    def _load_state_dict(self, saved: State) -> None:
        self.landscape.update(self.run.trainer.state)
        if "swarm" not in saved:  # trained without pictures
            return
        example = {**self._state_dict(), "trainer": {}}
        landscape = example["landscape"] | {"values": np.zeros((0, 0), np.float32)}
        check_fits(saved, example | {"swarm": without_rows(example["swarm"]), "landscape": landscape})
        self.swarm.load_state_dict(saved["swarm"])
        self.swarm.resize(self._config.run.n_agents)
        self._number = saved["step"]
        self.landscape.load_state_dict(saved["landscape"])
