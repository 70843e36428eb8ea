"""Training without pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.learner import DivergedError
from calf_gpu.app.training.run import TrainingRun
from calf_gpu.app.training.trainer import Trainer
from calf_gpu.app.utils.streams import handle_ending


def train(config: VisualizationConfig, run_dir: Path) -> Trainer:
    """Train for ``config.run.episodes`` episodes with a progress bar, and return the trainer.

    Checkpoints are written at the start, every ``config.run.checkpoint_interval`` episodes and at the end; Ctrl-C
    ends the training after the current step.

    Raises
    ------
    ValueError
        As :class:`~calf_gpu.app.training.run.TrainingRun` does.
    DivergedError
        If numbers stop being finite; the last good checkpoint stays the newest.
    OSError
        If something cannot be written; earlier checkpoints stay.
    """
    run = TrainingRun(config, run_dir)
    try:
        run.begin()
        _train(run)
    finally:
        run.close()
    if run.stopped is not None:
        raise DivergedError(run.stopped)
    return run.trainer


def _train(run: TrainingRun) -> None:
    """Step until the last episode, Ctrl-C, or numbers that are not finite."""
    trainer = run.trainer
    with (
        _interruption() as interrupted,
        tqdm(total=run.config.run.episodes, initial=trainer.episode, unit="ep", disable=None) as bar,
    ):
        while not run.finished and not interrupted:
            run.step()
            if ended := run.keep_episodes():
                bar.update(ended)
                mean = f"{trainer.history.mean_return(10):.1f}"
                bar.set_postfix(mean_return_10=mean, steps=trainer.total_steps)


@contextmanager
def _interruption() -> Iterator[list[int]]:
    """Give a list that is empty until a signal asks to end, so that no step is cut in half."""
    signals: list[int] = []

    def note(number: int, frame: FrameType | None) -> Any:
        signals.append(number)

    restore = handle_ending(note)
    try:
        yield signals
    finally:
        restore()
