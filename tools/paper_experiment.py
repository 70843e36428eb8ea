"""One training of the CALF paper's experiment, measured while it learns; ``tools/reproduce_paper.py`` runs them all."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.config.calf import CalfOptions, RuleName
from calf_gpu.app.systems import System, find_system
from calf_gpu.app.training.calf import RULES, Calf
from calf_gpu.app.training.learner import Algorithm, Learner, LearningParameters
from calf_gpu.app.training.trainer import Trainer
from calf_gpu.app.utils.atomic_files import write_atomically
from tools.evaluate_training import Actor, Figures, roll_out, under_calf

Array = NDArray[np.float64]
Json = dict[str, Any]

CHECKPOINTS = 20
"""Times at which what has been learnt is measured, evenly spaced, besides the untrained networks."""
FRESH_STARTS = 50
START_SEED = 2409_09869
"""Seed of the fresh starts: the same for every training and for the stabilizer."""
PATHS = 10
"""Fresh starts whose paths are kept."""


@dataclass(frozen=True)
class Contender:
    """A learner, and the rule by which its actions are checked while it learns."""

    label: str
    algorithm: Algorithm
    rule: RuleName


CONTENDERS = {
    "calf": Contender("CALF", "td3", "calf"),
    "td3": Contender("TD3 alone", "td3", "none"),
    "sac": Contender("SAC alone", "sac", "none"),
}


@dataclass(frozen=True)
class Job:
    """A training to be made, and where its result is kept."""

    contender: str
    """Name in :data:`CONTENDERS`."""
    seed: int
    steps: int
    """Steps of all training agents together."""
    folder: Path

    @property
    def file(self) -> Path:
        """The file that holds the result once it is there."""
        return self.folder / f"{self.contender}_seed{self.seed:02}.json"

    @property
    def settings(self) -> Json:
        """Everything but the seed that the result depends on, as JSON types."""
        system, contender = paper_system(), CONTENDERS[self.contender]
        settings = {
            "steps": self.steps,
            "checkpoints": CHECKPOINTS,
            "fresh_starts": FRESH_STARTS,
            "system": asdict(system),
            "learn": asdict(parameters_of(contender, system)),
            "calf": asdict(CalfOptions(rule=contender.rule)),
        }
        return json.loads(json.dumps(settings))

    def finished(self) -> Json | None:
        """Return the result kept of an earlier run of the same settings, None if there is none."""
        try:
            result = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return result if isinstance(result, dict) and result.get("settings") == self.settings else None

    def run(self) -> None:
        """Train, and keep the result.

        Raises
        ------
        DivergedError
            If training leaves the finite numbers.
        OSError
            If the result cannot be written.
        """
        result = train(CONTENDERS[self.contender], self.seed, self.steps)
        content = json.dumps({"settings": self.settings, **result})
        write_atomically(self.file, content.encode())


def paper_system() -> System:
    """Return the TurtleBot3 with the hot spot in its way, with the horizon that the figure was measured with.

    It differs from ``--system turtlebot``: episodes are longer, and the discount is what systems have by default.
    """
    return replace(
        find_system("turtlebot"), max_episode_steps=400, settling_steps=200, learning={"reward_scale": 1.0}
    )


def parameters_of(contender: Contender, system: System) -> LearningParameters:
    """Return the constants of learning: for all the same, but for who learns."""
    return LearningParameters.for_system(system, algorithm=contender.algorithm)


def fresh_starts(system: System) -> Array:
    """Return the (FRESH_STARTS, d) states that everything is measured from."""
    return system.sample_start(FRESH_STARTS, np.random.default_rng(START_SEED))


def train(contender: Contender, seed: int, steps: int) -> Json:
    """Train from a seed and return, as JSON types, what ``Result of a training`` lists.

    ``training``: for every episode the step of all agents at which it ended, its return, and whether it reached the
    goal. ``evaluation``: steps, mean return and goal rate of the policy without exploration from the fresh starts, at
    every checkpoint; under CALF that is the actor under a check with P_relax = 0. ``paths``: (x, y) over time from
    the first fresh starts, at the end. ``seconds``, ``cpu_seconds``: of all that.
    """
    system = paper_system()
    options = CalfOptions(rule=contender.rule)
    trainer = Trainer(system, options, np.random.SeedSequence(seed), parameters_of(contender, system))
    began, cpu_began = time.perf_counter(), time.process_time()
    starts, ends = fresh_starts(system), []
    evaluation: dict[str, list[float]] = {"steps": [], "return": [], "goal": []}
    for stage in np.linspace(0, steps, CHECKPOINTS + 1).astype(int):
        while trainer.total_steps < stage:
            before = trainer.episode
            trainer.step()
            ends += [trainer.total_steps] * (trainer.episode - before)
        figures = evaluate(trainer.learner, contender.rule, starts, trainer.learner.actions)
        evaluation["steps"].append(int(stage))
        evaluation["return"].append(round(figures["return"], 3))
        evaluation["goal"].append(figures["goal"])
    recorder = Recorder(trainer.learner.actions)
    evaluate(trainer.learner, contender.rule, starts[:PATHS], recorder)
    return {
        "seed": seed,
        "training": {
            "steps": ends,
            "returns": [round(each, 3) for each in trainer.history.returns],
            "reached": [int(each) for each in trainer.history.successes],
        },
        "evaluation": evaluation,
        "paths": recorder.paths(),
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu_began, 1),
    }


def evaluate(learner: Learner, rule: RuleName, starts: Array, actor: Actor) -> Figures:
    """Return goal rate and mean return of an actor from (N, d) starts, under the rule with P_relax = 0."""
    if not RULES[rule].checked:
        return roll_out(learner.system, starts, actor)
    options = CalfOptions(rule=rule, initial_relax=0.0)
    calf = Calf(options, learner.system, len(starts), learner.parameters.discount)
    return under_calf(calf, starts, actor, lambda s, a: learner.q_values(s, a, "evaluation"), seed=0)


def measure_stabilizer() -> Json:
    """Return goal rate and mean return of the stabilizer from the fresh starts, and its paths from the first."""
    system = paper_system()
    starts = fresh_starts(system)
    recorder = Recorder(system.nominal_action)
    roll_out(system, starts[:PATHS], recorder)
    return {**roll_out(system, starts, system.nominal_action), "paths": recorder.paths()}


class Recorder:
    """An actor that remembers where it was asked to act."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._seen: list[Array] = []

    def __call__(self, states: Array) -> Array:
        """Return the actor's (N, m) actions for (N, d) states."""
        self._seen.append(states[:, :2].copy())
        return self._actor(states)

    def paths(self) -> list[list[list[float]]]:
        """Return for every agent the (x, y) of its decisions, in metres, up to where it stayed."""
        kept = []
        for way in np.round(np.stack(self._seen, axis=1), 3):
            moving = np.flatnonzero((way != way[-1]).any(axis=1))
            kept.append(way[: moving[-1] + 2 if len(moving) else 1].tolist())
        return kept
