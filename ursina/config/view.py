"""Options of the view: how it is drawn and in what window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Colormap, Integer, Number, Size


@dataclass(frozen=True)
class ViewOptions(Room):
    """How it is drawn and in what window."""

    preset: Literal["low", "medium", "high"] = "medium"
    """Agents, trail length and grid size together: 3/300/15, 5/600/21 or 10/1000/31; each may be given as well."""

    heights: Literal["loop", "numpy", "gpu"] = "numpy"
    """Where heights are computed: a Python loop over agents, NumPy, or the vertex shaders (with trails = ring)."""

    trails: Literal["per_agent", "ring"] = "ring"
    """One mesh per agent, or all trails in one ring buffer on the GPU."""

    stats: Literal["every_frame", "cached"] = "cached"
    """HUD numbers computed and rebuilt every frame, or only when due."""

    trail_length: Annotated[int, Integer(2, 10_000)] = 600
    """Points kept of every agent's trail."""

    trail_style: Literal["ribbon", "line"] = "ribbon"
    """Trails as ribbons of trail_width pixels, or as the cheaper one-pixel lines."""

    trail_width: Annotated[float, Number(0.5, 32.0)] = 2.5
    """Width of ribbon trails in pixels."""

    trail_decimation: Annotated[int, Integer(0, 100)] = 0
    """Draw every this-many-th trail point (and always the newest); 0 thins out many agents' trails by itself."""

    trail_upload: Literal["auto", "partial", "whole"] = "auto"
    """How new trail records reach the GPU; auto takes the best the context can do."""

    colormap: Annotated[str, Colormap("viridis")] = "viridis"
    """Matplotlib colormap of the landscape."""

    height_scale: Annotated[float, Number(0.01, 20.0)] = 2.0
    """Height of the landscape's highest point in plane units."""

    agent_size: Annotated[float, Number(0.0, 1.0)] = 0.0
    """Radius of an agent in plane units; 0 makes it smaller the more agents there are."""

    show_landscape: bool = True
    """Show the landscape at start (key H)."""

    show_grid: bool = True
    """Show grid lines at start (key G)."""

    show_overlay: bool = False
    """Show the certificate overlay at start (key C)."""

    text_interval: Annotated[int, Integer(1, 10_000)] = 5
    """Frames between updates of the HUD's text with cached stats."""

    profiler_interval: Annotated[int, Integer(1, 10_000)] = 30
    """Frames between updates of the on-screen profiler table."""

    offscreen: bool = False
    """Render without a window and write preview.png and preview.mp4 into the run directory."""

    size: Annotated[tuple[int, int], Size(64, 8192)] = (1280, 720)
    """Picture size in pixels."""

    frames: Annotated[int | None, Integer(1, 100_000_000)] = None
    """Exit after this many frames; offscreen runs stop after 600 unless told otherwise, --no-render has none."""

    gl_profile: Literal["default", "core"] = "default"
    """OpenGL context: the driver's default profile, or 3.3 core (always core on macOS)."""

    hot_reload: bool = False
    """Reload shaders when their files change."""
