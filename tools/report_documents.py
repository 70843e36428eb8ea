"""The performance documents: the templates in ``report_templates/``, filled with measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tools import report_charts
from tools.benchmark_data import REFERENCE, Cell, Measurements
from tools.report_scale import COLUMNS, judge_scale
from tools.report_targets import AGENTS, PLAN, change, judge, number

DOCUMENTS = ("01_BASELINE_METRICS.md", "performance_report.md")
TEMPLATES = Path(__file__).with_name("report_templates")

FIGURES = {
    "FPS": "fps",
    "FPS p5": "fps_p5",
    "frame ms": "frame_ms",
    "frame p95": "frame_ms_p95",
    "CPU %": "cpu_percent",
    "CPU ms/frame": "cpu_ms",
    "GPU ms": "gpu_ms",
    "RSS MB": "rss_mb",
    "critic queries": "critic_queries",
    "for the picture": "critic_queries_display",
    "critic rows": "critic_rows",
    "training steps/s": "training_rate",
    "mesh updates": "mesh_updates",
    "draw calls": "draw_calls",
    "world draw calls": "world_draw_calls",
    "upload bytes": "upload_bytes",
    "spread": "spread",
}
"""Column title and figure; columns that nothing measured are left out."""


def documents(
    measured: Measurements,
    machine: Mapping[str, Any],
    origin: Sequence[tuple[str, Mapping[str, Any]]],
    reasons: Mapping[str, str],
    scale: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return the documents by file name.

    Parameters
    ----------
    measured
        The runs of all benchmark files.
    machine
        Facts of the machine, by name.
    origin
        Name and options of every benchmark file.
    reasons
        Why targets were missed, by the target's key.
    scale
        Content of the file on growth, if it was measured.
    """

    def figure(cell: Cell, name: str) -> float | None:
        return measured.spread(cell) if name == "spread" else measured.median(cell, name)

    def figures(cells: Sequence[Cell]) -> dict[str, str]:
        return {
            head: name for head, name in FIGURES.items() if any(figure(c, name) is not None for c in cells)
        }

    def sections(cells: Sequence[Cell]) -> dict[str, str]:
        return {name: f"section.{name}" for name in report_charts.sections(measured, cells)}

    def largest(cell: Cell) -> list[tuple[str, float]]:
        costs = [(figure(cell, name) or 0.0, section) for section, name in sections([cell]).items()]
        return [(section, cost) for cost, section in sorted(costs, reverse=True)[:4]]

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "change": change}
    environment.globals |= {
        **{"figure": figure, "figures": figures, "sections": sections, "largest": largest},
        **{"measured": measured, "machine": machine, "origin": origin, "reasons": reasons, "scale": scale},
        **{"agents": AGENTS, "reference": REFERENCE, "plan": PLAN},
        "growth": {title: (part, name) for title, part, name in COLUMNS},
        "verdicts": [*judge(measured), *(judge_scale(scale["summary"]) if scale else [])],
        "baseline": sorted(cell for cell in measured.cells if cell[0] == REFERENCE),
        "counts": sorted({agents for _, agents in measured.cells}),
        "variants": list(dict.fromkeys(variant for variant, _ in measured.cells)),
    }
    return {name: environment.get_template(name).render().strip() + "\n" for name in DOCUMENTS}
