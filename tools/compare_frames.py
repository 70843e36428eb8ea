"""Say how much frames differ: two PNG files, two folders of frames, or two runs over the same frame states.

Prints a table, worst frame first, and can write JSON and one HTML page with A, B and their magnified difference.
Exit code 0: all within the thresholds; 1: some frame is over one; 2: something could not be compared, with one
line about it on stderr.

Examples
--------
::

    python tools/compare_frames.py before.png after.png
    python tools/compare_frames.py captured/a captured/b --json diff.json --html diff.html
    python tools/compare_frames.py --run "--baseline" --run "--gpu-heights" --frames 300 --seed 0 --every 10
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.frame_metrics import Difference, FrameError, compare, magnified_difference, read_frame  # noqa: E402
from tools.frame_page import page  # noqa: E402
from tools.frame_runs import capture_runs  # noqa: E402

LIMITS: dict[str, tuple[float, str]] = {
    "max_abs": (math.inf, "largest difference of a channel, levels of 0 to 255"),
    "mean_abs": (1.0, "mean difference, levels"),
    "share": (0.01, "share of pixels that differ by more than --pixel-threshold"),
    "ssim": (0.98, "structural similarity, at least"),
    "flip": (0.02, "mean NVIDIA FLIP error"),
}
"""Default threshold of each measure; all but ``ssim`` are upper bounds."""
HEADER = ("frame", "max", "mean", "share", "SSIM", "FLIP", "over")


@dataclass
class Result:
    """What came of a comparison: differences by frame name, and lines about what could not be compared."""

    paths: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    differences: dict[str, Difference] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def worst_first(self) -> list[tuple[str, Difference]]:
        """Return the compared frames, the one that differs most first."""
        return sorted(self.differences.items(), key=lambda item: _badness(item[1]), reverse=True)


def pair_up(a: Path, b: Path, result: Result) -> None:
    """Find the frames to compare: two files, or the PNG files of equal names in two folders."""
    missing = [path for path in (a, b) if not path.exists()]
    if missing:
        result.problems += [f"{path}: no such file or folder" for path in missing]
    elif a.is_dir() != b.is_dir():
        folder, file = (a, b) if a.is_dir() else (b, a)
        result.problems.append(f"{folder} is a folder and {file} a file: compare two files or two folders")
    elif not a.is_dir():
        result.paths[b.name] = (a, b)
    else:
        names = [{path.name for path in folder.glob("*.png")} for folder in (a, b)]
        result.problems += [f"{f}: no PNG files" for f, found in zip((a, b), names, strict=True) if not found]
        result.paths |= {name: (a / name, b / name) for name in sorted(names[0] & names[1])}
        if all(names):
            result.problems += [f"{name}: only in {a}" for name in sorted(names[0] - names[1])]
            result.problems += [f"{name}: only in {b}" for name in sorted(names[1] - names[0])]


def compare_all(result: Result, pixel_threshold: int, with_flip: bool, tell: Callable[[str], None]) -> None:
    """Compare every pair of frames; those that cannot be compared become problems."""
    for number, (name, (a, b)) in enumerate(result.paths.items(), start=1):
        try:
            result.differences[name] = compare(read_frame(a), read_frame(b), pixel_threshold, with_flip)
        except FrameError as error:
            text = str(error)
            result.problems.append(text if text.startswith((str(a), str(b))) else f"{name}: {text}")
        tell(f"compared {number} of {len(result.paths)} frames")


def over(difference: Difference, limits: dict[str, float]) -> list[str]:
    """Return the names of the measures that are over their threshold."""
    values = dataclasses.asdict(difference)
    return [
        name
        for name, limit in limits.items()
        if values[name] is not None and (values[name] < limit if name == "ssim" else values[name] > limit)
    ]


def cells(name: str, difference: Difference, limits: dict[str, float]) -> list[str]:
    """Return a frame's row of the table."""
    return [
        name,
        str(difference.max_abs),
        f"{difference.mean_abs:.3f}",
        f"{100 * difference.share:.2f} %",
        f"{difference.ssim:.5f}",
        "–" if difference.flip is None else f"{difference.flip:.4f}",
        ", ".join(over(difference, limits)) or "–",
    ]


def as_json(result: Result, names: tuple[str, str], limits: dict[str, float], pixel_threshold: int) -> Any:
    """Return the comparison as JSON types, frames by name."""
    return {
        "a": names[0],
        "b": names[1],
        "thresholds": {name: limit for name, limit in limits.items() if math.isfinite(limit)},
        "pixel_threshold": pixel_threshold,
        "frames": [
            {"name": name, **dataclasses.asdict(difference), "over": over(difference, limits)}
            for name, difference in sorted(result.differences.items())
        ],
        "problems": result.problems,
    }


