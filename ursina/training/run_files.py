"""What a training run leaves in its folder: checkpoints, TensorBoard scalars and the plot of returns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from training.checkpoint import PATTERN, newest_checkpoint, save_checkpoint, write_atomically
from training.frame_state import Mode
from training.trainer import Trainer

CHECKPOINT_EPISODES = 50
"""Episodes from one checkpoint to the next."""


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
        If a new run's folder holds checkpoints, or a resumed run's folder is missing.
    """

    def __init__(self, folder: Path, resume: bool) -> None:
        if resume and not folder.is_dir():
            raise ValueError(f"run_dir {folder} does not exist, so there is nothing to resume")
        if not resume and any(folder.glob(PATTERN)):
            raise ValueError(f"run_dir {folder} holds a run; resume it or choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        newest = newest_checkpoint(folder) if resume else None
        self.folder = folder
        self.restored: dict[str, Any] | None = newest[1] if newest else None
        self._saved_step = self.restored["trainer"]["total_steps"] if self.restored else -1
        from torch.utils.tensorboard import SummaryWriter  # takes a second to import

        self._scalars = SummaryWriter(str(folder / "tensorboard"), purge_step=max(self._saved_step, 0) + 1)

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
            "calf/certification_rate": trainer.last_mode_rates[Mode.TD3],
            "calf/intervention_rate": trainer.last_mode_rates[Mode.NOMINAL],
            "calf/relax_rate": trainer.last_mode_rates[Mode.RELAX],
        }
        for name, value in scalars.items():
            if np.isfinite(value):
                self._scalars.add_scalar(name, value, trainer.total_steps)

    def save(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Write a checkpoint and the plot, unless the training's current step is saved already.

        Parameters
        ----------
        trainer
            What the plot and the step are taken from.
        state
            The checkpoint; ``state["trainer"]`` is the trainer's.
        """
        if trainer.total_steps == self._saved_step:
            return
        save_checkpoint(self.folder, trainer.total_steps, state)
        self._saved_step = trainer.total_steps
        self._scalars.flush()
        if trainer.history.returns:
            write_atomically(self.folder / "rewards.png", reward_plot(trainer.history.returns))

    def close(self) -> None:
        """Finish the TensorBoard log."""
        self._scalars.close()


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
