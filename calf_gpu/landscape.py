"""The critic as a lit surface with grid lines, level sets and the certificate overlay: one draw call."""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import (
    GeomEnums,
    GeomNode,
    GeomVertexArrayFormat,
    GeomVertexData,
    GeomVertexFormat,
    InternalName,
    NodePath,
    OmniBoundingVolume,
    Texture,
    TransparencyAttrib,
)

from calf_gpu.geometry import bare_vertices, grid_triangles, triangles, vertices
from calf_gpu.memory import vertex_floats
from calf_gpu.programs import ProgramSwitch
from calf_gpu.qgrid import QGrid

NOWHERE = 1e30
"""A value of Q that no surface has, so that its level set is not drawn."""


class Landscape:
    """A surface over the extent of a Q-grid; heights, light and lines are made in its shaders.

    The mesh is flat, static and independent of the Q-grid's resolution: new critic values cost one small texture.
    Heights are in [0, 1]; scale the node (or a parent) to exaggerate them.

    Parameters
    ----------
    grid
        The critic values.
    resolution
        M, vertices along an axis, 2 to 1000.
    lookup
        Colours by height, see :func:`~calf_gpu.colormap.lookup_texture`.
    cpu_heights
        Take the heights from :meth:`set_heights` instead of computing them on the GPU; the picture is the same.
    distances
        The overlay's bounds take the distance to the goal from :meth:`set_distances`, instead of the plane's norm.

    Attributes
    ----------
    root
        The node to put into the scene; plane axes are its x and y, height its z.
    uploaded_bytes
        Bytes handed to the GPU so far (0 unless `cpu_heights`).
    """

    def __init__(
        self,
        grid: QGrid,
        resolution: int,
        lookup: Texture,
        *,
        cpu_heights: bool = False,
        distances: bool = False,
    ) -> None:
        if not 2 <= resolution <= 1000:
            raise ValueError(f"landscape resolution must be between 2 and 1000, got {resolution}")
        self.resolution = resolution
        self.uploaded_bytes = 0
        self._grid = grid
        self._distances = QGrid(grid.extent) if distances else None
        self._shown = {"GRID_LINES", "CONTOURS"}
        self._vertices = _vertex_data(resolution, cpu_heights)
        node = GeomNode("landscape")
        node.add_geom(triangles(self._vertices, grid_triangles(resolution, resolution)))
        node.set_bounds(OmniBoundingVolume())
        node.set_final(True)
        self.root = NodePath(node)
        self.root.set_two_sided(True)
        self.root.set_transparency(TransparencyAttrib.M_none, 1)
        self.root.set_bin("fixed", 0)
        grid.bind(self.root)
        self.root.set_shader_inputs(lookup=lookup, resolution=resolution)
        always = ["CPU_HEIGHTS"] if cpu_heights else []
        if self._distances is not None:
            always.append("DISTANCES")
            self.root.set_shader_input("distances", self._distances.texture)
        self.program = ProgramSwitch(
            self.root, "landscape", ("GRID_LINES", "CONTOURS", "OVERLAY"), tuple(always)
        )
        self.set_grid_lines((0.5, 0.5))
        self.set_goal((0.0, 0.0), 0.0)
        self.set_contour_step(1.0)
        self.set_certificate(0.0, (0.0, 0.0))
        self.program.use(self._shown)

    @property
    def points(self) -> NDArray[np.float32]:
        """(M², 2) float32 plane coordinates of the vertices, row by row along the first axis."""
        x0, x1, y0, y1 = self._grid.extent
        first = np.linspace(x0, x1, self.resolution, dtype=np.float32)
        second = np.linspace(y0, y1, self.resolution, dtype=np.float32)
        return np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)

    def show_grid_lines(self, on: bool) -> None:
        """Show or hide grid lines and the axes through the origin."""
        self._show("GRID_LINES", on)

    def show_contours(self, on: bool) -> None:
        """Show or hide the level sets of Q."""
        self._show("CONTOURS", on)

    def show_overlay(self, on: bool) -> None:
        """Show or hide what the certificate says: hatching and the boundary line."""
        self._show("OVERLAY", on)

    def set_grid_lines(self, spacing: tuple[float, float], origin: tuple[float, float] = (0.0, 0.0)) -> None:
        """Set the distances between grid lines of either axis in plane units, and where the axes' own lines are."""
        self.root.set_shader_input("grid_lines", (*map(float, spacing), *map(float, origin)))

    def set_contour_step(self, step: float) -> None:
        """Difference of Q between level sets; they lie on its multiples."""
        self.root.set_shader_input("contour_step", float(step))

    def set_distances(self, distances: ArrayLike, version: int) -> bool:
        """Set how far the goal is from the nodes of a grid over the plane, of a landscape made with `distances`.

        Parameters
        ----------
        distances
            (rows, columns), at least 2 × 2: r of the bounds κ(r). Interpolated like critic values.
        version
            Number that changes whenever the values do.

        Returns
        -------
        Whether they were written.
        """
        if self._distances is None:
            raise ValueError("distances are for a landscape made with distances")
        return self._distances.set(distances, version)

    def set_certificate(self, boundary: float, kappa: tuple[float, float], norm_offset: float = 0.0) -> None:
        """Set what the overlay shows.

        Hatched is where κ_low(r) ≤ −Q ≤ κ_up(r) fails, κ(r) = C·r²; the bright line is the critic value that the next
        certificate needs at least, Q† + ν̄ in the papers (arXiv 2409.09869).

        Parameters
        ----------
        boundary
            That value; NaN where there is none.
        kappa
            (C_low, C_up).
        norm_offset
            r is the distance from the plane's origin and this, as the norm of the state axes that the plane does not
            show; ignored with `distances`.
        """
        if not isfinite(boundary):
            boundary = NOWHERE  # no certificate yet
        self.root.set_shader_input("certificate", (*kappa, norm_offset * norm_offset, boundary))

    def set_goal(self, center: tuple[float, float], radius: float) -> None:
        """Draw a ring on the surface around a point; radius in plane units, 0 removes it."""
        # Without a ring the distance from it is made infinite, without a branch per fragment.
        shape = (0.5 / radius, 0.5 * radius) if radius > 0 else (0.0, 1e9)
        self.root.set_shader_input("goal", (*map(float, center), *shape))

    def set_heights(self, heights: NDArray[np.float32]) -> None:
        """Set the (M, M) heights in [0, 1] (rows along the second axis) of a landscape made with `cpu_heights`."""
        column = vertex_floats(self._vertices)
        column[:] = np.asarray(heights, np.float32).reshape(-1)
        self.uploaded_bytes += column.nbytes

    def _show(self, part: str, on: bool) -> None:
        shown = self._shown | {part} if on else self._shown - {part}
        if shown != self._shown:
            self._shown = shown
            self.program.use(shown)


def _vertex_data(resolution: int, cpu_heights: bool) -> GeomVertexData:
    """M² vertices: without any data, or with a height each."""
    if not cpu_heights:
        return bare_vertices("landscape")
    array = GeomVertexArrayFormat(InternalName.make("height"), 1, GeomEnums.NT_float32, GeomEnums.C_other)
    return vertices("landscape", resolution * resolution, GeomVertexFormat.register_format(array))
