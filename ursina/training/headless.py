"""Training without pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.learner import DivergedError
from calf_gpu.app.training.run_files import RunFiles, stop_notice
from calf_gpu.app.training.simulation import make_trainer
from calf_gpu.app.training.trainer import Trainer
from calf_gpu.app.utils.streams import handle_ending
from tqdm import tqdm


def train(config: VisualizationConfig, run_dir: Path) -> Trainer:
    """Train for ``config.episodes`` episodes with a progress bar, and return the trainer.

    Checkpoints are written at the start, every ``config.checkpoint_interval`` episodes and at the end; Ctrl-C ends
    the training after the current step.

    Raises
    ------
    ValueError
        If the folder cannot be used or holds another system's run; see :class:`RunFiles`.
    DivergedError
        If numbers stop being finite; the last good checkpoint stays the newest.
    OSError
        If something cannot be written; earlier checkpoints stay.
    """
    trainer = make_trainer(config)
    files = RunFiles(run_dir, config.resume)
    files.restore(lambda saved: trainer.load_state_dict(saved["trainer"]))
    try:
        _train(config, trainer, files)
    except DivergedError as error:
        raise DivergedError(stop_notice(error, trainer, files)) from None
    finally:
        files.close()
    return trainer


def _train(config: VisualizationConfig, trainer: Trainer, files: RunFiles) -> None:
    """Step until the last episode or Ctrl-C, and save."""

    def save() -> None:
        files.save(trainer, {"trainer": trainer.state_dict()})

    save()
    with (
        _interruption() as interrupted,
        tqdm(total=config.episodes, initial=trainer.episode, unit="ep", disable=None) as bar,
    ):
        while trainer.episode < config.episodes and not interrupted:
            finished = trainer.episode
            trainer.step()
            if trainer.episode == finished:
                continue
            files.episode_ended(trainer)
            bar.update(trainer.episode - finished)
            bar.set_postfix(
                mean_return_10=f"{trainer.history.mean_return(10):.1f}", steps=trainer.total_steps
            )
            if trainer.episode // config.checkpoint_interval > finished // config.checkpoint_interval:
                save()
    save()


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
