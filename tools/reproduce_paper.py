"""The experiment of the CALF paper (Osinenko et al., arXiv 2409.09869): a TurtleBot3 parks, a hot spot in its way.

    python tools/reproduce_paper.py                 # 25 seeds of CALF, TD3 and SAC: figure and JSON
    python tools/reproduce_paper.py --quick         # the same with 3 seeds

Results of seeds that are finished stay in the folder ``--results``, and are made anew only if steps or settings have
changed: after Ctrl-C the same command goes on. All 75 trainings take some 25 minutes on two quiet cores.

**From the paper**: the unicycle within |v| ≤ 0.22 m/s and |ω| ≤ 2.84 rad/s, decisions every 100 ms, the running cost
x² + y² + 0.1·θ² + 10·spot with a Gaussian spot of σ = 0.1 m at (−0.6, −0.5), 25 seeds, and the question whether CALF
learns more than its stabilizer while every episode reaches the goal.

**Assumed here**, see ``ursina/systems/turtlebot.py``: the spot has height 1 in its centre: a step there costs 10.
Episodes start anywhere in [−1.2, −0.8]² at any heading, so that the straight way often leads through the spot; they
end at the goal, ‖(x, y)‖ ≤ 0.1 m and |θ| ≤ 0.1 rad, or after 400 steps (40 s). Walls stand at |x|, |y| = 2 m. The
stabilizer is this program's: it drives straight to the goal, turns there, and knows nothing of the spot. The paper's
learner is SARSA with a small critic, one robot at a time; here TD3 or SAC (stable-baselines3) learn from 16 robots at
a time, with the default constants and a discount of 0.98. Steps are counted over all of them.

**Compared** are CALF (TD3 under the check, with its default constants), TD3 and SAC alone (the same constants of
learning, no check, no stabilizer: ``--rule none``), and the stabilizer. Returns are sums of rewards, undiscounted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calf_gpu.app.training.learner import DivergedError
from calf_gpu.app.utils.atomic_files import write_atomically
from calf_gpu.app.utils.machine import describe_machine
from tools.paper_experiment import CONTENDERS, Job, Json, measure_stabilizer
from tools.paper_figure import draw

PAPER_SEEDS, QUICK_SEEDS = 25, 3
STEPS = 24_000
"""Steps of a training: what 25 seeds of three learners have time for in half an hour on two cores."""
WORKERS = 2
LAST_EPISODES = 50
"""Training episodes over which a share of goals is taken."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, and write figure and numbers; return the exit code."""
    options = parse(arguments)
    jobs = [
        Job(name, seed, options.steps, options.results)
        for seed in range(options.seeds)
        for name in CONTENDERS
    ]
    try:
        train_missing(jobs)
        summary = summarize(jobs)
        content = json.dumps(summary, ensure_ascii=False) + "\n"
        write_atomically(options.json, content.encode())
        draw(summary, options.figure)
    except (DivergedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = sum(job.finished() is not None for job in jobs)
        print(f"\n{kept} of {len(jobs)} trainings are kept in {options.results}", file=sys.stderr)
        return 130
    print(told(summary))
    print(f"{options.figure}\n{options.json}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; ends the program, in one line, where they cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, metavar="N", help=f"trainings of each, default {PAPER_SEEDS}")
    parser.add_argument("--steps", type=int, metavar="N", default=STEPS, help="default %(default)s")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds unless --seeds says more")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", default=Path("runs/paper"), help="default %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="default DIR/paper_turtlebot.json")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="default DIR/paper_turtlebot.png")
    options = parser.parse_args(arguments)
    options.seeds = options.seeds or (QUICK_SEEDS if options.quick else PAPER_SEEDS)
    for name in ("seeds", "steps"):
        if vars(options)[name] < 1:
            parser.error(f"--{name} accepts whole numbers from 1")
    options.json = options.json or options.results / "paper_turtlebot.json"
    options.figure = options.figure or options.results / "paper_turtlebot.png"
    return options


def train_missing(jobs: Sequence[Job]) -> None:
    """Make the trainings that are not finished yet, two at a time."""
    missing = [job for job in jobs if job.finished() is None]
    if not missing:
        return
    with (
        multiprocessing.get_context("spawn").Pool(min(WORKERS, len(missing)), _ignore_interrupts) as pool,
        tqdm(total=len(jobs), initial=len(jobs) - len(missing), unit="training", smoothing=0.0) as bar,
    ):
        for _ in pool.imap_unordered(Job.run, missing):
            bar.update()


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the main process, which ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def summarize(jobs: Sequence[Job]) -> Json:
    """Return the numbers of all finished trainings together: what the JSON file holds."""
    results = {
        name: [result for job in jobs if job.contender == name and (result := job.finished()) is not None]
        for name in CONTENDERS
    }
    stabilizer = measure_stabilizer()
    settings = results["calf"][0]["settings"]
    machine = describe_machine()
    every = [result for group in results.values() for result in group]
    return {
        "paper": "arXiv 2409.09869",
        "seeds": len(results["calf"]),
        "seeds_of_the_paper": PAPER_SEEDS,
        "goal_window": LAST_EPISODES,
        **{name: settings[name] for name in ("steps", "checkpoints", "fresh_starts", "system")},
        "stabilizer": stabilizer,
        "learners": {name: _learner(name, group, stabilizer) for name, group in results.items()},
        "cpu_seconds": round(sum(result["cpu_seconds"] for result in every)),
        "workers": WORKERS,
        "machine": machine,
        "versions": {
            "calf-gpu": version("calf-gpu"),
            "stable-baselines3": version("stable-baselines3"),
            **{name: machine[name] for name in ("python", "numpy", "torch")},
        },
    }


def _learner(name: str, results: Sequence[Json], stabilizer: Json) -> Json:
    """Return the numbers of one contender over its seeds."""
    steps = results[0]["evaluation"]["steps"]
    returns = np.array([result["evaluation"]["return"] for result in results])
    goals = np.array([result["evaluation"]["goal"] for result in results])
    reached = [result["training"]["reached"] for result in results]
    chosen = results[int(np.argsort(returns[:, -1])[(len(results) - 1) // 2])]
    return {
        "label": CONTENDERS[name].label,
        "learn": results[0]["settings"]["learn"],
        "calf": results[0]["settings"]["calf"],
        "evaluation": {"steps": steps, "return": spread(returns), "goal": spread(goals)},
        "training": {
            "steps": steps,
            "goal": spread(np.array([goal_share(result["training"], steps) for result in results])),
            "episodes": sum(map(len, reached)),
            "episodes_at_goal": sum(map(sum, reached)),
            "episodes_without_goal_by_seed": [len(each) - sum(each) for each in reached],
            "mean_return": _mean([value for result in results for value in result["training"]["returns"]]),
        },
        "final": {
            "return": spread(returns[:, -1]),
            "goal": spread(goals[:, -1]),
            "mean_goal": float(goals[:, -1].mean()),
            "seeds_better_than_stabilizer": int((returns[:, -1] > stabilizer["return"]).sum()),
        },
        **({"seed_of_paths": chosen["seed"], "paths": chosen["paths"]} if name == "calf" else {}),
        "cpu_seconds_a_seed": _mean([result["cpu_seconds"] for result in results]),
        "seconds_a_seed": _mean([result["seconds"] for result in results]),
    }


def goal_share(training: Json, steps: Sequence[int]) -> np.ndarray:
    """Return (K,) the share of goals among the last training episodes ended by each step; nan before any."""
    ended = np.searchsorted(training["steps"], steps, side="right")
    lately = [training["reached"][max(count - LAST_EPISODES, 0) : count] for count in ended]
    return np.array([np.mean(each) if each else np.nan for each in lately])


def spread(values: np.ndarray) -> dict[str, Any]:
    """Return least, quartiles, median and greatest over the seeds, the first axis; None where a seed has no value."""
    names, shares = ("least", "low", "median", "high", "greatest"), (0, 25, 50, 75, 100)
    figures = np.round(np.percentile(values, shares, axis=0), 4).astype(object)
    figures[figures != figures] = None
    return {
        name: each.tolist() if values.ndim > 1 else each for name, each in zip(names, figures, strict=True)
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None


def told(summary: Json) -> str:
    """Return the numbers as text."""
    base = summary["stabilizer"]
    lines = [
        f"{summary['seeds']} seeds, {summary['steps']:,} steps each, {summary['cpu_seconds']:,} s of CPU time",
        f"{'stabilizer':10} return {base['return']:8.1f}, goal {100 * base['goal']:5.1f} %",
    ]
    for learner in summary["learners"].values():
        final, training = learner["final"], learner["training"]
        low, middle, high = (final["return"][name] for name in ("low", "median", "high"))
        lines.append(
            f"{learner['label']:10} return {middle:8.1f} [{low:.1f}, {high:.1f}], goal "
            f"{100 * final['mean_goal']:5.1f} %; while learning {training['episodes_at_goal']:,} of "
            f"{training['episodes']:,} episodes"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
