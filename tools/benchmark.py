r"""Measure the variants of the program against each other.

Every variant runs as a user would run it, in its own process, offscreen, with the same seed. Within a round
the variants alternate for each number of agents, and each round starts with another variant, so that other
load on the machine falls on all of them. Ratios are taken pair by pair within a round; their median over the
rounds is what counts. The program itself leaves out the first 50 frames.

All runs resume the same short training, so that gradient steps, which begin after 1000 steps, are part of every
frame. They train inline, one step a frame, so that every variant does the same work in a frame; the variants
named ``_process`` train in a process of their own, as the program does in a window.

Examples
--------
::

    python tools/benchmark.py                                  # everything: takes hours
    python tools/benchmark.py --quick                          # three variants, 5 and 20 agents, one round
    python tools/benchmark.py --variants baseline gpu --agents 20 --rounds 5 --frames 600

The measurements of the report, on a quiet machine with 2 cores some 25 minutes in all (in ``$M`` =
``ursina/llm/stage_4/measurements``; the report reads every ``benchmark*.json`` and ``scale.json`` there)::

    python tools/benchmark.py --variants baseline default gpu default_process gpu_process --agents 20 \
        --rounds 5 --frames 400 --out $M/benchmark.json                                         # 10 minutes
    python tools/benchmark.py --variants baseline heights trails stats --agents 20 \
        --rounds 1 --frames 400 --out $M/benchmark_ablation.json                                # 4 minutes
    python tools/benchmark.py --variants baseline default gpu --agents 3 5 10 30 50 100 \
        --rounds 1 --frames 80 --out $M/benchmark_agents.json                                   # 5 minutes
    python tools/benchmark.py --variants default gpu default_process gpu_process --agents 30 50 \
        --rounds 2 --frames 400 --out $M/benchmark_many.json                                    # 3 minutes
    python tools/benchmark.py --variants gpu --agents 1000 --rounds 2 --frames 5000 \
        --extra=--trail-style=line --out $M/benchmark_thousand.json                             # 2 minutes
    python tools/benchmark.py --scale                                                           # 5 minutes
    python tools/performance_report.py

A baseline of 1,000 agents takes seconds a frame and is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from calf_gpu.app.utils.machine import describe_machine  # noqa: E402
from tools import benchmark_scale  # noqa: E402
from tools.benchmark_data import BENCHMARK_SCHEMA, DataError, check_profile, load_json, summarize  # noqa: E402

WARMUP = 50
AGENTS = (3, 5, 10, 20, 30, 50, 100, 1000)
VARIANTS = {
    "baseline": "--baseline",
    "heights": "--heights numpy --trails per_agent --stats every_frame",
    "trails": "--heights loop --trails ring --stats every_frame",
    "stats": "--heights loop --trails per_agent --stats cached",
    "default": "",
    "gpu": "--gpu-heights",
    "default_process": "--training process",
    "gpu_process": "--gpu-heights --training process",
}
"""Options by variant; heights, trails and stats are each optimization alone on top of the baseline."""
DEFAULTS: dict[str, Any] = {"variants": list(VARIANTS), "agents": list(AGENTS), "rounds": 3, "frames": 300}
QUICK: dict[str, Any] = {
    "variants": ["baseline", "default", "gpu"],
    "agents": [5, 20],
    "rounds": 1,
    "frames": 100,
}
RECORDED = ("agents", "rounds", "frames", "size", "seed", "episodes", "extra")
"""Options that the benchmark file tells besides the variants."""
OUTPUT = ROOT / "ursina" / "llm" / "stage_4" / "measurements" / "benchmark.json"


class RunError(RuntimeError):
    """The program failed; the text is one line."""


@dataclass(frozen=True)
class Run:
    """One start of the program: a variant with a number of agents in a round."""

    variant: str
    agents: int
    round: int


def plan(variants: Sequence[str], agents: Sequence[int], rounds: int) -> Iterator[Run]:
    """Yield the runs in order: rounds, in each all numbers of agents, for each all variants side by side."""
    for number in range(rounds):
        first = number % len(variants)
        order = [*variants[first:], *variants[:first]]
        for count in agents:
            for variant in order:
                yield Run(variant, count, number)


def counted_frames(frames: int, agents: int) -> int:
    """Return how many frames to count: fewer with more than 100 agents, in proportion, but at least 30."""
    return min(frames, max(30, frames * 100 // agents))


def command(run: Run, options: argparse.Namespace, profile: Path, run_dir: Path) -> list[str]:
    """Return the command line of a run that writes ``profile``."""
    variant = shlex.split(VARIANTS[run.variant])
    return [
        *(sys.executable, str(options.program), "--offscreen", "--preset", "medium"),
        *("--size", options.size, "--seed", str(options.seed), "--n-agents", str(run.agents)),
        *("--frames", str(WARMUP + counted_frames(options.frames, run.agents))),
        *("--profile", str(profile), "--run-dir", str(run_dir)),
        *(("--resume",) if options.episodes else ()),
        *(() if "--training" in variant else ("--training", "inline")),
        *variant,
        *shlex.split(options.extra),
    ]


def train(options: argparse.Namespace, run_dir: Path) -> None:
    """Train for some episodes without pictures: the state that all runs resume.

    Raises
    ------
    RunError
        If the program fails.
    """
    arguments = [sys.executable, str(options.program), "--no-render", "--run-dir", str(run_dir)]
    arguments += ["--episodes", str(options.episodes), "--seed", str(options.seed)]
    _start(arguments + shlex.split(options.extra), options.timeout)


def measure(run: Run, options: argparse.Namespace, trained: Path) -> dict[str, Any]:
    """Start the program; return the run with its ``profile``, or with the ``error`` it ended in."""
    result: dict[str, Any] = {"variant": run.variant, "agents": run.agents, "round": run.round}
    with tempfile.TemporaryDirectory(prefix="calf-benchmark-") as folder:
        profile, run_dir = Path(folder) / "profile.json", Path(folder) / "run"
        if options.episodes:
            shutil.copytree(trained, run_dir)
        try:
            _start(command(run, options, profile, run_dir), options.timeout)
            result["profile"] = load_json(profile)
            check_profile(result["profile"], "the profile")
        except (RunError, DataError) as error:
            return {**result, "error": str(error).replace(str(profile), "the profile")}
    # The folders of this run are gone and would only differ from run to run.
    for name in ("profile", "run_dir"):
        result["profile"]["config"].pop(name, None)
    return result


def _start(arguments: Sequence[str], timeout: float) -> None:
    """Run a command to its end; raises :class:`RunError` with its last line if it fails."""
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]  # works without an installation
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    try:
        done = subprocess.run(
            arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"not finished after {timeout} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise RunError(f"exit code {done.returncode}: {lines[-1]}")


def run_all(options: argparse.Namespace, trained: Path) -> dict[str, Any]:
    """Run the plan from a trained state, tell the progress on stderr and return the content of the benchmark file.

    The file is written after every run, so that a benchmark that is cut short leaves what it measured.
    """
    todo = list(plan(options.variants, options.agents, options.rounds))
    benchmark: dict[str, Any] = {
        "benchmark": BENCHMARK_SCHEMA,
        "machine": describe_machine(),
        "options": {
            "variants": {name: VARIANTS[name] for name in options.variants},
            **{name: getattr(options, name) for name in RECORDED},
            "warmup": WARMUP,
        },
        "runs": [],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    started = monotonic()
    for number, run in enumerate(todo, start=1):
        result = measure(run, options, trained)
        benchmark["runs"].append(result)
        benchmark["summary"] = summarize(benchmark["runs"])
        options.out.write_text(json.dumps(benchmark, indent=1) + "\n", encoding="utf-8")
        elapsed = monotonic() - started
        remaining = elapsed / number * (len(todo) - number)
        print(
            f"[{number}/{len(todo)}] {run.variant:15} {run.agents:5} agents  {_outcome(result)}"
            f"  ({elapsed:.0f} s, about {remaining:.0f} s to go)",
            file=sys.stderr,
            flush=True,
        )
    return benchmark


def _outcome(result: dict[str, Any]) -> str:
    if "error" in result:
        return str(result["error"])
    profile = result["profile"]
    if not profile["frames"]:
        return "no frame counted"
    return f"{profile['frame_ms']['median']:8.2f} ms  {profile['fps']['mean']:6.1f} fps"


COLUMNS = (
    ("frame ms", "median", "frame_ms", ".2f"),
    ("fps", "median", "fps", ".1f"),
    ("fps ratio", "ratio", "fps", ".2f"),
    ("CPU ratio", "ratio", "cpu_ms", ".2f"),
)
"""Title, part of the summary, figure and format of the table's columns."""


