"""The frame of the plot: ticks with numbers, axis labels with units, the height axis and the goal's marker.

The axes stand where the camera sees them best: the labelled edges are the two nearest to it, the height axis is
at the left corner. Two draw calls: all lines, all text.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from panda3d.core import LineSegs, NodePath, TransparencyAttrib

from calf_gpu.app.stream.header import Goal, Header
from calf_gpu.app.visuals.facing_text import Align, FacingText, Label, make_atlas
from calf_gpu.app.visuals.plane import Plane
from calf_gpu.counters import WORLD_ONLY

Point = tuple[float, float, float]
"""Position in Ursina's axes: (first axis, height, second axis)."""

MARGIN = 0.12
"""Distance of the frame from the surface's edge, in plane units."""
DROP = 0.03
"""Distance of the frame below height 0: it never cuts the surface."""
TICK = 0.10
NUMBER_AT = 0.30
LABEL_AT = 0.82
"""Distances of ticks' ends, numbers and labels from the frame."""
NUMBER_SIZE = 0.17
LABEL_SIZE = 0.19
HEIGHT_TICKS = (0.0, 0.5, 1.0)
HEIGHT_LABEL = "Q², scaled"
GOAL_REACH = 1.12
"""Height of the goal's pole over the height of the surface."""

LINE_COLOR = (0.56, 0.62, 0.69, 0.95)
GOAL_COLOR = (1.0, 1.0, 1.0, 0.55)
NUMBER_COLOR = (0x9A, 0xA7, 0xB7, 255)
LABEL_COLOR = (0xD0, 0xD9, 0xE2, 255)


class Axes:
    """Axes around the plane that a run shows.

    Parameters
    ----------
    parent
        Node with Ursina's axes.
    header, plane
        What is shown and where it stands.
    height_scale
        Height of the surface's highest point in plane units.
    """

    def __init__(self, parent: NodePath, header: Header, plane: Plane, height_scale: float) -> None:
        self.root = parent.attach_new_node("axes")
        self.root.set_transparency(TransparencyAttrib.M_alpha)
        self.root.set_depth_write(False)
        self.root.set_bin("fixed", 30)  # after surface, trails and agents, which hide what is behind them
        self.root.hide(WORLD_ONLY)  # notes on the world, not a part of it
        self._header = header
        self._plane = plane
        self._height = height_scale
        self._atlas = make_atlas()
        self._views: dict[tuple[int, int], _View] = {}
        self._shown: _View | None = None

    def face(self, camera: NodePath) -> None:
        """Turn the axes to a camera; costs next to nothing while it does not move."""
        x0, x1, y0, y1 = self._plane.extent
        position = camera.get_pos(self.root)
        side = (1 if position.x > (x0 + x1) / 2 else -1, 1 if position.z > (y0 + y1) / 2 else -1)
        view = self._views.get(side)
        if view is None:
            view = self._views[side] = _View(self, side)
        if view is not self._shown:
            if self._shown is not None:
                self._shown.root.stash()
            view.root.unstash()
            self._shown = view
        view.text.face(camera)

    def close(self) -> None:
        """Take the axes out of the scene graph."""
        self.root.remove_node()


class _View:
    """The axes as they stand for cameras on one side of both plane axes: ``side`` is the signs of theirs."""

    def __init__(self, axes: Axes, side: tuple[int, int]) -> None:
        self.root = axes.root.attach_new_node("axes_view")
        layout = _Layout(axes._header, axes._plane, axes._height, side)
        lines = LineSegs("lines")
        lines.set_color(*LINE_COLOR)
        for start, end in layout.lines():
            _line(lines, start, end)
        lines.set_color(*GOAL_COLOR)
        if axes._header.goal is not None:
            _line(lines, *layout.goal_pole(axes._header.goal))
        self.root.attach_new_node(lines.create())
        self.text = FacingText(self.root, list(layout.labels()), axes._atlas)


def _line(lines: LineSegs, start: Point, end: Point) -> None:
    lines.move_to(*start)
    lines.draw_to(*end)


