"""Landscape, trails and agents under one node: everything that a program needs to show a swarm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import CS_zup_right, LMatrix4f, NodePath, get_default_coordinate_system

from calf_gpu.agents import Agents
from calf_gpu.colormap import DEFAULT_COLORS, lookup_texture
from calf_gpu.context import check_context
from calf_gpu.heights import Extent, is_bad, normalise, sample_grid
from calf_gpu.landscape import Landscape
from calf_gpu.palette import HIGHLIGHT_BIT, MODE_COLORS, encode
from calf_gpu.qgrid import QGrid
from calf_gpu.ticks import nice_step
from calf_gpu.trails import TrailRing

if TYPE_CHECKING:
    from direct.showbase.ShowBase import ShowBase

CONTOURS = 16
"""About how many level sets of Q are drawn."""


class SwarmView:
    """A swarm on the live landscape of its critic, in three draw calls.

    Plane coordinates (first axis, second axis) and heights work in any coordinate system of the application: with
    Panda3D's default the landscape lies in x and y and rises along z, with a y-up system in x and z, rising along y.

    Parameters
    ----------
    base
        The running ShowBase; the view hangs below its ``render`` until :attr:`root` is moved elsewhere.
    extent
        (x0, x1, y0, y1) of the plane shown.
    n
        Number of agents N; index 0 is the one that can be highlighted.
    trail_length
        Steps that a trail reaches back.
    shape
        ``sphere`` or ``cone`` (with a heading).
    colors
        (K, 3) sRGB in [0, 1] by height; default viridis.
    mode_colors
        (K, 3) sRGB in [0, 1] by mode, K ≤ 16; later modes have the last colour.
    height_scale
        Height of the highest point, in plane units.
    agent_radius
        In plane units.
    resolution
        Vertices of the landscape along an axis; a few per cell of the Q-grid look smooth.
    cpu_heights
        Compute heights with NumPy instead of on the GPU; the picture is the same.
    own_values
        Agents have critic values of their own, given to :meth:`update`: those that differ from the surface are paler.
    distances
        See :class:`~calf_gpu.landscape.Landscape`.
    trail_style, trail_width, trail_decimation, upload
        See :class:`~calf_gpu.trails.TrailRing`.

    Attributes
    ----------
    root
        Node of the whole view, in the application's coordinates: move, scale (zoom) or hide it at will.
    grid, landscape, trails, agents
        The parts, each with switches of its own.

    Raises
    ------
    ContextError
        The graphics driver lacks something; the message names it.
    ValueError
        An impossible number, shape or name.
    """

    def __init__(
        self,
        base: ShowBase,
        extent: Extent,
        n: int,
        trail_length: int = 600,
        *,
        shape: str = "sphere",
        colors: ArrayLike = DEFAULT_COLORS,
        mode_colors: ArrayLike = MODE_COLORS,
        height_scale: float = 2.0,
        agent_radius: float = 0.085,
        resolution: int = 101,
        cpu_heights: bool = False,
        own_values: bool = False,
        distances: bool = False,
        trail_style: str = "ribbon",
        trail_width: float = 2.5,
        trail_decimation: int = 0,
        upload: str = "auto",
    ) -> None:
        window = base.win
        check_context(window.get_gsg(), n * (trail_length + 1))
        self.grid = QGrid(extent)
        self.landscape = Landscape(
            self.grid, resolution, lookup_texture(colors), cpu_heights=cpu_heights, distances=distances
        )
        self.trails = TrailRing(
            self.grid,
            n,
            trail_length,
            style=trail_style,
            width_px=trail_width,
            decimation=trail_decimation,
            mode_colors=mode_colors,
            upload=upload,
            window=window,
        )
        self.agents = Agents(
            self.grid,
            n,
            shape,
            agent_radius,
            cpu_heights=cpu_heights,
            own_values=own_values,
            mode_colors=mode_colors,
            upload=upload,
            window=window,
        )
        self._cpu_heights = cpu_heights
        self._points = self.landscape.points if cpu_heights else None
        self.landscape.set_contour_step(contour_step(*self.grid.range))
        self.root = base.render.attach_new_node("swarm_view")
        self._surface = self._axes().attach_new_node("surface")
        for part in (self.landscape, self.trails, self.agents):
            part.root.reparent_to(self._surface)
        self.set_height_scale(height_scale)

    def show_critic(self, q: ArrayLike, version: int, value_range: tuple[float, float] | None = None) -> None:
        """Show a critic; costs nothing if neither version nor range have changed.

        Parameters
        ----------
        q
            (rows, columns) critic values, at least 2 × 2, rows along the second axis; read only if `version` changed.
        version
            Number that changes whenever the values do.
        value_range
            (lo, hi) of q² that maps to heights [0, 1]; by default, with new values, the smallest and largest q² of
            the usable ones.
        """
        changed = self.grid.set(q, version)
        if changed and value_range is None:
            value_range = _square_range(self.grid.values)
        if value_range is not None and self.grid.set_range(*value_range):
            changed = True
        if changed:
            self.follow_critic()

    def follow_critic(self) -> None:
        """Bring what hangs on :attr:`grid` up to date after its values or its range were set there."""
        self.landscape.set_contour_step(contour_step(*self.grid.range))
        if self._points is not None:
            self.landscape.set_heights(self._heights(self._points))

    def update(
        self,
        points: ArrayLike,
        headings: ArrayLike | None = None,
        modes: ArrayLike | None = None,
        respawned: ArrayLike | None = None,
        heights: ArrayLike | None = None,
        values: ArrayLike | None = None,
        *,
        highlighted: bool = True,
    ) -> None:
        """Show one step of the swarm: agents move there and trails grow by a point.

        Parameters
        ----------
        points
            (N, 2) plane coordinates.
        headings
            (N,) radians from the first axis to the second, for cones.
        modes
            (N,) who chose the actions: numbers from 0 on, each with its colour; default 0.
        respawned
            (N,) true where an episode starts: the trail breaks.
        heights
            (N,) in [0, 1], taken with `cpu_heights`; default computed here.
        values
            (N,) critic values of the agents' own states, needed with `own_values`.
        highlighted
            Whether agent 0 is highlighted: yellow and larger.
        """
        points = np.asarray(points)
        records = np.zeros((len(points), 4), np.float32)
        records[:, :2] = points
        if headings is not None:
            records[:, 2] = headings
        records[:, 3] = encode(np.zeros(len(points), np.int64) if modes is None else np.asarray(modes))
        self.trails.push(points, records[:, 3], respawned)
        if highlighted:
            records[0, 3] += HIGHLIGHT_BIT
        if self._cpu_heights and heights is None:
            heights = self._heights(records[:, :2])
        self.agents.update(records, _floats(heights), _floats(values))

    def resize(self, n: int) -> None:
        """Add agents at the end or remove the last ones; the others keep their trails."""
        self.trails.resize(n)
        self.agents.resize(n)

    def set_height_scale(self, scale: float) -> None:
        """Height of the highest point, in plane units; a transform, nothing is rebuilt or uploaded."""
        self._surface.set_sz(max(scale, 1e-3))  # a flat transform could not be inverted

    def close(self) -> None:
        """Remove the view from the scene; its buffers go with the last reference to it."""
        self.root.remove_node()

    def _axes(self) -> NodePath:
        axes = self.root.attach_new_node("z_up")
        axes.set_mat(LMatrix4f.convert_mat(CS_zup_right, get_default_coordinate_system()))
        return axes

    def _heights(self, points: NDArray[np.float32]) -> NDArray[np.floating]:
        return normalise(sample_grid(self.grid.values, self.grid.extent, points), *self.grid.range)


def _floats(values: ArrayLike | None) -> NDArray[np.float32] | None:
    return None if values is None else np.asarray(values, np.float32)


def _square_range(q: NDArray[np.float32]) -> tuple[float, float]:
    """Return the smallest and the largest q² of the values that can be shown; (0, 0) if there are none."""
    good = q[~is_bad(q)].astype(np.float64)
    return (float(np.square(good).min()), float(np.square(good).max())) if good.size else (0.0, 0.0)


def contour_step(lo: float, hi: float) -> float:
    """A round step (1, 2 or 5 times a power of ten) that cuts |Q| over this range of q² into some 16 levels."""
    span = math.sqrt(max(hi, 0.0)) - math.sqrt(max(lo, 0.0))
    return nice_step(span / CONTOURS) if span > 0 else 1.0