def print_summary(summary: list[dict[str, Any]]) -> None:
    """Print frame times and their ratios to the baseline as a table."""
    print(f"{'variant':15} {'agents':>6}", *(f"{title:>9}" for title, *_ in COLUMNS))
    for entry in summary:
        texts = [
            f"{format(entry[part][name], form) if name in entry[part] else '–':>9}"
            for _, part, name, form in COLUMNS
        ]
        print(f"{entry['variant']:15} {entry['agents']:6}", *texts, *entry["errors"][:1])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; mistakes end in one line and exit code 2."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add(
        "--scale",
        action="store_true",
        help="growth from 20 to 100,000 agents instead; --scale --help tells more",
    )
    add("--variants", nargs="+", choices=VARIANTS, metavar="NAME", help=f"of {', '.join(VARIANTS)}")
    add("--agents", nargs="+", type=_positive, metavar="N", help=f"default {AGENTS}")
    add("--rounds", type=_positive, help="default 3")
    add(
        "--frames",
        type=_positive,
        help="frames counted in a run, default 300; fewer above 100 agents, in proportion",
    )
    add("--quick", action="store_true", help="3 variants, 5 and 20 agents, 1 round, 100 frames")
    add("--size", default="1280x720", metavar="WxH")
    add("--seed", type=int, default=0)
    add("--episodes", type=int, default=2, help="episodes trained before all runs, default 2; 0 for none")
    add("--extra", default="", metavar="OPTIONS", help="more options for every run, after an equals sign")
    add("--timeout", type=_positive, default=1800, metavar="S", help="seconds for one run")
    add("--program", type=Path, default=ROOT / "ursina" / "main.py", help=argparse.SUPPRESS)
    add("--out", type=Path, default=OUTPUT, metavar="FILE.json")
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else DEFAULTS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"accepts 1 and above, got {text}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if the training or some run failed."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "--scale" in words:
        words.remove("--scale")
        return benchmark_scale.main(words)
    options = parse(words)
    with tempfile.TemporaryDirectory(prefix="calf-benchmark-") as folder:
        try:
            if options.episodes:
                train(options, Path(folder) / "trained")
        except RunError as error:
            print(f"training failed: {error}", file=sys.stderr)
            return 1
        benchmark = run_all(options, Path(folder) / "trained")
    print_summary(benchmark["summary"])
    print(f"written: {options.out}")
    return int(any("error" in run for run in benchmark["runs"]))


if __name__ == "__main__":
    sys.exit(main())
