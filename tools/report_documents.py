"""The text of the performance documents: Markdown tables made of measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.benchmark_data import REFERENCE, Cell, Measurements
from tools.report_charts import sections
from tools.report_scale import judge_scale, scale_section
from tools.report_targets import AGENTS, PLAN, Verdict, change, judge, number

Origin = Sequence[tuple[str, Mapping[str, Any]]]
"""Name and options of every benchmark file."""

FIGURES = (
    ("FPS", "fps"),
    ("FPS p5", "fps_p5"),
    ("frame ms", "frame_ms"),
    ("frame p95", "frame_ms_p95"),
    ("CPU %", "cpu_percent"),
    ("CPU ms/frame", "cpu_ms"),
    ("GPU ms", "gpu_ms"),
    ("RSS MB", "rss_mb"),
    ("critic queries", "critic_queries"),
    ("for the picture", "critic_queries_display"),
    ("critic rows", "critic_rows"),
    ("training steps/s", "training_rate"),
    ("mesh updates", "mesh_updates"),
    ("draw calls", "draw_calls"),
    ("world draw calls", "world_draw_calls"),
    ("upload bytes", "upload_bytes"),
)
"""Column title and figure; columns that nothing measured are left out."""


def baseline_document(measured: Measurements, machine: Mapping[str, Any], origin: Origin) -> str:
    """Return ``01_BASELINE_METRICS.md``: the program before optimization."""
    cells = sorted(cell for cell in measured.cells if cell[0] == REFERENCE)
    parts = [
        "# Baseline metrics",
        "The program with `--baseline` (heights in a Python loop, one mesh per trail, every number of the HUD "
        "computed and drawn every frame) before any optimization. " + _written_by(),
        "## How it was measured",
        _conditions(machine, origin),
        "## Figures by number of agents",
        _figures(measured, cells, lambda cell: str(cell[1]), "agents"),
        "## Where the frame goes",
        _breakdown(measured, cells, lambda cell: str(cell[1]), "agents"),
        "![Mean frame of the baseline by section](charts/baseline_breakdown.png)",
        _notes(),
    ]
    return "\n\n".join(parts) + "\n"


def report_document(
    measured: Measurements,
    machine: Mapping[str, Any],
    origin: Origin,
    reasons: Mapping[str, str],
    scale: Mapping[str, Any] | None = None,
) -> str:
    """Return ``performance_report.md``: targets, comparison, ablation, charts, and growth if it was measured."""
    verdicts = [*judge(measured), *(judge_scale(scale["summary"]) if scale else [])]
    met = sum(verdict.met is True for verdict in verdicts)
    missed = [verdict for verdict in verdicts if verdict.met is False]
    unknown = sum(verdict.met is None for verdict in verdicts)
    counts = sorted({agents for _, agents in measured.cells})
    parts = [
        "# Performance report",
        f"**{met} targets met, {len(missed)} missed, {unknown} not measured.** " + _written_by(),
        "## Targets",
        _targets(verdicts),
        "Medians over the rounds; changes in brackets are medians of the ratios to the baseline run of the same "
        "round. `default` is numpy heights, ring trails, cached stats; `gpu` is `--gpu-heights`. Both train inline "
        "like the baseline, one step a frame; with `_process` training has its own process and swarm steps "
        "follow real time, so that only time, not counts a frame, compares.",
        *_missed(measured, missed, reasons),
        "## Against the numbers of the plan",
        "The plan of this stage expected these numbers at 20 agents on another machine; they are shown for "
        "completeness. Runs are not throttled, so CPU usage says how parallel a frame is, not how cheap: "
        "CPU time a frame is the figure to compare.",
        _plan(measured),
        "## How it was measured",
        _conditions(machine, origin),
        "## Frame time over agents",
        "![Median frame time over the number of agents](charts/frame_time.png)",
        _frame_times(measured, counts),
        f"## Each optimization alone ({AGENTS} agents)",
        _ablation(measured),
        "![Mean frame by section](charts/breakdown.png)",
        *(scale_section(scale, table) if scale else []),
        "## All figures",
    ]
    for agents in counts:
        cells = [cell for cell in measured.cells if cell[1] == agents]
        parts += [f"### {agents} agents", _figures(measured, cells, lambda cell: cell[0], "variant")]
        parts += [_breakdown(measured, cells, lambda cell: cell[0], "section ms")]
    parts += [_failures(measured), _notes()]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _written_by() -> str:
    return "Written by `python tools/performance_report.py` from the JSON files named below; do not edit."


def _conditions(machine: Mapping[str, Any], origin: Origin) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)
    lines = [f"- Machine: {facts}."]
    for name, options in origin:
        lines.append(
            f"- `measurements/{name}`: {options.get('rounds')} rounds of {options.get('frames')} frames (fewer "
            f"above 100 agents) after {options.get('warmup')} frames of warm-up, {options.get('size')}, "
            f"seed {options.get('seed')}, medium preset, offscreen, resumed after "
            f"{options.get('episodes', 0)} episodes of training"
            + (f", `{options['extra']}`" if options.get("extra") else "")
            + ". Written by `python tools/benchmark.py`."
        )
    return "\n".join(lines)


def _figures(measured: Measurements, cells: Sequence[Cell], label: Any, title: str) -> str:
    columns = [
        (head, name) for head, name in FIGURES if any(measured.median(c, name) is not None for c in cells)
    ]
    rows = [
        [
            label(cell),
            *(number(measured.median(cell, name)) for _, name in columns),
            number(measured.spread(cell)),
        ]
        for cell in cells
    ]
    return table([title, *(head for head, _ in columns), "spread"], rows)


def _breakdown(measured: Measurements, cells: Sequence[Cell], label: Any, title: str) -> str:
    names = sections(measured, cells)
    rows = [
        [label(cell), *(number(measured.median(cell, f"section.{name}")) for name in names)] for cell in cells
    ]
    return table([title, *names], rows)


def _targets(verdicts: Sequence[Verdict]) -> str:
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [[v.title, v.variant, v.baseline, v.target, v.measured, words[v.met]] for v in verdicts]
    return table(["target", "variant", "baseline", "wanted", "measured", "met"], rows)


def _missed(measured: Measurements, missed: Sequence[Verdict], reasons: Mapping[str, str]) -> list[str]:
    """Return why targets were missed: the written reason, and where the frame's time goes."""
    if not missed:
        return []
    lines = []
    for verdict in missed:
        reason = reasons.get(verdict.key, f"no reason written yet (`{verdict.key}` in reasons.toml).")
        lines.append(f"- **{verdict.title}** ({verdict.variant}): {verdict.measured}. {reason}")
    shares = [_largest_sections(measured, (variant, AGENTS)) for variant in ("default", "gpu")]
    return ["### Missed, and why", "\n".join(lines), "\n".join(f"- {share}" for share in shares if share)]


