"""What every scene can do, and the arrays that scenes take out of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import System
from calf_gpu.app.training.frame_state import FrameState, SwarmStep
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from numpy.typing import NDArray
from panda3d.core import (
    CS_zup_right,
    LMatrix4f,
    NodePath,
    get_default_coordinate_system,
)

from calf_gpu.palette import encode

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

    def show(self, frame: FrameState) -> None:
        """Bring the picture up to date; agents that joined or left are added or removed at the end."""

    def set_visible(self, part: Part, on: bool) -> bool:
        """Show or hide a part; return false if this scene does not have it."""

    def close(self) -> None:
        """Take everything out of the scene graph."""


@dataclass(frozen=True)
class AgentArrays:
    """All agents of a frame: the training agent first, then the swarm; M = N + 1."""

    points: NDArray[np.float32]
    """(M, 2) plane coordinates."""
    headings: NDArray[np.float32]
    """(M,) radians, 0 where the system has no heading."""
    modes: NDArray[np.uint8]
    """(M,) who chose the last action."""
    codes: NDArray[np.float32]
    """(M,) mode, plus 4 for the training agent: what records on the GPU hold."""
    respawned: NDArray[np.bool_]
    """(M,) true where an episode starts with this frame."""


class Trails(Protocol):
    """The trails of all agents, whatever draws them."""

    def push(self, agents: AgentArrays, heights: NDArray[np.floating]) -> int:
        """Add a point to every trail and return the number of meshes rebuilt.

        ``heights`` (M,) are those of the surface in the world now; renderers that sample the surface when they
        draw do without.
        """

    def resize(self, agents: int) -> None:
        """Add or remove trails at the end; the others stay."""

    def close(self) -> None:
        """Take the trails out of the scene graph."""


def gather(frame: FrameState | SwarmStep, heading_axis: int | None) -> AgentArrays:
    """Join the training agent and the swarm of a frame, or of a step between two frames."""
    count = 1 + len(frame.states)
    points = np.empty((count, 2), np.float32)
    points[0] = frame.training_state[:2]
    points[1:] = frame.states[:, :2]
    headings = np.zeros(count, np.float32)
    if heading_axis is not None:
        headings[0] = frame.training_state[heading_axis]
        headings[1:] = frame.states[:, heading_axis]
    modes = np.empty(count, np.uint8)
    modes[0] = frame.training_mode
    modes[1:] = frame.modes
    respawned = np.empty(count, np.bool_)
    respawned[0] = frame.training_respawned
    respawned[1:] = frame.respawned
    highlighted = np.zeros(count, np.bool_)
    highlighted[0] = True
    return AgentArrays(points, headings, modes, encode(modes, highlighted), respawned)


def agent_radius(config: VisualizationConfig, system: System, agents: int) -> float:
    """Return the radius of an agent in plane units: the one asked for, or one that leaves the surface to be seen."""
    crowd = CROWD if system.heading_axis is None else CONE_CROWD
    return config.agent_size or AGENT_RADIUS * min(1.0, crowd / agents) ** 0.25


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
