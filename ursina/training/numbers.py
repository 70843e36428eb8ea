"""Every number of a run, one line each: its name, how people read it, and where it comes from.

The display, TensorBoard's scalars and the profile follow from these two tables: a new number is a new line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.header import Number
from calf_gpu.app.systems import System
from calf_gpu.app.training.calf import RULES, Check
from calf_gpu.app.training.history import SUCCESS_WINDOW as LAST
from calf_gpu.app.training.modes import POLICIES, Mode, controllers

if TYPE_CHECKING:
    from calf_gpu.app.training.publication import Publication
    from calf_gpu.app.training.run import TrainingRun

Origin = TypeVar("Origin")

MODES = tuple(mode.name.lower() for mode in Mode)


class Reading(NamedTuple, Generic[Origin]):
    """A number and how it is read off a run."""

    number: Number
    read: Callable[[Origin], float]


def training_numbers(config: VisualizationConfig) -> tuple[Reading[TrainingRun], ...]:
    """Return what a training says of itself, in the order in which it is shown.

    Q, rewards and returns are in the system's rewards, losses are scaled. Reward and length are of the agent shown, in
    its present episode, the check is its last one; all else is of all training agents together. Where actions are not
    checked, there are no numbers of a check.
    """
    of_episodes = f"/ {config.run.episodes:,}"
    last = f"Last {LAST} episodes"
    readings: tuple[Reading[TrainingRun], ...] = (
        Reading(_choice("phase", "Phase", "Run", PHASES), lambda r: PHASES.index(r.phase)),
        Reading(_count("episode", "Episode", "Run", unit=of_episodes), lambda r: r.trainer.episode),
        Reading(_count("total_steps", "Steps", "Run"), lambda r: r.trainer.total_steps),
        Reading(_value("episode_reward", "Reward", "Episode"), lambda r: r.trainer.episode_return),
        Reading(_count("episode_length", "Length", "Episode"), lambda r: r.trainer.episode_length),
        Reading(_value("mean_return", "Return", last), lambda r: r.trainer.history.mean_return(LAST)),
        Reading(_percent("success_rate", "Goal reached", last, "episode/success_rate"),
                lambda r: r.trainer.history.success_rate()),
        Reading(_percent("certification_rate", "Certified", last, "calf/certification_rate"), _share(Mode.TD3)),
        Reading(_percent("relax_rate", "Relaxed", last, "calf/relax_rate"), _share(Mode.RELAX)),
        Reading(_percent("intervention_rate", "Stabilizer", last, "calf/intervention_rate"), _share(Mode.NOMINAL)),
        Reading(_count("buffer_size", "Buffer", "Training"), lambda r: r.trainer.learner.buffer.size()),
        Reading(_value("noise", "Noise", "Training", 3, "train/noise"), lambda r: r.trainer.noise),
        Reading(_value("critic_loss", "Critic loss", "Training", 4, "train/critic_loss"),
                lambda r: r.trainer.learner.critic_loss),
        Reading(_value("actor_loss", "Actor loss", "Training", 4, "train/actor_loss"),
                lambda r: r.trainer.learner.actor_loss),
        Reading(_choice("mode", "Mode", "CALF", MODES), lambda r: int(r.trainer.mode)),
        Reading(_value("relax_probability", "P relax", "CALF", 4), lambda r: r.trainer.check.relax_probability),
        Reading(_value("q_value", "Q(s, a)", "Critic", 2), lambda r: r.trainer.check.q),
        Reading(_value("q_required", "Q needed", "Critic", 2), lambda r: r.trainer.check.q_required),
        Reading(_value("q_before", "Q† before", "Critic", 2), lambda r: r.trainer.check.q_certified),
        Reading(_value("distance", "Distance r", "κ bounds", 4), lambda r: r.trainer.check.distance),
        Reading(_value("kappa_low", "κ low", "κ bounds", 2), lambda r: r.trainer.check.kappa_low),
        Reading(_value("minus_q", "−Q(s, a)", "κ bounds", 2), lambda r: -r.trainer.check.q),
        Reading(_value("kappa_up", "κ up", "κ bounds", 1), lambda r: r.trainer.check.kappa_up),
        Reading(_choice("kappa_valid", "Within κ", "κ bounds", ("no", "yes")), lambda r: _within(r.trainer.check)),
        Reading(_value("q_certified"), lambda r: r.trainer.calf.q_certified[0]),
        Reading(_value("q_next"), lambda r: r.trainer.calf.required()[0]),
        Reading(_value("mean_return_10", "Return, mean of 10", scalar="episode/mean_return_10"),
                lambda r: r.trainer.history.mean_return(10)),
        Reading(_value("stabilizer_return", "Stabilizer alone"),
                lambda r: r.stabilizer_return if r.trainer.episode else np.nan),
        Reading(_value("return", scalar="episode/return"), lambda r: r.trainer.history.last_return),
        Reading(_count("length", scalar="episode/length"), lambda r: r.trainer.history.last_length),
        Reading(_count("critic_queries"), lambda r: sum(r.trainer.learner.queries.values())),
        Reading(_count("critic_queries_display"), lambda r: sum(r.trainer.learner.queries.get(p, 0) for p in DISPLAY)),
        Reading(_count("critic_rows"), lambda r: sum(r.trainer.learner.rows.values())),
    )  # fmt: skip
    if RULES[config.calf.rule].checked:
        return readings
    return tuple(reading for reading in readings if reading.number.name not in OF_THE_CHECK)


def picture_numbers(config: VisualizationConfig, system: System) -> tuple[Reading[Publication], ...]:
    """Return what a run says of what it shows beside the training: the swarm and the critic over the plane."""
    of_nodes = f"/ {config.run.grid_size**2:,}"
    checked = RULES[config.calf.rule].checked
    labels = tuple(controller.label for controller in controllers(checked))
    return (
        Reading(_count("agents", "Agents", "Run"), lambda p: len(p.swarm)),
        Reading(_choice("controller", "Swarm by", "Run", labels), lambda p: POLICIES.index(p.swarm.policy)),
        Reading(_value("q_least", "Q least", "Critic"), lambda p: p.landscape.least),
        Reading(_value("q_greatest", "Q greatest", "Critic"), lambda p: p.landscape.greatest),
        Reading(
            _count("bad_cells", "Bad cells", "Critic", unit=of_nodes, zero=False),
            lambda p: p.landscape.bad_cells,
        ),
        *slice_numbers(system),
    )


def slice_numbers(system: System) -> Iterator[Reading[Publication]]:
    """Yield what the axes that are not shown are held at: the surface is the critic there and nowhere else."""
    for place, title in enumerate(system.axis_labels[2:]):
        label, _, unit = title.partition(" [")
        number = Number(f"slice_{place}", f"Slice at {label}", "Picture", unit.rstrip("]"))
        yield Reading(number, partial(_held, place=place))


def _held(publication: Publication, place: int) -> float:
    return float(publication.landscape.held[place])


OF_THE_CHECK = {
    "certification_rate",
    "relax_rate",
    "intervention_rate",
    "mode",
    "relax_probability",
    "q_value",
    "q_required",
    "q_before",
    "distance",
    "kappa_low",
    "minus_q",
    "kappa_up",
    "kappa_valid",
    "q_certified",
    "q_next",
}
"""Names of the numbers that are there only where actions are checked."""

PHASES = ("warm-up", "training", "finished", "stopped")

DISPLAY = ("grid",)
"""Why the picture asks the critic; training and the swarm's checks would ask without a picture too."""