def _largest_sections(measured: Measurements, cell: Cell) -> str:
    fps = measured.median(cell, "fps")
    if not fps:
        return ""
    costs = [(measured.median(cell, f"section.{name}") or 0.0, name) for name in sections(measured, [cell])]
    largest = ", ".join(f"{name} {number(cost)} ms" for cost, name in sorted(costs, reverse=True)[:4])
    return f"The mean frame of `{cell[0]}` at {cell[1]} agents takes {number(1e3 / fps)} ms: {largest}."


def _plan(measured: Measurements) -> str:
    rows = []
    for title, name, before, after, reached in PLAN:
        values = {
            variant: measured.median((variant, AGENTS), name) for variant in (REFERENCE, "default", "gpu")
        }
        cells = [number(values[REFERENCE])]
        for variant in ("default", "gpu"):
            value = values[variant]
            cells.append(number(value) + ("" if value is None else " ✓" if reached(value) else " ✗"))
        rows.append([title, before, cells[0], after, *cells[1:]])
    return table(["figure", "baseline expected", "baseline", "result expected", "default", "gpu"], rows)


def _frame_times(measured: Measurements, counts: Sequence[int]) -> str:
    variants = list(dict.fromkeys(variant for variant, _ in measured.cells))
    rows = []
    for variant in variants:
        cells = []
        for agents in counts:
            time = measured.median((variant, agents), "frame_ms")
            ratio = measured.ratio((variant, agents), (REFERENCE, agents), "fps")
            text = number(time)
            cells.append(text if ratio is None or variant == REFERENCE else f"{text} (×{ratio:.2f})")
        rows.append([variant, *cells])
    header = ["frame ms (FPS ratio)", *(f"N = {agents}" for agents in counts)]
    return table(header, rows)


def _ablation(measured: Measurements) -> str:
    figures = (
        *("fps", "frame_ms", "cpu_ms", "critic_queries_display"),
        *("mesh_updates", "world_draw_calls", "section.ui"),
    )
    rows = []
    for cell in measured.cells:
        if cell[1] == AGENTS:
            ratios = [measured.ratio(cell, (REFERENCE, AGENTS), name) for name in figures]
            rows.append([cell[0], *(change(ratio) for ratio in ratios)])
    titles = [
        *("FPS", "frame ms", "CPU ms/frame", "critic queries for the picture"),
        *("mesh updates", "world draw calls", "HUD ms"),
    ]
    return table(["variant", *titles], rows)


def _failures(measured: Measurements) -> str:
    lines = [
        f"- {variant}, {agents} agents: {error}"
        for (variant, agents), errors in measured.errors.items()
        for error in errors
    ]
    return "\n\n".join(["## Runs that failed", "\n".join(lines)]) if lines else ""


def _notes() -> str:
    return (
        "FPS is frames over time, FPS p5 that of the 95th percentile of frame time; CPU % counts all threads, "
        "100 being one core, CPU ms/frame is the same as time, and both leave out a training process; sections are "
        "means of self time and `other` is the rest of the mean frame; spread is the slowest over the fastest "
        "round.\n\n"
        "Critic queries are calls, whatever the number of rows in them. Those for the picture value the landscape's "
        "grid and the HUD's numbers; all others are the algorithm's own (choosing and checking the actions of the "
        "training agent and of the swarm, in one batch each) and would be made without a picture too, so that "
        "no way of drawing can save them.\n\n"
        "World draw calls are those of landscape, agents and trails; draw calls also count the axes, the HUD and "
        "the profiler. A mesh update is a mesh whose vertices Python rewrites: `gpu` has none; with NumPy heights "
        "the landscape's heights are rewritten whenever the grid was valued anew, and nothing in between.\n\n"
        "HUD ms is the section `ui`: choosing, laying out and uploading what the HUD shows; the critic's value for "
        "it is `hud_query`. Section `input` runs the engine's tasks and the camera, `meters` is the cost of "
        "measuring."
    )
