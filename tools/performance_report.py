"""Turn benchmark files into ``01_BASELINE_METRICS.md`` and ``performance_report.md`` with their charts.

Every figure comes from the files; the same files give the same bytes. Reasons for missed targets are prose and
come from ``reasons.toml`` beside the measurements (``key = "text"``, keys as in the report).

Examples
--------
::

    python tools/performance_report.py                    # all measurements/benchmark*.json and scale.json
    python tools/performance_report.py a.json b.json --scale scale.json --out /tmp/report
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tools.benchmark_data import REFERENCE, DataError, Measurements, load_benchmark  # noqa: E402
from tools.report_charts import draw_breakdown, draw_frame_times, draw_growth  # noqa: E402
from tools.report_documents import documents  # noqa: E402
from tools.report_scale import load_scale  # noqa: E402
from tools.report_targets import AGENTS  # noqa: E402

STAGE = ROOT / "ursina" / "llm" / "stage_4"


def merge(benchmarks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs of all files; rounds of different files are never paired with each other."""
    return [
        {**run, "round": (number, run["round"])}
        for number, benchmark in enumerate(benchmarks)
        for run in benchmark["runs"]
    ]


def read_reasons(path: Path) -> dict[str, str]:
    """Return the reasons for missed targets by key; none where the file does not exist."""
    if not path.exists():
        return {}
    try:
        reasons = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: not TOML: {error}") from None
    for key, text in reasons.items():
        if not isinstance(text, str):
            raise DataError(f"{path}: {key} must be a text")
    return reasons


def write_report(
    files: Sequence[Path], reasons: Mapping[str, str], out: Path, scale_file: Path | None = None
) -> list[Path]:
    """Write both documents and their charts below ``out`` and return the paths of the documents.

    Raises
    ------
    DataError
        If a file is no benchmark, nothing was measured, or the files come from different machines.
    """
    scale = load_scale(scale_file) if scale_file is not None else None
    benchmarks = [load_benchmark(path) for path in files]
    machines = [benchmark.get("machine", {}) for benchmark in (*benchmarks, *([scale] if scale else []))]
    for path, machine in zip((*files, scale_file), machines, strict=False):
        if machine != machines[0]:
            raise DataError(f"{path}: measured on another machine or with other versions than {files[0]}")
    measured = Measurements(merge(benchmarks))
    if not any(measured.rounds(cell) for cell in measured.cells):
        raise DataError(f"{files[0]}: no successful run to report")

    machine = _with_context(machines[0], benchmarks)
    charts = out / "charts"
    draw_frame_times(measured, charts / "frame_time.png")
    variants = [cell for cell in measured.cells if cell[1] == AGENTS]
    draw_breakdown(measured, variants, [variant for variant, _ in variants], charts / "breakdown.png")
    counts = sorted(cell for cell in measured.cells if cell[0] == REFERENCE and cell[1] <= 100)
    draw_breakdown(measured, counts, [str(agents) for _, agents in counts], charts / "baseline_breakdown.png")

    if scale is not None:
        draw_growth(scale["summary"], charts / "scale.png")

    origin = [(path.name, benchmark["options"]) for path, benchmark in zip(files, benchmarks, strict=True)]
    texts = documents(measured, machine, origin, reasons, scale)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in texts]


def _with_context(machine: Mapping[str, Any], benchmarks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add what only a running program knows of the machine, such as its OpenGL renderer."""
    runs = [run for benchmark in benchmarks for run in benchmark["runs"] if "profile" in run]
    return {**machine, **runs[0]["profile"]["machine"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; return 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.json")
    parser.add_argument("--out", type=Path, default=STAGE, metavar="DIR")
    parser.add_argument(
        "--reasons", type=Path, default=STAGE / "measurements" / "reasons.toml", metavar="FILE"
    )
    parser.add_argument(
        "--scale",
        type=Path,
        metavar="FILE",
        help="growth, default measurements/scale.json if no files are named",
    )
    options = parser.parse_args(arguments)
    files = options.files or sorted((STAGE / "measurements").glob("benchmark*.json"))
    if not files:
        parser.error(f"no benchmark*.json in {STAGE / 'measurements'}: run tools/benchmark.py first")
    scale = options.scale
    if scale is None and not options.files and (STAGE / "measurements" / "scale.json").exists():
        scale = STAGE / "measurements" / "scale.json"
    try:
        written = write_report(files, read_reasons(options.reasons), options.out, scale)
    except DataError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    print(*written, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
