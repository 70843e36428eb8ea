"""The swarm and the training agent on the surface, all in one draw call."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import (
    Geom,
    GeomEnums,
    GeomNode,
    GraphicsOutput,
    NodePath,
    OmniBoundingVolume,
    Texture,
    TransparencyAttrib,
)

from calf_gpu.colormap import mode_color_array
from calf_gpu.geometry import bare_vertices, triangles
from calf_gpu.heights import marked
from calf_gpu.memory import texture_floats
from calf_gpu.palette import MODE_COLORS
from calf_gpu.programs import ProgramSwitch
from calf_gpu.qgrid import QGrid
from calf_gpu.record_buffer import RecordBuffer
from calf_gpu.uploads import uploads_of

SHAPES = ("sphere", "cone")
TRIANGLES = ((0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4), (5, 6, 7), (7, 6, 8))
"""Vertices that ``shaders/agents.vert`` makes of an agent: four triangles of shadow, two around the body."""


class Agents:
    """Spheres, or cones with a heading, that rest on the surface of a Q-grid.

    The GPU gets a record of 16 bytes an agent and frame, {first axis, second axis, heading in radians, code};
    place, height, colour and shape are made of it in the vertex shader. See :func:`calf_gpu.palette.encode` for
    the code; agents whose code marks them as highlighted are yellow and larger.

    Parameters
    ----------
    grid
        The surface.
    count
        Number of agents N, at least 1.
    shape
        ``sphere`` or ``cone``; a cone's nose points along the heading, counted from the first axis to the second.
    radius
        Of a sphere or of a cone's base, in plane units.
    cpu_heights
        Take heights in [0, 1] from :meth:`update` instead of computing them on the GPU; the picture is the same.
    own_values
        Draw agents the paler the more their own critic values, given to :meth:`update`, differ from the surface under
        them: for states with more axes than the plane shows.
    mode_colors
        (K, 3) sRGB in [0, 1] by mode, K ≤ 16; later modes have the last colour.
    upload
        See :class:`~calf_gpu.record_buffer.RecordBuffer`.
    window
        The window that shows the scene; by default the first one that is open.

    Attributes
    ----------
    root
        The node to put into the scene, under the same parent as the landscape's.
    records
        The buffer of the records.
    """

    def __init__(
        self,
        grid: QGrid,
        count: int,
        shape: str = "sphere",
        radius: float = 0.075,
        *,
        cpu_heights: bool = False,
        own_values: bool = False,
        mode_colors: ArrayLike = MODE_COLORS,
        upload: str = "auto",
        window: GraphicsOutput | None = None,
    ) -> None:
        if shape not in SHAPES:
            raise ValueError(f"agent shape must be one of {', '.join(SHAPES)}, got {shape!r}")
        self.records = RecordBuffer(count, 1, upload, window=window, name="agent_records")
        self._heights = Texture("agent_heights") if cpu_heights else None
        self._values = Texture("agent_values") if own_values else None
        node = GeomNode("agents")
        node.set_bounds(OmniBoundingVolume())
        node.set_final(True)
        self.root = NodePath(node)
        self.root.set_two_sided(True)
        self.root.set_transparency(TransparencyAttrib.M_alpha, 1)
        self.root.set_bin("fixed", 30)
        grid.bind(self.root)
        self.root.set_shader_inputs(
            agent_records=self.records.texture,
            mode_colors=mode_color_array(mode_colors),
            viewport=uploads_of(window).viewport,
        )
        self.set_radius(radius)
        self._set_count(count)
        always = [shape.upper()]
        always += ["CPU_HEIGHTS"] if cpu_heights else []
        always += ["OWN_VALUES"] if own_values else []
        self.program = ProgramSwitch(self.root, "agents", always=tuple(always))

    @property
    def count(self) -> int:
        """Number of agents N."""
        return self.records.rows

    @property
    def uploaded_bytes(self) -> int:
        """Bytes of records written by raw OpenGL calls so far."""
        return self.records.uploaded_bytes

    def update(
        self,
        records: NDArray[np.float32],
        heights: NDArray[np.float32] | None = None,
        values: NDArray[np.float32] | None = None,
    ) -> None:
        """Move the agents.

        Parameters
        ----------
        records
            (N, 4) float32 {a0, a1, heading, code}.
        heights
            (N,) in [0, 1], needed with `cpu_heights` and ignored without.
        values
            (N,) critic values of the agents' own states, needed with `own_values` and ignored without.
        """
        self.records.write(0, records)
        if self._heights is not None:
            if heights is None:
                raise ValueError("agents made with cpu_heights need heights in each update")
            texture_floats(self._heights)[:] = heights
        if self._values is not None:
            if values is None:
                raise ValueError("agents made with own_values need values in each update")
            texture_floats(self._values)[:] = marked(values)

    def resize(self, count: int) -> None:
        """Add agents at the end or remove the last ones; new ones show at the origin until the next update."""
        self.records.resize(count)
        self._set_count(count)

    def set_radius(self, radius: float) -> None:
        """Radius in plane units; a uniform."""
        self.root.set_shader_input("agent_radius", float(radius))

    def _set_count(self, count: int) -> None:
        node = self.root.node()
        node.remove_all_geoms()
        node.add_geom(_geometry(count))
        for texture in (self._heights, self._values):
            if texture is not None:
                texture.setup_buffer_texture(count, Texture.T_float, Texture.F_r32, GeomEnums.UH_dynamic)
                self.root.set_shader_input(texture.get_name(), texture)


def _geometry(count: int) -> Geom:
    """:data:`TRIANGLES` of every agent, between vertices without any data."""
    each = 1 + max(map(max, TRIANGLES))
    corners = np.array(TRIANGLES) + each * np.arange(count)[:, np.newaxis, np.newaxis]
    return triangles(bare_vertices("agents"), corners)
