"""Fly through the scene: WASD and the mouse, space and shift, zoom about what is looked at."""

from __future__ import annotations

import math

from panda3d.core import LPoint3f, LVector3f, NodePath
from ursina import camera, held_keys

from calf_gpu.app.visuals.keys import COMMANDS, Do
from calf_gpu.app.visuals.window import Window

HOME = LPoint3f(3.07, 7.1, -11.77)
HOME_TARGET = LPoint3f(-0.76, 0.25, -0.39)
"""First view: from the front right and above; plane and axes stand between the columns of the HUD."""

FLY_SPEED = 3.5
"""Plane units per second."""

MOUSE_SPEED = 0.0025
"""Radians per pixel."""

ZOOM_STEP = 0.88
"""Factor of the distance to the point looked at, per click of the wheel."""

NEAREST, FARTHEST = 0.4, 60.0
"""Bounds of that distance in plane units."""

MAX_STEP_S = 0.1
"""Longest time one movement covers: a frame that took long does not throw the camera."""

_DIRECTIONS = {name: direction for name, (do, direction) in COMMANDS.items() if do is Do.FLY}
"""Keys held and where they move to: right, up, ahead."""


class FlyCamera:
    """Moves Ursina's camera. Coordinates are Ursina's: (first state axis, height, second state axis).

    Attributes
    ----------
    mouse_captured
        Whether moving the mouse turns the view.
    """

    def __init__(self, window: Window) -> None:
        self.mouse_captured = False
        self._window = window
        self._position = LPoint3f()
        self._yaw = self._pitch = 0.0
        self.reset()

    def reset(self) -> None:
        """Go back to the first view."""
        self._position = LPoint3f(HOME)
        ahead = (HOME_TARGET - HOME).normalized()
        self._yaw = math.atan2(ahead.x, ahead.z)
        self._pitch = math.asin(ahead.y)
        self._apply()

    def toggle_mouse(self) -> None:
        """Have the mouse turn the view, or no longer."""
        self.mouse_captured = not self.mouse_captured
        self._window.capture_mouse(self.mouse_captured)
        self._take_mouse_delta()

    def zoom(self, clicks: int) -> None:
        """Go nearer to the point of the plane looked at, or to one ahead where none is; negative clicks go away."""
        ahead = self._ahead
        distance = -self._position.y / ahead.y if ahead.y * self._position.y < 0.0 else 8.0
        distance = min(distance, FARTHEST)
        target = self._position + ahead * distance
        self._position = target - ahead * max(NEAREST, min(FARTHEST, distance * ZOOM_STEP**clicks))
        self._apply()

    def update(self, seconds: float) -> None:
        """Move by the keys held for a frame that lasted so long, and turn by the mouse."""
        seconds = min(seconds, MAX_STEP_S)
        right, up, ahead = (
            sum(held_keys[key] * direction[axis] for key, direction in _DIRECTIONS.items())
            for axis in range(3)
        )
        moved = bool(right or up or ahead)
        if moved:
            step = self._ahead * ahead + self._right * right + LVector3f(0.0, up, 0.0)
            self._position += step * (FLY_SPEED * seconds / max(step.length(), 1e-6))
        if self.mouse_captured:
            x, y = self._take_mouse_delta()
            self._yaw += MOUSE_SPEED * x
            self._pitch = max(-1.54, min(1.54, self._pitch - MOUSE_SPEED * y))
            moved = True
        if moved:
            self._apply()

    @property
    def _ahead(self) -> LVector3f:
        flat = math.cos(self._pitch)
        return LVector3f(math.sin(self._yaw) * flat, math.sin(self._pitch), math.cos(self._yaw) * flat)

    @property
    def _right(self) -> LVector3f:
        return LVector3f(math.cos(self._yaw), 0.0, -math.sin(self._yaw))

    def _take_mouse_delta(self) -> tuple[float, float]:
        """Return how far the mouse moved from the picture's middle, in pixels, and put it back there."""
        if self._window.offscreen:
            return 0.0, 0.0
        window = self._window.app.win
        width, height = self._window.size
        pointer = window.get_pointer(0)
        if not pointer.in_window or not window.move_pointer(0, width // 2, height // 2):
            return 0.0, 0.0
        return pointer.x - width // 2, pointer.y - height // 2

    def _apply(self) -> None:
        # NodePath's own methods: Ursina's look_at turns about other axes.
        NodePath.set_pos(camera, self._position)
        NodePath.look_at(camera, self._position + self._ahead, LVector3f(0.0, 1.0, 0.0))
