"""The last frames' measurements as named columns of fixed length."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


class FrameHistory:
    """Ring of named columns, one entry a frame; a column that appears late is zero in the frames before it.

    Memory is 8 bytes a column and frame, reserved when a column first appears.

    Parameters
    ----------
    capacity
        Number of frames kept, ≥ 1; older ones are overwritten.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"history of {capacity} frames, accepted are 1 and above")
        self._capacity = capacity
        self._columns: dict[str, array[float]] = {}
        self._appended = 0

    def __len__(self) -> int:
        return min(self._appended, self._capacity)

    @property
    def names(self) -> list[str]:
        """Names of the columns in order of appearance."""
        return list(self._columns)

    def clear(self) -> None:
        """Forget all frames and columns."""
        self._columns.clear()
        self._appended = 0

    def append(self, row: Mapping[str, float]) -> None:
        """Add a frame; columns that ``row`` does not name get 0."""
        slot = self._appended % self._capacity
        for name in row:
            if name not in self._columns:
                self._columns[name] = array("d", bytes(8 * self._capacity))
        for name, column in self._columns.items():
            column[slot] = row.get(name, 0.0)
        self._appended += 1

    def column(self, name: str, last: int | None = None) -> NDArray[np.float64]:
        """Return a copy of a column, oldest frame first.

        Parameters
        ----------
        name
            Name of the column; one that never appeared is all zeros.
        last
            Only this many of the newest frames, or as many as there are.
        """
        count = len(self) if last is None else min(last, len(self))
        if name not in self._columns:
            return np.zeros(count)
        slots = np.arange(self._appended - count, self._appended) % self._capacity
        return np.frombuffer(self._columns[name], dtype=np.float64)[slots]
