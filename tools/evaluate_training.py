"""Train from a seed without pictures and compare what was learnt with the nominal policy on the same starts.

    python tools/evaluate_training.py --system point_mass --episodes 100 --seed 0

Prints, and with ``--json FILE`` writes, mean unscaled returns and success rates of

- the last ten training episodes, exploration noise included, against π₀ from the same ten start states;
- the trained actor alone, the actor under the CALF check and π₀ from 200 fresh start states, without noise.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import SYSTEMS, System
from calf_gpu.app.training.calf import Calf
from calf_gpu.app.training.headless import train
from calf_gpu.app.training.simulation import make_trainer
from calf_gpu.app.training.trainer import Trainer

Array = NDArray[np.float64]
LAST = 10
FRESH_STARTS = 200


def roll_out(system: System, starts: Array, act: Callable[[Array], Array]) -> tuple[Array, NDArray[np.bool_]]:
    """Return (N,) unscaled returns of one episode from each of (N, d) starts, and whether it reached the goal."""
    states, running = starts.copy(), np.ones(len(starts), np.bool_)
    returns, reached = np.zeros(len(starts)), np.zeros(len(starts), np.bool_)
    steps = np.zeros(len(starts), np.int64)
    while running.any():
        outcome = system.transition(states, act(states), steps)
        returns += np.where(running, outcome.rewards, 0.0)
        reached |= running & system.at_goal(outcome.states)
        running &= ~(outcome.terminated | outcome.truncated)
        states, steps = outcome.states, steps + 1
    return returns, reached


def calf_policy(trainer: Trainer, count: int, seed: int) -> Callable[[Array], Array]:
    """Return the actor under the CALF check for ``count`` agents at the start of an episode."""
    system, learner = trainer.system, trainer.learner
    calf = Calf(trainer.calf.parameters, count, system.state_dim, system.action_dim)
    rng = np.random.default_rng(seed)

    def act(states: Array) -> Array:
        proposed, nominal = learner.actions(states), system.nominal_action(states)
        return calf.select(
            states, proposed, nominal, lambda s, a: learner.q_values(s, a, "evaluation"), rng
        ).actions

    return act


def evaluate(trainer: Trainer, config: VisualizationConfig) -> dict[str, Any]:
    """Return the numbers that the program prints."""
    system = trainer.system
    # The environment's generator draws start states only, so a fresh trainer of this seed repeats them.
    environment = make_trainer(config).environment
    starts = [environment.state]
    while len(starts) < config.episodes:
        environment.reset()
        starts.append(environment.state)
    nominal_last, _ = roll_out(system, np.array(starts[-LAST:]), system.nominal_action)
    result: dict[str, Any] = {
        "system": config.system,
        "episodes": config.episodes,
        "seed": config.seed,
        "steps": trainer.total_steps,
        f"training_last_{LAST}": float(np.mean(trainer.history.returns[-LAST:])),
        f"training_last_{LAST}_success": float(np.mean(trainer.history.successes[-LAST:])),
        f"nominal_same_{LAST}_starts": float(nominal_last.mean()),
    }
    fresh = system.sample_start(FRESH_STARTS, np.random.default_rng(config.seed + 1))
    policies = {
        "nominal": system.nominal_action,
        "calf": calf_policy(trainer, FRESH_STARTS, config.seed),
        "td3": trainer.learner.actions,
    }
    for name, act in policies.items():
        returns, reached = roll_out(system, fresh, act)
        result[f"{name}_fresh"] = float(returns.mean())
        result[f"{name}_fresh_success"] = float(reached.mean())
    return result


def main() -> None:
    """Train, evaluate, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--system", choices=sorted(SYSTEMS), default="point_mass")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the numbers")
    options = parser.parse_args()
    config = VisualizationConfig(system=options.system, episodes=options.episodes, seed=options.seed)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trainer = train(config, Path(folder) / "run")
    result = evaluate(trainer, config) | {"seconds": round(time.perf_counter() - began, 1)}
    for name, value in result.items():
        print(f"{name:28} {value:.2f}" if isinstance(value, float) else f"{name:28} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
