"""What a training run leaves in its folder: checkpoints, TensorBoard scalars and the plot of returns."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from calf_gpu.app.training.checkpoint import (
    PATTERN,
    CheckpointError,
    delete_older,
    load_checkpoint,
    newest_checkpoint,
    one_line,
    save_checkpoint,
)
from calf_gpu.app.training.frame_state import Mode
from calf_gpu.app.training.learner import DivergedError
from calf_gpu.app.training.run_lock import RunLock
from calf_gpu.app.training.scalars import ScalarLog
from calf_gpu.app.training.trainer import Trainer
from calf_gpu.app.utils.atomic_files import write_atomically
from calf_gpu.app.utils.streams import tell

KEPT_CHECKPOINTS = 3
"""Newest checkpoints that a long run keeps."""

_LOAD_ERRORS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class RunFiles:
    """Writer of one run's folder.

    Parameters
    ----------
    folder
        Created if missing.
    resume
        Continue the run in it. A new run is refused where checkpoints lie, so that none is mixed with an
        older run's.

    Attributes
    ----------
    restored
        State of the newest complete checkpoint when resuming, else None: a run killed before its first
        checkpoint begins anew.

    Raises
    ------
    ValueError
        If a new run's folder holds checkpoints, a resumed run's folder is missing or all checkpoints in it are
        damaged, or another program uses it.
    OSError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path, resume: bool) -> None:
        if resume and not folder.is_dir():
            raise ValueError(f"run_dir {folder} does not exist, so there is nothing to resume")
        if not resume and any(folder.glob(PATTERN)):
            raise ValueError(f"run_dir {folder} holds a run; resume it or choose another folder")
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"run_dir {folder} is not a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = RunLock(folder)
        except OSError as error:
            raise OSError(f"run_dir {folder} cannot be written: {error.strerror}") from None
        newest = self._newest(folder) if resume else None
        self.folder = folder
        self._restored_file = newest[0] if newest else folder
        self.restored: dict[str, Any] | None = newest[1] if newest else None
        self._saved_step = -1
        self._scalars: ScalarLog | None = None

    def _newest(self, folder: Path) -> tuple[Path, dict[str, Any]] | None:
        """Return the newest checkpoint that can be used; say which newer ones cannot, and raise if none can."""
        newest = newest_checkpoint(folder)
        files = sorted(folder.glob(PATTERN))
        if newest is None and files:
            self._lock.release()
            try:
                load_checkpoint(files[-1])
            except CheckpointError as error:
                raise CheckpointError(
                    f"none of {len(files)} checkpoints can be resumed from: {error}"
                ) from None
        if newest is not None and files[-1] != newest[0]:
            tell(f"{files[-1]} is damaged: resuming from {newest[0].name}", sys.stderr)
        return newest

    def restore(self, load: Callable[[dict[str, Any]], None]) -> None:
        """Hand :attr:`restored` to ``load`` if there is one, and open the log of scalars where it left off.

        Raises
        ------
        CheckpointError
            If ``load`` cannot use it, for example because it is of another system; the folder is let go.
        """
        if self.restored is not None:
            try:
                load(self.restored)
                self._saved_step = self.restored["trainer"]["total_steps"]
            except _LOAD_ERRORS as error:
                self._lock.release()
                reason = f"{self._restored_file} cannot be resumed from: {one_line(error)}"
                raise CheckpointError(reason) from error
        self._scalars = ScalarLog(self.folder / "tensorboard", max(self._saved_step, 0) + 1)

    @property
    def saved_step(self) -> int:
        """Step of the newest checkpoint written or resumed from; −1 before any."""
        return self._saved_step

    def episode_ended(self, trainer: Trainer) -> None:
        """Log the episode that has just ended, in steps of the training."""
        history = trainer.history
        scalars = {
            "episode/return": history.returns[-1],
            "episode/mean_return_10": history.mean_return(10),
            "episode/length": history.lengths[-1],
            "episode/success_rate": history.success_rate(),
            "train/critic_loss": trainer.learner.critic_loss,
            "train/actor_loss": trainer.learner.actor_loss,
            "train/noise": trainer.noise,
            "calf/certification_rate": history.mode_share(Mode.TD3),
            "calf/intervention_rate": history.mode_share(Mode.NOMINAL),
            "calf/relax_rate": history.mode_share(Mode.RELAX),
        }
        if self._scalars is not None:
            finite = {tag: float(value) for tag, value in scalars.items() if np.isfinite(value)}
            self._scalars.add(trainer.total_steps, finite)

    def save(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Write a checkpoint and the plot, unless the training's current step is saved already.

        The newest checkpoints are kept, older ones deleted.

        Parameters
        ----------
        trainer
            What the plot and the step are taken from.
        state
            The checkpoint; ``state["trainer"]`` is the trainer's.

        Raises
        ------
        DivergedError
            If weights are not finite: the last checkpoint that is good stays the newest.
        OSError
            If it cannot be written; earlier checkpoints stay.
        """
        if trainer.total_steps == self._saved_step:
            return
        if not trainer.learner.finite:
            raise DivergedError("weights of the networks are not finite")
        newest = save_checkpoint(self.folder, trainer.total_steps, state)
        self._saved_step = trainer.total_steps
        delete_older(newest, KEPT_CHECKPOINTS)
        if trainer.history.returns:
            write_atomically(self.folder / "rewards.png", reward_plot(trainer.history.returns))

    def close(self) -> None:
        """Finish the TensorBoard log and let others have the folder. Safe to call twice."""
        try:
            if self._scalars is not None:
                self._scalars.close()
        finally:
            self._scalars = None
            self._lock.release()


def stop_notice(error: DivergedError, trainer: Trainer, files: RunFiles | None) -> str:
    """Say in one line why training stopped and what is left of it."""
    text = f"training stopped at step {trainer.total_steps:,}: {error}"
    if files is None:
        return text
    return f"{text}; {files.folder} keeps the checkpoint of step {files.saved_step:,}"


def reward_plot(returns: list[float]) -> bytes:
    """Draw the return of every episode and its mean over ten as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes a while to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(returns, color="#8B98A9", linewidth=0.8, label="episode")
    means = [np.mean(returns[max(i - 9, 0) : i + 1]) for i in range(len(returns))]
    axes.plot(means, color="#0369A1", linewidth=2.0, label="mean of 10")
    axes.set(xlabel="episode", ylabel="return (unscaled)")
    axes.grid(alpha=0.3)
    axes.legend()
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()
