"""A door to the picture of a training; it opens when somebody asks for what is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calf_gpu.app.visuals.visual_agent import VisualAgent
    from calf_gpu.app.visuals.visualizer import TrainingVisualizer

__all__ = ["TrainingVisualizer", "VisualAgent"]


def __getattr__(name: str) -> Any:
    """Import Panda3D only for whoever draws."""
    if name == "TrainingVisualizer":
        from calf_gpu.app.visuals.visualizer import TrainingVisualizer

        return TrainingVisualizer
    if name == "VisualAgent":
        from calf_gpu.app.visuals.visual_agent import VisualAgent

        return VisualAgent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
