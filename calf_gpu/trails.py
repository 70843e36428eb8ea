"""The trails of all agents: one ring of records on the GPU, of which a step writes one slot, and one draw call."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from panda3d.core import (
    Geom,
    GeomLinestrips,
    GeomNode,
    GeomTristrips,
    GraphicsOutput,
    LVecBase3i,
    NodePath,
    OmniBoundingVolume,
    TransparencyAttrib,
)

from calf_gpu.colormap import mode_color_array
from calf_gpu.geometry import bare_vertices
from calf_gpu.palette import MODE_COLORS
from calf_gpu.programs import ProgramSwitch
from calf_gpu.qgrid import QGrid
from calf_gpu.record_buffer import RecordBuffer
from calf_gpu.thinning import Thinning, automatic_thinning
from calf_gpu.uploads import uploads_of

STYLES = ("ribbon", "line")

CROWD = 100
"""Trails from which on thinned ribbons get narrower: half as wide at 16 times as many, as agents get smaller."""

CASING_PX = 1.2
"""Dark edge of a ribbon on each side, in pixels, where there is no crowd."""

MOST_TRAILS = 10_000
"""Trails that are drawn when they are thinned, of the first agents: more would only cover each other."""


class TrailRing:
    """The last steps of every agent, drawn on the surface of a Q-grid as it is now.

    Heights are sampled when the trails are drawn, so they follow every change of the critic. Trails fade with age,
    are coloured by the mode of each step, and break where an agent respawns.

    Parameters
    ----------
    grid
        The surface that the trails lie on.
    agents
        Number of trails, at least 1.
    length
        Steps that a trail reaches back, at least 1.
    style
        ``ribbon`` (bands of `width_px` with soft edges) or ``line`` (one pixel, several times cheaper).
    width_px
        Width of the ribbons in pixels; that of highlighted agents is half as much again.
    decimation
        Draw the points at steps that are multiples of this, which therefore keep still, and the head; 1 draws
        all, 0 as many as :func:`~calf_gpu.thinning.automatic_thinning` allows. The first steps of an episode, up
        to the first such point, are not drawn. With 0, trails of a crowd also get thinner with age and ribbons
        narrower (:data:`CROWD`), and no more than :data:`MOST_TRAILS` are drawn.
    mode_colors
        (K, 3) sRGB in [0, 1] by mode, K ≤ 16; later modes have the last colour.
    upload
        See :class:`~calf_gpu.record_buffer.RecordBuffer`.
    window
        The window that shows the scene; by default the first one that is open.

    Attributes
    ----------
    root
        The node to put into the scene; plane axes are its x and y, height its z.
    records
        The ring on the GPU, one row an agent, `length` + 1 slots.
    thinning
        The points drawn at present.

    Raises
    ------
    ValueError
        An impossible number or name, or more records than the context can hold.
    """

    def __init__(
        self,
        grid: QGrid,
        agents: int,
        length: int,
        *,
        style: str = "ribbon",
        width_px: float = 2.5,
        decimation: int = 0,
        mode_colors: ArrayLike = MODE_COLORS,
        upload: str = "auto",
        window: GraphicsOutput | None = None,
    ) -> None:
        if style not in STYLES:
            raise ValueError(f"trail style must be one of {', '.join(STYLES)}, got {style!r}")
        if length < 1:
            raise ValueError(f"trail length must be at least 1, got {length}")
        if not 0 <= decimation <= length:
            raise ValueError(f"trail decimation must be in 0..{length} (the length), got {decimation}")
        self.length = length
        self.style = style
        self.thinning = Thinning(0)
        self._wanted_decimation = decimation
        self.records = RecordBuffer(agents, length + 1, upload, window=window, name="trail_records")
        self._step = length  # so that steps before the first one have numbers from 0 on
        self._times = np.full(agents, -1.0, np.float32)
        node = GeomNode("trails")
        node.set_bounds(OmniBoundingVolume())
        node.set_final(True)
        self.root = NodePath(node)
        self.root.set_two_sided(True)
        self.root.set_transparency(TransparencyAttrib.M_alpha, 1)
        self.root.set_depth_write(False)
        self.root.set_bin("fixed", 20)
        grid.bind(self.root)
        self.root.set_shader_inputs(
            trail_records=self.records.texture,
            trail_head=self.records.newest,
            trail_slots=self.records.slots,
            mode_colors=mode_color_array(mode_colors),
            viewport=uploads_of(window).viewport,
        )
        self._width_px = width_px
        self._show_agents()
        self.program = ProgramSwitch(self.root, "trails", always=(style.upper(),))

    @property
    def agents(self) -> int:
        """Number of trails."""
        return len(self._times)

    def push(self, points: ArrayLike, codes: ArrayLike, respawned: ArrayLike | None = None) -> None:
        """Add one step to every trail; 16 bytes an agent go to the GPU.

        Parameters
        ----------
        points
            (N, 2) plane coordinates of all agents.
        codes
            (N,) modes of the actions that led there, with a mark for highlighted agents
            (:func:`~calf_gpu.palette.encode`).
        respawned
            (N,) true where an episode starts with this step: no line joins it to the agent's last one.

        Raises
        ------
        ValueError
            Arrays of another number of agents.
        """
        points = np.asarray(points)
        if points.shape != (self.agents, 2):
            raise ValueError(f"points must have the shape ({self.agents}, 2), got {points.shape}")
        self._times += 1.0
        if respawned is not None:
            self._times[np.asarray(respawned, bool)] = 0.0
        records = np.empty((self.agents, 4), np.float32)
        records[:, :2] = points
        records[:, 2] = self._times
        records[:, 3] = codes
        self._step += 1
        self.records.write(self._step % self.records.slots, records, self.thinning.since_coarse(self._step))

    def resize(self, agents: int) -> None:
        """Add agents at the end, without trails, or remove the last ones; the others keep their trails."""
        self.records.resize(agents)
        times = np.full(agents, -1.0, np.float32)
        kept = min(agents, self.agents)
        times[:kept] = self._times[:kept]
        self._times = times
        self._show_agents()

    def set_width(self, width_px: float) -> None:
        """Change the width of ribbons, in pixels > 0."""
        if not width_px > 0:
            raise ValueError(f"trail width must be greater than 0 pixels, got {width_px}")
        self._width_px = float(width_px)
        narrowing = 1.0 if self._wanted_decimation else min(1.0, CROWD / self.agents) ** 0.25
        self.root.set_shader_inputs(
            ribbon_width=self._width_px * narrowing, ribbon_casing=CASING_PX * narrowing
        )

    def close(self) -> None:
        """Take the trails out of the scene."""
        self.root.remove_node()

    def _show_agents(self) -> None:
        """Draw one instance an agent, each with as many points as the decimation leaves."""
        drawn = self.agents if self._wanted_decimation else min(self.agents, MOST_TRAILS)
        self.root.set_instance_count(drawn)
        self.set_width(self._width_px)
        self.root.set_shader_input("trail_rows", self.agents)
        automatic = automatic_thinning(self.style, drawn, self.length)
        thinning = Thinning(self._wanted_decimation) if self._wanted_decimation else automatic
        if thinning == self.thinning:
            return
        self.thinning = thinning
        points = thinning.points(self.length)
        lines = self.style == "line"
        node = self.root.node()
        node.remove_all_geoms()
        node.add_geom(_strip(points, GeomLinestrips) if lines else _strip(2 * points, GeomTristrips))
        self.root.set_shader_inputs(
            trail_points=points,
            trail_thinning=LVecBase3i(thinning.stride, thinning.coarsening, thinning.fine),
        )


def _strip(count: int, kind: type[GeomTristrips] | type[GeomLinestrips]) -> Geom:
    """One strip of vertices without any data."""
    strip = kind(Geom.UH_static)
    strip.add_next_vertices(count)
    strip.close_primitive()
    geom = Geom(bare_vertices("trails"))
    geom.add_primitive(strip)
    return geom
