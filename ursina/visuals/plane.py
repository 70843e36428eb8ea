"""Where the plane that a run shows stands in the picture, whatever its units: what fits ±3.5 stays as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.stream.frame import Step
from calf_gpu.app.stream.header import Goal, Header
from calf_gpu.heights import Extent
from calf_gpu.palette import encode
from calf_gpu.ticks import nice_step

HALF = 3.5
"""Half the side of the square that the plane fills."""

GRID_LINES = 14
"""About how many grid lines there are along an axis."""

TICKS = 7
"""About how many ticks with numbers."""


class Plane:
    """Maps the two axes shown to a square of side 2·:data:`HALF` around the origin.

    Axes of the same unit keep their proportions; others fill the square both.

    Parameters
    ----------
    header
        Names the axes.

    Attributes
    ----------
    extent
        (x0, x1, y0, y1) of what is shown, in the picture.
    heading
        Whether agents have one.
    """

    def __init__(self, header: Header) -> None:
        axes = [header.axes[axis] for axis in header.plane]
        low, high = np.array([[axis.low for axis in axes], [axis.high for axis in axes]])
        half = (high - low) / 2.0
        if axes[0].unit == axes[1].unit:
            half[:] = half.max()
        self._center = (low + high) / 2.0
        self._scale = HALF / half
        self._low, self._high = low, high
        self._plane = header.plane
        self._heading = header.heading
        self._agent = header.agent
        self._wraps = [column for column, axis in enumerate(axes) if axis.wraps]
        (x0, y0), (x1, y1) = self.place(low), self.place(high)
        self.extent: Extent = (float(x0), float(x1), float(y0), float(y1))
        self.heading = header.heading is not None

    def place(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return where points (…, 2) of the plane stand in the picture, in their own precision."""
        center, scale = self._center.astype(points.dtype), self._scale.astype(points.dtype)
        return (points - center) * scale

    def goal(self, goal: Goal) -> tuple[tuple[float, float], float]:
        """Return centre and radius of a goal in the picture."""
        x, y = self.place(np.array([goal.state[axis] for axis in self._plane]))
        return (float(x), float(y)), goal.radius * float(self._scale.min())

    def ticks(self, axis: int) -> list[tuple[float, float]]:
        """Return value and place in the picture of the ticks of the first (0) or second axis (1)."""
        low, high = self._low[axis], self._high[axis]
        step = nice_step((high - low) / TICKS)
        values = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
        return [(float(value), float((value - self._center[axis]) * self._scale[axis])) for value in values]

    def grid_lines(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the distances between grid lines and where those of the value 0 are, both in the picture."""
        spacing = [nice_step(span / GRID_LINES) for span in self._high - self._low] * self._scale
        zero = self.place(np.zeros(2))
        return (float(spacing[0]), float(spacing[1])), (float(zero[0]), float(zero[1]))

    def points(self, step: Step) -> NDArray[np.float32]:
        """Return where the M agents of a step stand, (M, 2)."""
        return self.place(step.states[:, self._plane])

    def headings(self, step: Step) -> NDArray[np.float32]:
        """Return the directions in which they look, (M,) radians from the first axis; 0 where there are none."""
        if self._heading is None:
            return np.zeros(len(step.modes), np.float32)
        return step.states[:, self._heading]

    def codes(self, step: Step) -> NDArray[np.float32]:
        """Return mode, and a mark for the training agent, (M,): what records on the GPU hold."""
        highlighted = np.zeros(len(step.modes), np.bool_)
        highlighted[:1] = self._agent
        return encode(step.modes, highlighted)

    def breaks(self, step: Step, before: Step | None) -> NDArray[np.bool_]:
        """Return (M,) where no line joins a step to the one before: at starts, and where an angle wraps round."""
        if before is None or not self._wraps or len(before.modes) != len(step.modes):
            return step.respawned
        columns = np.array(self._plane)[self._wraps]
        turned = np.abs(step.states[:, columns] - before.states[:, columns])
        return step.respawned | (turned > (self._high - self._low)[self._wraps] / 2.0).any(axis=1)
