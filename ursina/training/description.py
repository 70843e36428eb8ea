"""The header of a CALF training: its system, critic, rule and numbers, for whoever shows it."""

from __future__ import annotations

from pathlib import Path

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.header import Axis, Chart, Curves, Goal, Header, Rule
from calf_gpu.app.systems import System, find_system
from calf_gpu.app.training.calf import RULES, kappa_bounds
from calf_gpu.app.training.modes import categories, controllers
from calf_gpu.app.training.numbers import picture_numbers, training_numbers


def describe(config: VisualizationConfig, run_dir: Path | None) -> Header:
    """Return the header of the run that the options ask for; needs no learner, so it is there at once.

    Raises
    ------
    ValueError
        If the system is not known.
    """
    system = find_system(config.run.system)
    checked = RULES[config.calf.rule].checked
    at = "the actor's action" if config.run.q_action == "actor" else "action 0"
    numbers = [reading.number for reading in training_numbers(config)]
    numbers += [reading.number for reading in picture_numbers(config, system)]
    return Header(
        run=run_dir.name if run_dir is not None else system.name,
        axes=_axes(system),
        plane=(0, 1),
        critic=f"min(Q1, Q2) at {at}",
        categories=categories(checked),
        numbers=tuple(numbers),
        agent=True,
        agents=1 + config.run.n_agents,
        goal=Goal(tuple(map(float, system.goal)), system.goal_radius),
        heading=system.heading_axis,
        controllers=controllers(checked),
        controlled_by="controller",
        rule=Rule(config.calf.rule, "q_next", kappa_bounds(config.calf, system)) if checked else None,
        chart=Chart("Certified value Q†", "q_certified", "total_steps") if checked else None,
        curves=Curves(
            "Learning", ("mean_return_10", "success_rate"), "episode", reference="stabilizer_return"
        ),
        episode="episode",
    )


def _axes(system: System) -> tuple[Axis, ...]:
    """Return the state axes: those of the plane as far as it is shown, the others as far as states reach."""
    borders = [system.plane_extent[:2], system.plane_extent[2:]]
    borders += [(-bound, bound) for bound in system.state_bound[2:]]
    axes = []
    for number, (title, (low, high)) in enumerate(zip(system.axis_labels, borders, strict=True)):
        label, _, unit = title.partition(" [")
        wraps = number in system.wrapped_axes
        axes.append(Axis(label.split()[-1], label, unit.rstrip("]"), low, high, wraps))
    return tuple(axes)
