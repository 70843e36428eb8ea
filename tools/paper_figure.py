"""The figure of the CALF paper's experiment, out of the numbers that ``tools/reproduce_paper.py`` writes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from calf_gpu.app.utils.atomic_files import write_atomically

Json = dict[str, Any]

INK, FAINT = "#1F2933", "#5B6673"
STYLES: dict[str, dict[str, Any]] = {
    "calf": {"color": "#12408C", "linestyle": "-", "marker": "o", "linewidth": 1.8, "zorder": 5},
    "td3": {"color": "#C8553D", "linestyle": "-.", "marker": "s", "linewidth": 1.3, "zorder": 4},
    "sac": {"color": "#E3A63A", "linestyle": "-", "marker": "^", "linewidth": 1.3, "zorder": 3},
}
"""Different in lightness, dash and marker, so that they can be told apart in grey."""
STABILIZER: dict[str, Any] = {"color": INK, "linestyle": (0, (5, 2)), "linewidth": 1.2}
TEXT: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "axes.linewidth": 0.7,
}
SIZE, DPI = (10.0, 4.0), 140
"""Inches and pixels an inch: 1400 × 560 pixels."""


def draw(summary: Json, path: Path) -> None:
    """Draw learning curves, goals while learning and paths into a PNG file.

    Parameters
    ----------
    summary
        What :func:`tools.reproduce_paper.summarize` returns.
    path
        The file to write.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with matplotlib.rc_context(TEXT):
        figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white", layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=[1.2, 0.95, 1.13])
        _draw_returns(left, summary)
        _draw_goals(middle, summary)
        _draw_paths(right, summary)
        figure.legend(
            handles=_legend(summary), loc="outside upper center", ncols=4, frameon=False, handlelength=2.8
        )
        seeds, starts = summary["seeds"], summary["fresh_starts"]
        figure.supxlabel(
            f"Lines: medians over {seeds} {'seed' if seeds == 1 else 'seeds'}; bands: interquartile ranges. "
            f"(a) without exploration noise, from {starts} fixed starts. (c) CALF's median seed.",
            fontsize=9,
            color=FAINT,
        )
        content = BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
    write_atomically(path, content.getvalue())


def _draw_returns(axes: Axes, summary: Json) -> None:
    """Draw the return of what has been learnt over steps, on a logarithmic scale of costs."""
    for name, learner in summary["learners"].items():
        curve = learner["evaluation"]
        cost = {each: -np.array(curve["return"][each], float) for each in ("low", "median", "high")}
        _band(axes, name, curve["steps"], cost["low"], cost["median"], cost["high"])
    axes.axhline(-summary["stabilizer"]["return"], zorder=4.5, **STABILIZER)
    axes.set_yscale("log")
    axes.invert_yaxis()
    low, high = sorted(axes.get_ylim())
    ticks = [tick for tick in (50, 100, 200, 500, 1000, 2000, 5000) if low <= tick <= high]
    axes.set_yticks(ticks, [f"−{tick:,}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    _finish(axes, "(a) Return of the learnt policy", summary)


def _draw_goals(axes: Axes, summary: Json) -> None:
    """Draw the share of training episodes that reached the goal over steps."""
    for name, learner in summary["learners"].items():
        curve = learner["training"]
        share = {each: 100 * np.array(curve["goal"][each], float) for each in ("low", "median", "high")}
        _band(axes, name, curve["steps"], share["low"], share["median"], share["high"])
    axes.set(ylim=(-4, 104), yticks=range(0, 101, 25))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    _finish(axes, f"(b) Goal reached, last {summary['goal_window']} training episodes", summary)
    for place, learner in enumerate(summary["learners"].values()):
        count = learner["training"]
        told = f"{learner['label']}: {count['episodes_at_goal']:,} of {count['episodes']:,}"
        _tell(axes, 0.62 - 0.07 * place, told, INK)
    _tell(axes, 0.69, "in all", FAINT)


def _draw_paths(axes: Axes, summary: Json) -> None:
    """Draw the hot spot, the goal, and how stabilizer and CALF drive from the same starts."""
    system = summary["system"]
    (x, y), width, goal = system["spot"], system["spot_width"], system["goal_radius"]
    west, east, south, north = -1.32, 0.3, -1.32, 0.3
    grid = np.meshgrid(np.linspace(west, east, 300), np.linspace(south, north, 300))
    heat = np.exp(-0.5 * ((grid[0] - x) ** 2 + (grid[1] - y) ** 2) / width**2)
    axes.imshow(
        np.where(heat > 0.01, heat, np.nan),
        extent=(west, east, south, north),
        origin="lower",
        cmap="OrRd",
        vmin=0.0,
        vmax=1.3,
        zorder=0,
    )
    axes.add_patch(
        Circle((0.0, 0.0), goal, facecolor="#CFE8D5", edgecolor="#2F7D4F", linewidth=0.9, zorder=1)
    )
    axes.annotate("goal", (0.0, 0.0), (0.0, goal + 0.03), ha="center", va="bottom")
    axes.annotate("hot spot", (x, y), (x - 0.12, y + 0.3), ha="right", va="bottom",
                  arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.7})  # fmt: skip
    for way in summary["stabilizer"]["paths"]:
        axes.plot(*np.array(way).T, color="#4A4A4A", linestyle=(0, (4, 2)), linewidth=0.9, zorder=2)
    for way in summary["learners"]["calf"]["paths"]:
        axes.plot(*np.array(way).T, color=STYLES["calf"]["color"], linewidth=1.2, alpha=0.85, zorder=3)
        axes.plot(*way[0], "o", color=INK, markersize=2.6, zorder=4)
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal", xlabel="x, m", ylabel="y, m")
    axes.set_xticks([-1.0, -0.5, 0.0], ["−1", "−0.5", "0"])
    axes.set_yticks([-1.0, -0.5, 0.0], ["−1", "−0.5", "0"])
    axes.set_title(f"(c) Ways after {_thousands(summary['steps'])} steps", loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _band(axes: Axes, name: str, steps: Any, low: Any, median: Any, high: Any) -> None:
    """Draw a median with its band; what is nan is left out."""
    style = STYLES[name]
    axes.fill_between(
        steps, low, high, color=style["color"], alpha=0.2, linewidth=0, zorder=style["zorder"] - 2
    )
    axes.plot(steps, median, **style, markersize=3.4, markevery=4, markeredgewidth=0)


def _tell(axes: Axes, height: float, text: str, color: str) -> None:
    """Write a line at the right, on white."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(0.97, height, text, ha="right", color=color, transform=axes.transAxes, bbox=box)


def _finish(axes: Axes, title: str, summary: Json) -> None:
    """Set what both charts over steps have in common."""
    axes.set_title(title, loc="left")
    axes.set(xlim=(0, summary["steps"]))
    agents = summary["learners"]["calf"]["learn"]["training_agents"]
    axes.set_xlabel(f"steps of all {agents} training agents")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _thousands(value)))
    axes.grid(axis="y", color="#E3E7EB", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _thousands(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _legend(summary: Json) -> list[Line2D]:
    """Return the lines that stand for the contenders."""
    lines = [
        Line2D([], [], label=learner["label"], markersize=4, **STYLES[name])
        for name, learner in summary["learners"].items()
    ]
    return [*lines, Line2D([], [], label="stabilizer alone", **STABILIZER)]
