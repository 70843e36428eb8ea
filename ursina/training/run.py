"""One training with its folder: steps, episodes that are kept, checkpoints, and an end that loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import find_system
from calf_gpu.app.training.baseline import stabilizer_return
from calf_gpu.app.training.learner import DivergedError, LearningParameters
from calf_gpu.app.training.numbers import scalars, training_numbers
from calf_gpu.app.training.run_files import RunFiles
from calf_gpu.app.training.trainer import Trainer

State = dict[str, Any]


class TrainingRun:
    """The trainer that the options ask for, and what it leaves in a folder.

    Parameters
    ----------
    config
        Options of the program.
    run_dir
        Folder for checkpoints, scalars and the reward plot; None keeps nothing.

    Attributes
    ----------
    stopped
        One line saying why training stopped before its last episode, None while it goes on.
    resumed
        One line saying where it went on from, empty for a new training.

    Raises
    ------
    ValueError
        If the system is not known, or the folder cannot be used or holds another system's run.
    OSError
        If the folder cannot be made or written.
    """

    def __init__(self, config: VisualizationConfig, run_dir: Path | None) -> None:
        self.config = config
        self.trainer = make_trainer(config)
        self.readings = training_numbers(config)
        self.stopped: str | None = None
        self.resumed = ""
        self._files = RunFiles(run_dir, config.run.resume) if run_dir is not None else None
        self._kept_episodes = 0
        self._more: Callable[[], State] = dict

    @property
    def finished(self) -> bool:
        """Whether all training episodes are over, or training has stopped."""
        return self.stopped is not None or self.trainer.episode >= self.config.run.episodes

    @property
    def phase(self) -> str:
        """What the trainer does, in one of the words of :data:`~calf_gpu.app.training.numbers.PHASES`."""
        if self.stopped is not None:
            return "stopped"
        if self.finished:
            return "finished"
        return "training" if self.trainer.learning else "warm-up"

    def begin(self, load: Callable[[State], None] | None = None, more: Callable[[], State] = dict) -> None:
        """Continue from the folder's newest checkpoint if the options ask for it, and write the first one.

        Parameters
        ----------
        load
            Called with the whole state once the trainer has taken in its own part.
        more
            Returns what else belongs to checkpoints besides the trainer; called with each one.

        Raises
        ------
        ValueError
            If the checkpoint cannot be used.
        """
        self._more = more

        def restore(saved: State) -> None:
            self.trainer.load_state_dict(saved["trainer"])
            if load is not None:
                load(saved)
            at = f"step {self.trainer.total_steps}, episode {self.trainer.episode}"
            self.resumed = f"resumed {self._files.folder} at {at}" if self._files is not None else ""

        if self._files is not None:
            self._files.restore(restore)
        self._kept_episodes = self.trainer.episode
        self.save()

    def step(self) -> None:
        """Make one step of the trainer; does nothing once all episodes are over."""
        if self.finished:
            return
        try:
            self.trainer.step()
        except DivergedError as error:
            self._stop(error)

    def train_until(self, steps: int) -> None:
        """Train until so many gradient steps have been made, or it is over; with a progress bar on a terminal."""
        learner = self.trainer.learner
        with tqdm(total=steps, initial=learner.version, unit="step", disable=None, leave=False) as bar:
            while not self.finished and learner.version < steps:
                before = learner.version
                self.step()
                self.keep_episodes()
                bar.update(learner.version - before)

    def keep_episodes(self) -> int:
        """Write what the episodes that ended with the last step leave; return how many they were."""
        before, now = self._kept_episodes, self.trainer.episode
        self._kept_episodes = now
        if now > before and self._files is not None and self.stopped is None:
            self._files.log(self.trainer.total_steps, scalars(self.readings, self))
            interval = self.config.run.checkpoint_interval
            if now // interval > before // interval or self.finished:
                self.save()
        return now - before

    @cached_property
    def stabilizer_return(self) -> float:
        """Mean return of the stabilizer alone."""
        return stabilizer_return(self.trainer.system, self.config.run.seed)

    def save(self) -> None:
        """Write a checkpoint of the present step, if there is a folder and none of this step yet."""
        if self._files is None or self.stopped is not None:
            return
        try:
            self._files.save(self.trainer, {"trainer": self.trainer.state_dict(), **self._more()})
        except DivergedError as error:
            self._stop(error)

    def close(self) -> None:
        """Save and let others have the folder. Safe to call twice."""
        if self._files is not None:
            try:
                self.save()
            finally:
                files, self._files = self._files, None
                files.close()

    def _stop(self, error: DivergedError) -> None:
        """Train no more and save no more."""
        self.stopped = f"training stopped at step {self.trainer.total_steps:,}: {error}"
        if self._files is not None:
            kept = f"{self._files.folder} keeps the checkpoint of step {self._files.saved_step:,}"
            self.stopped = f"{self.stopped}; {kept}"


def make_trainer(config: VisualizationConfig) -> Trainer:
    """Return the trainer that the options ask for, at its start.

    Raises
    ------
    ValueError
        If the system is not known.
    """
    system = find_system(config.run.system)
    parameters = LearningParameters.for_system(system, **config.learn.given())
    return Trainer(system, config.calf, np.random.SeedSequence(config.run.seed, spawn_key=(0,)), parameters)
