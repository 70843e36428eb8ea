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

    ``fps``, ``fps_p5``, ``frame_ms``, ``frame_ms_p95``, ``cpu_percent``, ``cpu_ms`` (CPU time a frame),
    ``rss_mb``, ``gpu_ms``, every counter under its own name, every section as ``section.NAME`` (mean) and
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
        values["cpu_ms"] = values["cpu_percent"] / 100.0 * mean_frame
        values["section.other"] = max(0.0, mean_frame - inside)
    return values


def summarize(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry for every variant and number of agents, in order of first appearance.

    Returns
    -------
    list of dict
        ``variant``, ``agents``, ``rounds`` (how many succeeded), ``median`` (every figure's over the rounds),
        ``ratio`` (of every figure: median over the rounds of the variant's value divided by the baseline's in
        the same round; zero baselines are left out), ``spread`` (largest over smallest frame time of the
        rounds) and ``errors`` (texts).
    """
    rounds: dict[tuple[str, int], dict[int, Figures]] = defaultdict(dict)
    errors: dict[tuple[str, int], list[str]] = defaultdict(list)
    for run in runs:
        key = (run["variant"], run["agents"])
        if "error" in run:
            errors[key].append(run["error"])
            rounds[key].update({})
        else:
            rounds[key][run["round"]] = figures(run["profile"])
    return [
        {
            "variant": variant,
            "agents": agents,
            "rounds": len(own),
            "median": _medians(own.values()),
            "ratio": paired_ratios(own, rounds.get((REFERENCE, agents), {})),
            "spread": _spread(own.values()),
            "errors": errors[variant, agents],
        }
        for (variant, agents), own in rounds.items()
    ]


def paired_ratios(own: Mapping[int, Figures], reference: Mapping[int, Figures]) -> Figures:
    """Return the medians over the common rounds of ``own / reference``, figure by figure."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for number in own.keys() & reference.keys():
        for name, value in own[number].items():
            divisor = reference[number].get(name, 0.0)
            if divisor > 0.0:
                ratios[name].append(value / divisor)
    return {name: median(values) for name, values in sorted(ratios.items())}


def _medians(rounds: Iterable[Figures]) -> Figures:
    values: dict[str, list[float]] = defaultdict(list)
    for one in rounds:
        for name, value in one.items():
            values[name].append(value)
    return {name: median(numbers) for name, numbers in sorted(values.items())}


def _spread(rounds: Iterable[Figures]) -> float | None:
    times = [one["frame_ms"] for one in rounds if "frame_ms" in one]
    return max(times) / min(times) if times else None
