"""What a training run leaves in its folder: checkpoints, TensorBoard scalars and the plot of returns."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from calf_gpu.app.training.checkpoint import (
    PATTERN,
    CheckpointError,
    delete_older,
    load_checkpoint,
    newest_checkpoint,
    one_line,
    save_checkpoint,
)
from calf_gpu.app.training.learner import DivergedError
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
            self._lock = lock_folder(folder)
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

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append numbers of an episode that ended with a step, by tag."""
        if self._scalars is not None:
            self._scalars.add(step, values)

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


def lock_folder(folder: Path) -> FileLock:
    """Keep other programs out of a folder, until the lock is released or this process ends, however it ends.

    Raises
    ------
    ValueError
        If another program, or this one, has it already.
    OSError
        If ``.lock`` cannot be opened, or is a link or a folder.
    """
    lock = FileLock(folder / ".lock", thread_local=False)  # whichever thread closes the run releases it
    try:
        lock.acquire(blocking=False)
    except Timeout:
        reason = f"run_dir {folder} is in use by another program; end it or choose another folder"
        raise ValueError(reason) from None
    return lock


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
