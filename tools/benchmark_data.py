"""Benchmark files: their figures, medians over rounds, and ratios between variants measured side by side."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import jsonschema

BENCHMARK_SCHEMA = 1
PROFILE_SCHEMA = Path(__file__).with_name("profile.schema.json")
REFERENCE = "baseline"

Figures = dict[str, float]
"""Figures of a run by name, see :func:`figures`."""

Cell = tuple[str, int]
"""A variant and its number of agents."""


class DataError(ValueError):
    """A file is not what it should be; the text is one line for the user."""


def load_json(path: Path) -> Any:
    """Read a JSON file; raises :class:`DataError` where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None


def check_profile(profile: Any, origin: str) -> None:
    """Raise :class:`DataError` unless ``profile`` satisfies ``tools/profile.schema.json``."""
    validator = jsonschema.Draft202012Validator(load_json(PROFILE_SCHEMA))
    for error in validator.iter_errors(profile):
        raise DataError(f"{origin}: not a profile: {error.json_path}: {error.message}")


def load_benchmark(path: Path) -> dict[str, Any]:
    """Read a file written by ``tools/benchmark.py`` and check every profile in it."""
    benchmark = load_json(path)
    if not isinstance(benchmark, dict) or benchmark.get("benchmark") != BENCHMARK_SCHEMA:
        raise DataError(f'{path}: not a benchmark: "benchmark" must be {BENCHMARK_SCHEMA}')
    if not isinstance(benchmark.get("runs"), list):
        raise DataError(f'{path}: not a benchmark: "runs" must be a list')
    for number, run in enumerate(benchmark["runs"]):
        if not isinstance(run, dict) or not {"variant", "agents", "round"} <= run.keys():
            raise DataError(f"{path}: run {number} needs variant, agents and round")
        if "error" not in run:
            check_profile(run.get("profile"), f"{path}: run {number}")
    return benchmark


def figures(profile: Mapping[str, Any]) -> Figures:
    """Return the figures of a profile under flat names; those without a value are left out.

    ``fps``, ``fps_p5``, ``frame_ms``, ``frame_ms_p95``, ``frame_ms_tail`` (95th percentile over median),
    ``cpu_percent``, ``cpu_ms`` (CPU time a frame), ``rss_mb``, ``gpu_ms``, ``training_rate`` (steps of the trainer
    a second), every counter under its own name, every section as ``section.NAME`` (mean) and
    ``section_median.NAME``, and ``section.other``: the part of the mean frame outside all sections.
    """
    found: dict[str, float | None] = {
        "fps": profile["fps"]["mean"],
        "fps_p5": profile["fps"]["p5"],
        "frame_ms": profile["frame_ms"]["median"],
        "frame_ms_p95": profile["frame_ms"]["p95"],
        "cpu_percent": profile["cpu_percent"],
        "rss_mb": profile["rss_mb"],
        "gpu_ms": profile.get("gpu_ms", {}).get("median"),
        **profile["per_frame"],
        **{f"section.{name}": value for name, value in profile["sections_ms"].items()},
        **{f"section_median.{name}": value for name, value in profile["sections_median_ms"].items()},
    }
    values = {name: float(value) for name, value in found.items() if value is not None}
    if "fps" in values:
        mean_frame = 1e3 / values["fps"]
        inside = sum(value for name, value in values.items() if name.startswith("section."))
        values["frame_ms_tail"] = values["frame_ms_p95"] / values["frame_ms"]
        if "training_steps" in values:
            values["training_rate"] = values["fps"] * values["training_steps"]
        values["cpu_ms"] = values["cpu_percent"] / 100.0 * mean_frame
        values["section.other"] = max(0.0, mean_frame - inside)
    return values


class Measurements:
    """Figures of all successful runs by variant and number of agents, paired by round.

    Parameters
    ----------
    runs
        The ``runs`` of a benchmark file; rounds may be any hashable, equal only for runs that alternated.
    """

    def __init__(self, runs: Iterable[Mapping[str, Any]]) -> None:
        self._rounds: dict[Cell, dict[Any, Figures]] = defaultdict(dict)
        self.errors: dict[Cell, list[str]] = defaultdict(list)
        for run in runs:
            cell = (run["variant"], run["agents"])
            if "error" in run:
                self._rounds[cell].update({})
                self.errors[cell].append(run["error"])
            else:
                self._rounds[cell][run["round"]] = figures(run["profile"])

    @property
    def cells(self) -> list[Cell]:
        """All (variant, agents) in order of first appearance, also those where every run failed."""
        return list(self._rounds)

    def rounds(self, cell: Cell) -> int:
        """Return how many runs succeeded."""
        return len(self._rounds.get(cell, {}))

    def names(self, cell: Cell) -> list[str]:
        """Return the names of the figures, sorted."""
        return sorted({name for one in self._rounds.get(cell, {}).values() for name in one})

    def median(self, cell: Cell, name: str) -> float | None:
        """Return the median of a figure over the rounds, None where it was not measured."""
        values = [one[name] for one in self._rounds.get(cell, {}).values() if name in one]
        return median(values) if values else None

    def ratio(self, cell: Cell, reference: Cell, name: str) -> float | None:
        """Return the median over common rounds of ``cell / reference``; None where there is no such pair."""
        own, other = self._rounds.get(cell, {}), self._rounds.get(reference, {})
        pairs = [(own[number].get(name), other[number].get(name)) for number in own.keys() & other.keys()]
        ratios = [value / divisor for value, divisor in pairs if value is not None and divisor]
        return median(ratios) if ratios else None

    def spread(self, cell: Cell) -> float | None:
        """Return the largest over the smallest frame time of the rounds: how unquiet the machine was."""
        times = [one["frame_ms"] for one in self._rounds.get(cell, {}).values() if "frame_ms" in one]
        return max(times) / min(times) if times else None


def summarize(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry for every variant and number of agents, in order of first appearance.

    Returns
    -------
    list of dict
        ``variant``, ``agents``, ``rounds`` (that succeeded), ``median`` (every figure's over the rounds),
        ``ratio`` (every figure's to the baseline, :meth:`Measurements.ratio`), ``spread`` and ``errors``.
    """
    measured = Measurements(runs)
    entries = []
    for cell in measured.cells:
        variant, agents = cell
        names = measured.names(cell)
        ratios = {name: measured.ratio(cell, (REFERENCE, agents), name) for name in names}
        entries.append(
            {
                "variant": variant,
                "agents": agents,
                "rounds": measured.rounds(cell),
                "median": {name: measured.median(cell, name) for name in names},
                "ratio": {name: ratio for name, ratio in ratios.items() if ratio is not None},
                "spread": measured.spread(cell),
                "errors": measured.errors.get(cell, []),
            }
        )
    return entries
