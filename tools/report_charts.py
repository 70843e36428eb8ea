"""Charts of the performance report: the same measurements give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tools.benchmark_data import Cell, Measurements

COLORS = {
    "baseline": "#FB4F3A",
    "heights": "#8B98A9",
    "trails": "#A78BFA",
    "stats": "#A3E635",
    "default": "#38BDF8",
    "gpu": "#F59E0B",
    "default_process": "#1D4ED8",
    "gpu_process": "#92400E",
}
GROWTH = (
    ("draw", "frame_ms", "frame, ms", "#38BDF8"),
    ("draw", "python_ms", "renderer's Python, ms", "#A3E635"),
    ("simulate", "step_ms", "swarm step, ms", "#FB4F3A"),
    ("draw", "rss_mb", "memory of the renderer, MB", "#8B98A9"),
)
"""Part, figure, label and colour of the lines over the number of agents."""
SECTION_COLORS = colormaps["tab10"](range(10))


def draw_frame_times(measured: Measurements, path: Path) -> None:
    """Draw the median frame time over the number of agents, a line for each variant, both axes logarithmic."""
    figure, axes = _figure()
    for variant in dict.fromkeys(variant for variant, _ in measured.cells):
        points = [
            (agents, value)
            for name, agents in sorted(measured.cells)
            if name == variant and (value := measured.median((name, agents), "frame_ms")) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=variant, color=COLORS.get(variant))
    counts = sorted({agents for _, agents in measured.cells})
    axes.set(xscale="log", yscale="log", xlabel="agents", ylabel="median frame time, ms")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.axhline(1000 / 30, color="#888888", linewidth=0.8, linestyle="--", label="30 frames a second")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_breakdown(measured: Measurements, cells: Sequence[Cell], labels: Sequence[str], path: Path) -> None:
    """Draw the mean frame of each cell as a bar stacked from its sections."""
    figure, axes = _figure()
    bottom = [0.0] * len(cells)
    for index, section in enumerate(sections(measured, cells)):
        heights = [measured.median(cell, f"section.{section}") or 0.0 for cell in cells]
        color = "#C9D1D9" if section == "other" else SECTION_COLORS[index % len(SECTION_COLORS)]
        axes.bar(labels, heights, bottom=bottom, label=section, color=color, width=0.65)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set(ylabel="mean frame, ms", ylim=(0.0, 1.05 * max([*bottom, 1e-3])))
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _save(figure, path)


def draw_growth(summary: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """Draw medians over the number of agents, out of a file of ``tools/benchmark_scale.py``; both axes logarithmic."""
    figure, axes = _figure()
    for part, name, label, color in GROWTH:
        cells = sorted((int(n), cell[name]) for n, cell in summary.get(part, {}).items() if name in cell)
        if cells:
            axes.plot(*zip(*cells, strict=True), marker="o", label=label, color=color)
    axes.set(xscale="log", yscale="log", xlabel="agents")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _save(figure, path)


def sections(measured: Measurements, cells: Sequence[Cell]) -> list[str]:
    """Return the sections measured in any of the cells, alphabetically, the rest of the frame last."""
    names = {name for cell in cells for name in measured.names(cell) if name.startswith("section.")}
    return sorted((name.removeprefix("section.") for name in names), key=lambda name: (name == "other", name))


def _figure() -> tuple[Figure, Axes]:
    matplotlib.rcdefaults()  # whatever the user's matplotlibrc says
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Matplotlib writes its version into PNG files unless told not to.
    figure.savefig(path, dpi=110, metadata={"Software": None})