class _Layout:
    """Where everything stands, for one side of the camera."""

    def __init__(self, header: Header, plane: Plane, height: float, side: tuple[int, int]) -> None:
        self._header = header
        self._plane = plane
        self._height = height
        self._side = side
        x0, x1, y0, y1 = plane.extent
        self._x = (x0 - MARGIN, x1 + MARGIN)
        self._y = (y0 - MARGIN, y1 + MARGIN)
        self._near_x = self._x[side[0] > 0]
        self._near_y = self._y[side[1] > 0]
        # Of the two corners beside the nearest one, the left one as the camera sees them.
        left_is_near_x = side[0] * side[1] > 0
        self._post_x = self._near_x if left_is_near_x else self._x[side[0] < 0]
        self._post_y = self._y[side[1] < 0] if left_is_near_x else self._near_y

    def lines(self) -> Iterator[tuple[Point, Point]]:
        """Frame, ticks and height axis."""
        (xa, xb), (ya, yb) = self._x, self._y
        corners = [(xa, -DROP, ya), (xb, -DROP, ya), (xb, -DROP, yb), (xa, -DROP, yb)]
        yield from zip(corners, [*corners[1:], corners[0]], strict=True)
        for _, x in self._plane.ticks(0):
            yield self._on_first(x, 0.0), self._on_first(x, TICK)
        for _, y in self._plane.ticks(1):
            yield self._on_second(y, 0.0), self._on_second(y, TICK)
        yield (self._post_x, -DROP, self._post_y), self._on_post(1.0, 0.0)
        for level in HEIGHT_TICKS:
            yield self._on_post(level, 0.0), self._on_post(level, TICK)

    def labels(self) -> Iterator[Label]:
        """Numbers, axis labels and the goal's name."""
        first, second = (self._header.axes[axis].title for axis in self._header.plane)
        for value, x in self._plane.ticks(0):
            yield Label(_number(value), self._on_first(x, NUMBER_AT), NUMBER_SIZE, NUMBER_COLOR)
        for value, y in self._plane.ticks(1):
            yield Label(_number(value), self._on_second(y, NUMBER_AT), NUMBER_SIZE, NUMBER_COLOR)
        for level in HEIGHT_TICKS:
            yield Label(f"{level:g}", self._on_post(level, NUMBER_AT), NUMBER_SIZE, NUMBER_COLOR)
        x0, x1, y0, y1 = self._plane.extent
        yield Label(first, self._on_first((x0 + x1) / 2, LABEL_AT), LABEL_SIZE, LABEL_COLOR)
        align: Align = "left" if self._side[0] * self._side[1] < 0 else "right"
        middle = self._on_second((y0 + y1) / 2, 0.75 * LABEL_AT)
        yield Label(second, middle, LABEL_SIZE, LABEL_COLOR, align)
        top_x, top, top_y = self._on_post(1.0, 0.0)
        yield Label(HEIGHT_LABEL, (top_x, top + 0.36, top_y), LABEL_SIZE, LABEL_COLOR)
        if self._header.goal is not None:
            goal_x, goal_top, goal_y = self.goal_pole(self._header.goal)[1]
            yield Label("goal", (goal_x, goal_top + 0.14, goal_y), NUMBER_SIZE, LABEL_COLOR)

    def goal_pole(self, goal: Goal) -> tuple[Point, Point]:
        """Ends of the pole that marks the goal; the surface hides what is below it."""
        (x, y), _ = self._plane.goal(goal)
        return (x, 0.0, y), (x, GOAL_REACH * self._height, y)

    def _on_first(self, x: float, outwards: float) -> Point:
        return x, -DROP, self._near_y + self._side[1] * outwards

    def _on_second(self, y: float, outwards: float) -> Point:
        return self._near_x + self._side[0] * outwards, -DROP, y

    def _on_post(self, level: float, outwards: float) -> Point:
        """Return a point on the height axis, or beside it on the diagonal away from the surface."""
        sign_x = 1 if self._post_x > self._x[0] else -1
        sign_y = 1 if self._post_y > self._y[0] else -1
        away = outwards / np.sqrt(2.0)
        return self._post_x + sign_x * away, level * self._height, self._post_y + sign_y * away


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")
