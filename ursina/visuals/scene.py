"""What every scene can do, and the arrays that scenes take out of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from panda3d.core import (
    CS_zup_right,
    LMatrix4f,
    NodePath,
    get_default_coordinate_system,
)

from calf_gpu.app.config.view import ViewOptions
from calf_gpu.app.stream.frame import Frame
from calf_gpu.app.stream.header import Header
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from calf_gpu.programs import ProgramSwitch

AGENT_RADIUS = 0.085
"""Radius of an agent in plane units where there are few."""

CROWD = 100
"""Spheres from which on they get smaller: half the size at 16 times as many."""

CONE_CROWD = 25
"""The same for cones, which take more room and have a heading to show."""

Part = Literal["landscape", "grid", "overlay"]


class Scene(Protocol):
    """The world as one picture: landscape, agents, trails and axes. The HUD is not part of it."""

    root: NodePath
    """Node of everything, in Ursina's axes: (first state axis, height, second state axis)."""
    heatmap: CriticHeatmap
    """The newest Q-grid and its range."""

    @property
    def programs(self) -> Sequence[ProgramSwitch]:
        """The shader programs that draw it, for checks and hot reload."""

    def show(self, frame: Frame) -> None:
        """Bring the picture up to date; agents that joined or left are added or removed at the end."""

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide a part; return false if this scene does not have it."""

    def close(self) -> None:
        """Take everything out of the scene graph."""


class TrailPoints(NamedTuple):
    """The newest point of every trail."""

    points: NDArray[np.float32]
    """(M, 2) in the picture's plane."""
    codes: NDArray[np.float32]
    """(M,) what records on the GPU hold: mode, and a mark for the training agent."""
    breaks: NDArray[np.bool_]
    """(M,) where no line joins it to the point before."""


class Trails(Protocol):
    """The trails of all agents, whatever draws them."""

    def push(self, points: TrailPoints, heights: NDArray[np.floating]) -> int:
        """Add a point to every trail and return the number of meshes rebuilt.

        ``heights`` (M,) are those of the surface in the world now; renderers that sample the surface when they
        draw do without.
        """

    def resize(self, agents: int) -> None:
        """Add or remove trails at the end; the others stay."""

    def close(self) -> None:
        """Take the trails out of the scene graph."""


def agent_radius(options: ViewOptions, header: Header, agents: int) -> float:
    """Return the radius of an agent in plane units: the one asked for, or one that leaves the surface to be seen."""
    crowd = CROWD if header.heading is None else CONE_CROWD
    return options.agent_size or AGENT_RADIUS * min(1.0, crowd / agents) ** 0.25


def mode_colors(header: Header) -> NDArray[np.float32]:
    """Return (K, 3) the colours of the header's categories."""
    return np.array([category.color for category in header.categories], np.float32)


def plane_node(parent: NodePath, height_scale: float) -> NodePath:
    """Return a node with the plane's axes (z up, heights in [0, 1]) under one with Ursina's."""
    node = parent.attach_new_node("plane")
    to_default = LMatrix4f.convert_mat(CS_zup_right, get_default_coordinate_system())
    node.set_mat(LMatrix4f.scale_mat(1.0, 1.0, height_scale) * to_default)
    return node


def colormap_colors(name: str, count: int = 256) -> NDArray[np.float32]:
    """Return ``count`` RGB colours of a Matplotlib colormap, lowest value first, (count, 3).

    Raises
    ------
    ValueError
        If Matplotlib has no colormap of this name; the text lists those it has.
    """
    from matplotlib import colormaps  # slow to import, and only wanted here

    if name not in colormaps:
        known = ", ".join(sorted(known for known in colormaps if not known.endswith("_r")))
        raise ValueError(f"colormap accepts {known} (each reversed with _r), got {name!r}")
    return colormaps[name](np.linspace(0.0, 1.0, count))[:, :3].astype(np.float32)
