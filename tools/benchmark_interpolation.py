"""Time the two ways of asking the Q-grid for values: a Python loop over states, and one vectorised query.

Runs of the two alternate, so that other load on the machine meets both; figures are medians. Usage::

    python tools/benchmark_interpolation.py [--counts 1 20 1000] [--rounds 41] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap  # noqa: E402 (needs the path above)
from calf_gpu.qgrid import QGrid  # noqa: E402

EXTENT = (-3.5, 3.5, -3.5, 3.5)
TARGETS = {20: 5.0, 1000: 50.0}
"""Times faster that the vectorised query must be, by number of states."""


def measure(heatmap: CriticHeatmap, count: int, rounds: int) -> dict[str, float]:
    """Return the median microseconds of both variants for ``count`` states and the median of their ratios."""
    states = np.random.default_rng(count).uniform(-3.5, 3.5, (count, 2)).astype(np.float32)
    loop, vectorised = heatmap._interpolate_q_from_grid_loop, heatmap._interpolate_q_from_grid_vectorized
    pairs = []
    for _ in range(rounds + 3):
        pairs.append((_seconds(loop, states, 500 // count), _seconds(vectorised, states, 100)))
    pairs = pairs[3:]  # the first runs fill caches
    return {
        "states": count,
        "loop_us": 1e6 * median(slow for slow, _ in pairs),
        "vectorised_us": 1e6 * median(fast for _, fast in pairs),
        "speedup": median(slow / fast for slow, fast in pairs),
        "largest_difference": float(np.abs(loop(states) - vectorised(states)).max()),
    }


def _seconds(query: Callable[[np.ndarray], np.ndarray], states: np.ndarray, repeats: int) -> float:
    """Return the mean duration of one query over ``repeats`` (at least one) in a row."""
    repeats = max(1, repeats)
    start = perf_counter()
    for _ in range(repeats):
        query(states)
    return (perf_counter() - start) / repeats


def main() -> int:
    """Print the table and return 0, or 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 5, 20, 100, 1000, 10000], metavar="N")
    parser.add_argument("--grid-size", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=41, help="alternating pairs per number of states")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if min([*options.counts, options.rounds]) < 1 or options.grid_size < 2:
        parser.error("--counts and --rounds accept integers from 1, --grid-size from 2")

    heatmap = CriticHeatmap(QGrid(EXTENT))
    grid = -500.0 * np.random.default_rng(0).random((options.grid_size, options.grid_size), np.float32)
    heatmap.update(grid, 0)
    rows: list[dict[str, Any]] = [measure(heatmap, count, options.rounds) for count in options.counts]

    print(f"{'states':>8} {'loop µs':>12} {'vectorised µs':>14} {'times faster':>13} {'target':>7}")
    for row in rows:
        target = TARGETS.get(row["states"])
        shown = f"{target:g}" if target else ""
        print(
            f"{row['states']:8d} {row['loop_us']:12.1f} {row['vectorised_us']:14.1f} "
            f"{row['speedup']:13.1f} {shown:>7}"
        )
    if options.json:
        result = {"grid_size": options.grid_size, "rounds": options.rounds, "rows": rows}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(any(row["speedup"] < TARGETS.get(row["states"], 0.0) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