def read(readings: Iterable[Reading[Origin]], origin: Origin) -> NDArray[np.float64]:
    """Return the values of all numbers now, (K,); nan for what does not exist yet."""
    return np.array([reading.read(origin) for reading in readings], np.float64)


def scalars(readings: Iterable[Reading[Origin]], origin: Origin) -> dict[str, float]:
    """Return the values that are logged once an episode, by tag; those that do not exist are left out."""
    logged = [reading for reading in readings if reading.number.scalar]
    values = zip(logged, read(logged, origin), strict=True)
    return {reading.number.scalar: float(value) for reading, value in values if np.isfinite(value)}


def _share(mode: Mode) -> Callable[[TrainingRun], float]:
    """Return how to read the share of the last episodes' decisions that a mode made."""
    return lambda run: run.trainer.history.mode_share(mode)


def _within(check: Check[float]) -> float:
    """Return whether κ_low ≤ −Q ≤ κ_up held, 1 or 0; nan where there are no such bounds, or no Q."""
    if not np.isfinite([check.q, check.kappa_low]).all():
        return np.nan
    return float(check.kappa_low <= -check.q <= check.kappa_up)


def _value(name: str, label: str = "", block: str = "", digits: int = 2, scalar: str = "") -> Number:
    return Number(name, label, block, digits=digits, scalar=scalar)


def _count(
    name: str, label: str = "", block: str = "", unit: str = "", scalar: str = "", zero: bool = True
) -> Number:
    return Number(name, label, block, unit, "count", scalar=scalar, zero=zero)


def _percent(name: str, label: str = "", block: str = "", scalar: str = "") -> Number:
    return Number(name, label, block, format="percent", scalar=scalar)


def _choice(name: str, label: str, block: str, choices: tuple[str, ...]) -> Number:
    return Number(name, label, block, format="choice", choices=choices)
