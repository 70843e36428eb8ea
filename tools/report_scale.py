"""The report's part on growth: from 20 to 100,000 agents, out of the file of ``tools/benchmark_scale.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.benchmark_data import DataError, load_json
from tools.report_targets import Verdict, number

SCALE_SCHEMA = 1

Summary = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Medians over the rounds by part (``draw``, ``simulate``, ``start``), number of agents and figure."""

COLUMNS = (
    ("frame ms", "draw", "frame_ms"),
    ("frame p95", "draw", "frame_ms_p95"),
    ("CPU ms/frame", "draw", "cpu_ms"),
    ("renderer's Python ms", "draw", "python_ms"),
    ("upload bytes", "draw", "upload_bytes"),
    ("RSS MB, drawing", "draw", "rss_mb"),
    ("swarm steps/s", "simulate", "steps_per_second"),
    ("swarm step ms", "simulate", "step_ms"),
    ("RSS MB, simulating", "simulate", "rss_mb"),
    ("first state, s", "start", "start_s"),
)
"""Title, part and figure of the table's columns."""

LIMITS = (
    ("scale_frame", "Frame time, not training, ms", "draw", "frame_ms", 20, 16.7),
    ("scale_tail", "Frame time, not training, 95th percentile over median", "draw", "frame_ms_tail", 20, 2.0),
    ("scale_frame", "Frame time with full trails, ms", "draw", "frame_ms", 1_000, 66.0),
    ("scale_frame", "Frame time with full trails, ms", "draw", "frame_ms", 10_000, 250.0),
    ("scale_python", "Renderer's Python time, ms", "draw", "python_ms", 10_000, 2.0),
    ("scale_start", "From the start to the first state shown, s", "start", "start_s", 20, 3.0),
)
"""Key, title, part, figure, number of agents and the most it may be."""

SLAB_BYTES = 32
"""Bytes of an agent and frame: its record for the body and its record for the trail."""


def load_scale(path: Path) -> dict[str, Any]:
    """Read a file written by ``tools/benchmark_scale.py``; raises :class:`DataError` if it is none."""
    content = load_json(path)
    if not isinstance(content, dict) or content.get("scale") != SCALE_SCHEMA:
        raise DataError(f'{path}: not a benchmark of growth: "scale" must be {SCALE_SCHEMA}')
    if not isinstance(content.get("summary"), dict) or not isinstance(content.get("machine"), dict):
        raise DataError(f"{path}: not a benchmark of growth: summary and machine must be objects")
    return content


def judge_scale(summary: Summary) -> list[Verdict]:
    """Return a verdict on every target of growth."""
    drawn = summary.get("draw", {})
    verdicts = []
    for key, title, part, name, agents, limit in LIMITS:
        value = _figures(summary.get(part, {}), agents).get(name)
        verdicts.append(
            Verdict(
                f"{key}_{agents}",
                f"{title}, {agents:,} agents",
                "gpu",
                "–",
                f"≤ {limit:g}",
                "not measured" if value is None else number(value),
                None if value is None else value <= limit,
            )
        )
    return [*verdicts, _uploads(drawn)]


def _figures(cells: Mapping[str, Mapping[str, float]], agents: int) -> dict[str, float]:
    """Return the figures of a number of agents, with ``frame_ms_tail``; empty where it was not measured."""
    figures = dict(cells.get(str(agents), {}))
    if "frame_ms_p95" in figures:
        figures["frame_ms_tail"] = figures["frame_ms_p95"] / figures["frame_ms"]
    return figures


def _uploads(drawn: Mapping[str, Mapping[str, float]]) -> Verdict:
    """Judge that a frame sends exactly two records an agent, while the grid stays."""
    sent: Sequence[tuple[int, float]] = [
        (int(agents), cell["upload_bytes"]) for agents, cell in drawn.items() if "upload_bytes" in cell
    ]
    wrong = [f"{value:,.0f} with {agents:,}" for agents, value in sent if value != SLAB_BYTES * (agents + 1)]
    counts = ", ".join(f"{agents:,}" for agents, _ in sorted(sent))
    return Verdict(
        "scale_upload",
        f"Bytes uploaded a frame, {counts or 'any number of'} agents, the training agent included",
        "gpu",
        "–",
        f"{SLAB_BYTES} an agent",
        "not measured" if not sent else "; ".join(wrong) or f"{SLAB_BYTES} an agent",
        not wrong if sent else None,
    )
