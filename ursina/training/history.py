"""What became of every finished episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.training.modes import Mode

SUCCESS_WINDOW = 100
"""Finished episodes over which goal rate and shares of the modes are taken."""


@dataclass
class EpisodeHistory:
    """Return, length in steps, success (goal reached) and decisions by mode of every finished episode."""

    returns: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    successes: list[bool] = field(default_factory=list)
    mode_counts: list[list[int]] = field(default_factory=list)
    """How many of an episode's decisions each :class:`Mode` made, in the modes' order."""

    def add(self, episode_return: float, length: int, success: bool, mode_counts: list[int]) -> None:
        """Append a finished episode."""
        self.returns.append(episode_return)
        self.lengths.append(length)
        self.successes.append(success)
        self.mode_counts.append(mode_counts)

    @property
    def last_return(self) -> float:
        """Return of the last episode; nan before any."""
        return self.returns[-1] if self.returns else float("nan")

    @property
    def last_length(self) -> float:
        """Steps of the last episode; nan before any."""
        return self.lengths[-1] if self.lengths else float("nan")

    def mean_return(self, last: int) -> float:
        """Return the mean of the ``last`` returns; nan without any."""
        return float(np.mean(self.returns[-last:])) if self.returns else float("nan")

    def success_rate(self) -> float:
        """Return the fraction of successes among the last episodes; nan without any."""
        return float(np.mean(self.successes[-SUCCESS_WINDOW:])) if self.successes else float("nan")

    def mode_share(self, mode: Mode, last: int = SUCCESS_WINDOW) -> float:
        """Return the fraction of the ``last`` episodes' decisions that ``mode`` made; nan without any."""
        if not self.mode_counts:
            return float("nan")
        counts = np.array(self.mode_counts[-last:]).sum(axis=0)
        return float(counts[mode] / max(counts.sum(), 1))

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the numbers as arrays, one row an episode."""
        return {
            "returns": np.array(self.returns, np.float64),
            "lengths": np.array(self.lengths, np.int64),
            "successes": np.array(self.successes, np.bool_),
            "mode_counts": np.array(self.mode_counts, np.int64).reshape(-1, len(Mode)),
        }

    def load_state_dict(self, saved: dict[str, NDArray[Any]]) -> None:
        """Continue from a :meth:`state_dict`."""
        self.returns = saved["returns"].tolist()
        self.lengths = saved["lengths"].tolist()
        self.successes = saved["successes"].tolist()
        self.mode_counts = saved["mode_counts"].tolist()
