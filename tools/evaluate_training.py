"""Train from seeds without pictures and measure what CALF promises and what was learnt, from fresh start states.

    python tools/evaluate_training.py --system differential_drive --seeds 0 1 2 --json FILE

Prints, and with ``--json FILE`` writes, per seed

- ``training``: share of all training episodes that reached the goal, steps, seconds and steps a second;
- ``stages``: goal rate and mean return under CALF with P_relax = 0, by steps of training (0: untrained networks);
- ``final``: the same of CALF as it is by default, CALF with P_relax = 0, the actor alone and the stabilizer;
- ``adversarial``: of CALF with P_relax = 0 under networks that mean harm (see ``tools/adversaries.py``).

Every figure is of 200 fresh starts, in the system's own rewards; seconds are those of training alone, on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import System, find_system
from calf_gpu.app.training.calf import Calf, Values
from calf_gpu.app.training.learner import Learner, LearningParameters
from calf_gpu.app.training.modes import Mode
from calf_gpu.app.training.trainer import Trainer
from tools.adversaries import Spite, away, scramble, teach_to_flee

Array = NDArray[np.float64]
Actor = Callable[[Array], Array]
Figures = dict[str, float]

FRESH_STARTS = 200
STAGES = (0, 1000, 5000, 10_000, 20_000, 40_000)
"""Steps of training after which CALF is measured, besides the end."""
STEPS = {"differential_drive": 300_000, "point_mass": 25_000, "pendulum": 25_000, "turtlebot": 50_000}
"""Steps trained by default."""
STRICT = CalfOptions(initial_relax=0.0)


def roll_out(
    system: System, starts: Array, act: Actor, observe: Callable[[Array], None] | None = None
) -> Figures:
    """Return goal rate and mean return of one episode from each of (N, d) starts.

    Parameters
    ----------
    system
        Whose episodes.
    starts
        (N, d) states.
    act
        Chooses (N, m) actions for (N, d) states, every ``system.hold`` steps.
    observe
        Told the (N,) rewards that each decision brought.
    """
    states, count = starts.copy(), len(starts)
    running, reached = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    returns, steps = np.zeros(count), np.zeros(count, np.int64)
    while running.any():
        actions, brought = act(states), np.zeros(count)
        for _ in range(system.hold):
            outcome = system.transition(states, actions, steps)
            brought += np.where(running, outcome.rewards, 0.0)
            states, steps = np.where(running[:, None], outcome.states, states), steps + running
            reached |= running & outcome.terminated
            running &= ~(outcome.terminated | outcome.truncated)
        returns += brought
        if observe is not None:
            observe(brought)
    return {"goal": float(reached.mean()), "return": float(returns.mean())}


def under_calf(calf: Calf, starts: Array, actor: Actor, critic: Values, seed: int) -> Figures:
    """Return the figures of an actor under a fresh check, with the share of decisions that were certified."""
    system, rng = calf.system, np.random.default_rng(seed)
    counts = np.zeros(len(Mode))

    def act(states: Array) -> Array:
        chosen = calf.select(states, actor(states), system.nominal_action(states), critic, rng)
        counts[:] += np.bincount(chosen.modes[~system.at_goal(states)], minlength=len(Mode))
        return chosen.actions

    figures = roll_out(system, starts, act, calf.observe)
    return figures | {"certified": float(counts[Mode.TD3] / counts.sum())}


def learnt(learner: Learner, starts: Array, options: CalfOptions, seed: int) -> Figures:
    """Return the figures of what a learner has learnt, under the check."""
    calf = Calf(options, learner.system, len(starts), learner.parameters.discount)
    return under_calf(calf, starts, learner.actions, lambda s, a: learner.q_values(s, a, "evaluation"), seed)


def adversarial(
    system: System, parameters: LearningParameters, starts: Array, seed: int
) -> dict[str, Figures]:
    """Return the figures under networks and critics that mean harm, P_relax = 0."""
    result = {}
    learner = Learner(system, parameters, np.random.SeedSequence(seed))
    for scale in (0.1, 1.0, 100.0):
        scramble(learner, scale, seed)
        result[f"random weights of size {scale:g}"] = learnt(learner, starts, STRICT, seed)
    learner = Learner(system, parameters, np.random.SeedSequence(seed))
    teach_to_flee(learner, seed)
    result["trained to flee"] = learnt(learner, starts, STRICT, seed)
    calf = Calf(STRICT, system, len(starts), parameters.discount)
    result["certifies whatever it can"] = under_calf(
        calf, starts, lambda states: away(system, states), Spite(calf), seed
    )
    return result


def evaluate(
    system: System, parameters: LearningParameters, options: CalfOptions, seed: int, steps: int
) -> Any:
    """Train for ``steps`` steps and return the numbers that the program prints."""
    trainer = Trainer(system, options, np.random.SeedSequence(seed), parameters)
    starts = system.sample_start(FRESH_STARTS, np.random.default_rng(10_000 + seed))
    strict, seconds = replace(options, initial_relax=0.0), 0.0
    stages: dict[str, Figures] = {}
    for stage in sorted({*(each for each in STAGES if each < steps), steps}):
        began = time.perf_counter()
        while trainer.total_steps < stage:
            trainer.step()
        seconds += time.perf_counter() - began
        stages[str(stage)] = learnt(trainer.learner, starts, strict, seed)
    return {
        "seed": seed,
        "training": {
            "goal": float(np.mean(trainer.history.successes)),
            "episodes": trainer.episode,
            "steps": trainer.total_steps,
            "gradient_steps": trainer.learner.version,
            "seconds": round(seconds, 1),
            "steps_per_second": round(trainer.total_steps / seconds),
        },
        "stages": stages,
        "final": {
            "CALF": learnt(trainer.learner, starts, options, seed),
            "CALF, P_relax = 0": stages[str(steps)],
            "actor alone": roll_out(system, starts, trainer.learner.actions),
            "stabilizer": roll_out(system, starts, system.nominal_action),
        },
        "adversarial": adversarial(system, parameters, starts, seed),
    }


def told(result: dict[str, Any]) -> str:
    """Return one seed's numbers as text."""
    training = result["training"]
    lines = [
        f"seed {result['seed']}: {training['steps']:,} steps in {training['seconds']} s "
        f"({training['steps_per_second']:,} a second), {training['episodes']} episodes, "
        f"{100 * training['goal']:.1f} % reached the goal"
    ]
    for block in ("stages", "final", "adversarial"):
        for name, figures in result[block].items():
            certified = f", {100 * figures['certified']:.0f} % certified" if "certified" in figures else ""
            label = f"after {int(name):,} steps" if block == "stages" else name
            lines.append(f"  {label:28} {100 * figures['goal']:5.1f} %  {figures['return']:9.1f}{certified}")
    return "\n".join(lines)


def option(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; values are JSON where they can be."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def main() -> None:
    """Train, evaluate, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--system", default="differential_drive")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, help="steps of training; what suits the system unless given")
    parser.add_argument("--learn", type=option, nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--calf", type=option, nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    given = parser.parse_args()
    system = find_system(given.system)
    parameters = LearningParameters.for_system(system, **dict(given.learn))
    options = CalfOptions(**dict(given.calf))
    results = []
    for seed in given.seeds:
        steps = given.steps or STEPS.get(given.system, 60_000)
        results.append(evaluate(system, parameters, options, seed, steps))
        print(told(results[-1]), flush=True)
    if given.json:
        about = {
            "system": given.system,
            "learn": asdict(parameters),
            "calf": asdict(options),
            "seeds": results,
        }
        given.json.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