def as_page(result: Result, names: tuple[str, str], limits: dict[str, float], count: int, factor: int) -> str:
    """Return the HTML page with the ``count`` worst frames as pictures."""
    ordered = result.worst_first()
    shown = []
    for name, difference in ordered[:count]:
        a, b = (read_frame(path) for path in result.paths[name])
        caption = f"{name}: mean {difference.mean_abs:.3f}, SSIM {difference.ssim:.5f}"
        shown.append((caption, (a, b, magnified_difference(a, b, factor))))
    rows = [(bool(over(one, limits)), cells(name, one, limits)) for name, one in ordered]
    return page(
        "Compared frames", names, _verdict(result, limits), result.problems, HEADER, rows, shown, factor
    )


def _verdict(result: Result, limits: dict[str, float]) -> str:
    bad = sum(bool(over(difference, limits)) for difference in result.differences.values())
    text = f"{len(result.differences)} frames compared, {bad} over a threshold"
    return text + (f", {len(result.problems)} could not be compared" if result.problems else "")


def _badness(difference: Difference) -> tuple[float, float]:
    return difference.flip or 0.0, difference.mean_abs


def _print_table(result: Result, limits: dict[str, float]) -> None:
    rows = [HEADER, *(cells(name, one, limits) for name, one in result.worst_first())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    for row in rows:
        print(
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        )
    print(_verdict(result, limits))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; mistakes end in one line and exit code 2."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("paths", nargs="*", type=Path, metavar="A B", help="two PNG files or two folders")
    add(
        "--run",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="options of a run, twice: --run '--baseline'",
    )
    add("--frames", type=_count, default=300, metavar="F", help="frame states of the runs, default 300")
    add("--every", type=_count, default=1, metavar="K", help="compare every K-th frame of the runs")
    add("--seed", type=int, default=0, help="seed of the runs")
    add("--keep", type=Path, metavar="DIR", help="keep the captured frames of the runs here, in a/ and b/")
    for name, (limit, text) in LIMITS.items():
        bound = f"default {limit:g}" if math.isfinite(limit) else "no limit by default"
        add(f"--{name.replace('_', '-')}", type=float, default=limit, metavar="X", help=f"{text}; {bound}")
    add("--pixel-threshold", type=int, default=8, metavar="LEVELS")
    add("--no-flip", action="store_true", help="leave out FLIP, which takes seconds for a large frame")
    add("--json", type=Path, metavar="FILE")
    add("--html", type=Path, metavar="FILE")
    add("--html-frames", type=_count, default=20, metavar="N", help="worst frames shown as pictures")
    add("--magnify", type=_count, default=8, metavar="TIMES", help="factor of the difference shown")
    options = parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if not ((len(options.paths) == 2 and not options.run) or (len(options.run) == 2 and not options.paths)):
        parser.error("needs two files, two folders, or --run twice")
    return options


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join ``--run`` and its value, which argparse would take for an option of its own."""
    joined: list[str] = []
    for argument in map(str, arguments):
        if joined and joined[-1] == "--run":
            joined[-1] = f"--run={argument}"
        else:
            joined.append(argument)
    return joined


def _missing_libraries(with_flip: bool) -> list[str]:
    """Return the libraries that a comparison needs and that are not installed."""
    needed = {"skimage": "scikit-image"} | ({"flip_evaluator": "flip-evaluator"} if with_flip else {})
    return [name for module, name in needed.items() if importlib.util.find_spec(module) is None]


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"accepts 1 and above, got {text}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and return the exit code."""
    options = parse(arguments)
    limits = {name: getattr(options, name) for name in LIMITS}
    if missing := _missing_libraries(not options.no_flip):
        print(f"needs {' and '.join(missing)}: python -m pip install -e '.[dev]'", file=sys.stderr)
        return 2
    tell = _progress if sys.stderr.isatty() else lambda text: None
    result = Result()
    with tempfile.TemporaryDirectory(prefix="calf-frames-") as folder:
        if options.run:
            names = (options.run[0] or "default", options.run[1] or "default")
            base = options.keep or Path(folder)
            try:
                a, b = capture_runs(options.run, options.frames, options.every, options.seed, base)
            except FrameError as error:
                print(error, file=sys.stderr)
                return 2
        else:
            a, b = options.paths
            names = (str(a), str(b))
        pair_up(a, b, result)
        compare_all(result, options.pixel_threshold, not options.no_flip, tell)
        if result.differences:
            _print_table(result, limits)
        if options.json:
            content = as_json(result, names, limits, options.pixel_threshold)
            options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if options.html:
            text = as_page(result, names, limits, options.html_frames, options.magnify)
            options.html.write_text(text, encoding="utf-8")
    for problem in result.problems:
        print(problem, file=sys.stderr)
    if result.problems:
        return 2
    return int(any(over(difference, limits) for difference in result.differences.values()))


def _progress(text: str) -> None:
    print(f"\r{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
