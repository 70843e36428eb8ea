"""The targets of the optimization and whether measurements meet them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.benchmark_data import REFERENCE, Cell, Measurements

AGENTS = 20
IN_PROCESS = ("default_process", "gpu_process")
"""Variants that train in a process of their own; judged where they were measured."""
DISPLAY_QUERIES = "Critic queries a frame for the picture"
FASTER_APART = 3.0
"""Training steps a second in a process of its own, over those of one step a frame."""
NO_LOSS = 0.95
"""50 agents count as fast as 30 from this ratio of frames per second on: rounds differ by about 5 %."""


@dataclass(frozen=True)
class Verdict:
    """One target, what was measured and whether it is met (``None``: not measured).

    ``key`` names the target in the file of reasons; texts are ready for a table.
    """

    key: str
    title: str
    variant: str
    baseline: str
    target: str
    measured: str
    met: bool | None


def judge(measured: Measurements) -> list[Verdict]:
    """Return a verdict on every target, in the order of the report."""
    default, gpu = ("default", AGENTS), ("gpu", AGENTS)
    verdicts = [
        _change(measured, "fps", "Frames per second", default, "fps", 1.6),
        _change(measured, "fps_gpu", "Frames per second", gpu, "fps", 5.0),
    ]
    for cell in (default, gpu):
        verdicts += [
            _change(measured, "frame_time", "Frame time, ms", cell, "frame_ms", 0.57),
            _change(measured, "critic_queries", DISPLAY_QUERIES, cell, "critic_queries_display", 0.3),
            _change(measured, "cpu_time", "CPU time a frame, ms", cell, "cpu_ms", 0.5),
            _limit(measured, "draw_calls", "World draw calls a frame", cell, "world_draw_calls", 3),
            _limit(measured, "mesh_updates", "Mesh updates a frame", cell, "mesh_updates", 0),
            _limit(measured, "hud_idle", "HUD update, median frame, ms", cell, "section_median.ui", 0.1),
            _limit(measured, "hud_live", "HUD update, mean, ms", cell, "section.ui", 0.5),
        ]
    measured_variants = {variant for variant, _ in measured.cells}
    for variant in ("default", "gpu", *(v for v in IN_PROCESS if v in measured_variants)):
        verdicts += [_thirty(measured, variant), _fifty(measured, variant)]
    verdicts += [_thousand(measured)]
    for variant in (v for v in IN_PROCESS if v in measured_variants):
        verdicts += _training_apart(measured, variant)
    return verdicts


def number(value: float | None, unit: str = "") -> str:
    """Return three significant digits, large numbers with separators, a dash for what was not measured."""
    if value is None:
        return "–"
    if value == 0:
        return f"0{unit}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:,.{digits}f}{unit}"


def change(ratio: float | None) -> str:
    """Return a ratio to the baseline as people say it: ``−43 %``, ``+60 %``, from 2 on ``×5.10``."""
    if ratio is None:
        return "–"
    if ratio >= 2.0:
        return f"×{ratio:.2f}"
    return f"{100.0 * (ratio - 1.0):+.0f} %".replace("-", "−")


def _change(measured: Measurements, key: str, title: str, cell: Cell, name: str, target: float) -> Verdict:
    """Judge a ratio to the baseline; a target above 1 is a least one, below 1 a largest one."""
    reference = (REFERENCE, cell[1])
    ratio = measured.ratio(cell, reference, name)
    value = measured.median(cell, name)
    return Verdict(
        key,
        f"{title}, {cell[1]} agents",
        cell[0],
        number(measured.median(reference, name)),
        f"{change(target)} {'at least' if target > 1 else 'or less'}",
        "not measured" if ratio is None else f"{number(value)} ({change(ratio)})",
        None if ratio is None else (ratio >= target if target > 1 else ratio <= target),
    )


def _limit(measured: Measurements, key: str, title: str, cell: Cell, name: str, limit: float) -> Verdict:
    """Judge a figure that must not exceed ``limit``."""
    value = measured.median(cell, name)
    return Verdict(
        key,
        f"{title}, {cell[1]} agents",
        cell[0],
        number(measured.median((REFERENCE, cell[1]), name)),
        f"≤ {limit:g}" if limit else "0",
        "not measured" if value is None else number(value),
        None if value is None else value <= limit,
    )


def _thirty(measured: Measurements, variant: str) -> Verdict:
    fps = measured.median((variant, 30), "fps")
    return Verdict(
        "thirty_agents",
        "Frames per second, 30 agents",
        variant,
        number(measured.median((REFERENCE, 30), "fps")),
        "over 30",
        "not measured" if fps is None else number(fps),
        None if fps is None else fps > 30.0,
    )


def _fifty(measured: Measurements, variant: str) -> Verdict:
    ratio = measured.ratio((variant, 50), (variant, 30), "fps")
    return Verdict(
        "fifty_agents",
        "Frames per second, 50 agents against 30",
        variant,
        change(measured.ratio((REFERENCE, 50), (REFERENCE, 30), "fps")),
        f"{change(NO_LOSS)} at worst",
        "not measured" if ratio is None else change(ratio),
        None if ratio is None else ratio >= NO_LOSS,
    )


def _training_apart(measured: Measurements, variant: str) -> list[Verdict]:
    """Judge training in a process of its own, at full speed, beside the same picture with training inside."""
    cell, inside = (variant, AGENTS), (variant.removesuffix("_process"), AGENTS)
    rate, ratio = measured.median(cell, "training_rate"), measured.ratio(cell, inside, "training_rate")
    time, tail = "Frame time while training at full speed", "frame_ms_tail"
    return [
        _limit(measured, "time_apart", f"{time}, ms", cell, "frame_ms", 25.0),
        _limit(measured, "tail_apart", f"{time}, 95th percentile over median", cell, tail, 2.0),
        Verdict(
            "training_rate",
            f"Training steps a second against training inside the frame, {AGENTS} agents",
            variant,
            number(measured.median(inside, "training_rate")),
            f"{change(FASTER_APART)} at least",
            "not measured" if ratio is None else f"{number(rate)} ({change(ratio)})",
            None if ratio is None else ratio >= FASTER_APART,
        ),
    ]


def _thousand(measured: Measurements) -> Verdict:
    time = measured.median(("gpu", 1000), "frame_ms")
    baseline = measured.median((REFERENCE, AGENTS), "frame_ms")
    return Verdict(
        "thousand_agents",
        f"Frame time, ms, 1,000 agents against {AGENTS}",
        "gpu",
        number(baseline),
        "below the baseline's",
        number(time) if time is not None and baseline is not None else "not measured",
        time < baseline if time is not None and baseline is not None else None,
    )


# What the plan of the stage hoped for in absolute numbers, on another machine: shown, not judged as targets.
PLAN: list[tuple[str, str, str, str, Callable[[float], bool]]] = [
    ("Frames per second", "fps", "25–30", "40–50", lambda value: value >= 40.0),
    ("Frame time, ms", "frame_ms", "35", "20", lambda value: value <= 20.0),
    ("Critic queries a frame", "critic_queries", "25–30", "5–10", lambda value: value <= 10.0),
    ("World draw calls a frame", "world_draw_calls", "25–30", "1–3", lambda value: value <= 3.0),
    ("CPU usage, % of one core", "cpu_percent", "60–70", "30–40", lambda value: value <= 40.0),
]
"""Title, figure, expected baseline, expected result at 20 agents, and the test of the expectation."""
