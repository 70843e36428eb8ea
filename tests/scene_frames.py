"""A header and frames for tests of what is shown: made up, without a critic, a trainer or torch."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from calf_gpu.app.stream.frame import Frame, Grid, Step
from calf_gpu.app.stream.header import (
    Axis,
    Category,
    Chart,
    Controller,
    Goal,
    Header,
    Number,
    Rule,
)
from calf_gpu.palette import MODE_COLORS

LABELS = ("TD3: certified", "Relax: uncertified, by chance", "Nominal: the stabilizer")
CATEGORIES = tuple(
    Category(name, label, (float(red), float(green), float(blue)))
    for name, label, (red, green, blue) in zip(("td3", "relax", "nominal"), LABELS, MODE_COLORS, strict=True)
)
CONTROLLERS = (
    Controller("CALF"),
    Controller("TD3 alone", ("TD3: in the swarm unchecked", *LABELS[1:])),
    Controller("stabilizer"),
)

LAST = "Last 100 episodes"
NUMBERS = (
    Number("phase", "Phase", "Run", format="choice", choices=("warm-up", "training", "finished", "stopped")),
    Number("episode", "Episode", "Run", "/ 500", format="count"),
    Number("total_steps", "Steps", "Run", format="count"),
    Number("episode_reward", "Reward", "Episode"),
    Number("episode_length", "Length", "Episode", format="count"),
    Number("mean_return", "Return", LAST),
    Number("success_rate", "Goal reached", LAST, format="percent"),
    Number("certification_rate", "Certified", LAST, format="percent"),
    Number("relax_rate", "Relaxed", LAST, format="percent"),
    Number("intervention_rate", "Stabilizer", LAST, format="percent"),
    Number("buffer_size", "Buffer", "Training", format="count"),
    Number("noise", "Noise", "Training", digits=3),
    Number("critic_loss", "Critic loss", "Training", digits=4),
    Number("actor_loss", "Actor loss", "Training", digits=4),
    Number("mode", "Mode", "CALF", format="choice", choices=("td3", "relax", "nominal")),
    Number("relax_probability", "P relax", "CALF", digits=4),
    Number("q_value", "Q(s, a)", "Critic"),
    Number("q_required", "Q needed", "Critic"),
    Number("q_before", "Q† before", "Critic"),
    Number("distance", "Distance r", "κ bounds", digits=4),
    Number("kappa_low", "κ low", "κ bounds"),
    Number("minus_q", "−Q(s, a)", "κ bounds"),
    Number("kappa_up", "κ up", "κ bounds", digits=1),
    Number("kappa_valid", "Within κ", "κ bounds", format="choice", choices=("no", "yes")),
    Number("q_certified"),
    Number("q_next"),
    Number("mean_return_10", "Return, mean of 10"),
    Number("stabilizer_return", "Stabilizer alone"),
    Number("agents", "Agents", "Run", format="count"),
    Number("controller", "Swarm by", "Run", format="choice", choices=("CALF", "TD3 alone", "stabilizer")),
    Number("q_least", "Q least", "Critic"),
    Number("q_greatest", "Q greatest", "Critic"),
    Number("bad_cells", "Bad cells", "Critic", "/ 441", format="count", zero=False),
)

VALUES = {
    "phase": 1,
    "episode": 3,
    "total_steps": 710,
    "episode_reward": -128.5,
    "episode_length": 71,
    "mean_return": -90.0,
    "success_rate": 0.4,
    "certification_rate": 0.5,
    "relax_rate": 0.3,
    "intervention_rate": 0.2,
    "buffer_size": 710,
    "noise": 0.5,
    "critic_loss": 7.1,
    "actor_loss": 28.6,
    "mode": 2,
    "relax_probability": 0.47,
    "q_value": -24.7,
    "q_required": -19.99,
    "q_before": -20.0,
    "distance": 2.2,
    "kappa_low": 0.05,
    "minus_q": 24.7,
    "kappa_up": 4904.0,
    "kappa_valid": 1,
    "q_certified": -20.0,
    "q_next": -19.99,
    "mean_return_10": -95.0,
    "stabilizer_return": -150.0,
    "agents": 5,
    "controller": 0,
    "q_least": -4.5,
    "q_greatest": -1.0,
    "bad_cells": 0,
}

POSITION = Axis("x", "position x", "m", -3.5, 3.5)
Y = Axis("y", "position y", "m", -3.5, 3.5)
POINT_MASS = (POSITION, Axis("v", "velocity v", "m/s", -3.5, 3.5))
VEHICLE = (POSITION, Y, Axis("θ", "heading θ", "rad", -3.15, 3.15, wraps=True))


def make_header(**changes: Any) -> Header:
    """The header of a CALF run of a point mass with five agents and the one that is trained.

    With ``heading=2`` it is that of vehicles, unless other ``axes`` are given.
    """
    axes = changes.get("axes", POINT_MASS if changes.get("heading") is None else VEHICLE)
    header = Header(
        run="20260101-120000-point_mass",
        axes=axes,
        plane=(0, 1),
        critic="min(Q1, Q2) at the actor's action",
        categories=CATEGORIES,
        numbers=NUMBERS,
        agent=True,
        agents=6,
        goal=Goal((0.0,) * len(axes), 0.05),
        controllers=CONTROLLERS,
        controlled_by="controller",
        rule=Rule(name="calf", needed="q_next", kappa=(0.01, 1000.0)),
        chart=Chart("Certified value Q†", "q_certified", "total_steps"),
        episode="episode",
    )
    return msgspec.structs.replace(header, **changes)


def bowl(size: int = 21, tilt: float = 0.0) -> np.ndarray:
    """Critic values of a plausible shape: 0 near the goal, steep at the edge."""
    axis = np.linspace(-3.5, 3.5, size)
    a0, a1 = np.meshgrid(axis, axis)
    q = -(1 + 2 * a0**2 + 1.5 * a1**2 + a0 * a1 + tilt * a0 + 3 * np.sin(1.5 * a0) * np.cos(1.2 * a1))
    return q.astype(np.float32)


def make_step(states: Any, modes: Any = None, respawned: Any = None) -> Step:
    """All agents after one step; the first is the one that is trained."""
    states = np.asarray(states, np.float32)
    modes = np.zeros(len(states), np.uint8) if modes is None else np.asarray(modes, np.uint8)
    respawned = np.zeros(len(states), bool) if respawned is None else np.asarray(respawned, bool)
    return Step(states, modes, respawned)


def make_frame(
    number: int,
    states: Any,
    modes: Any = None,
    respawned: Any = None,
    q_grid: np.ndarray | None = None,
    q_version: int = 0,
    earlier: tuple[Step, ...] = (),
    **numbers: float,
) -> Frame:
    """A frame of the run of :func:`make_header`: :data:`VALUES` but for those given, and a critic."""
    values = {**VALUES, **numbers}
    q = bowl() if q_grid is None else np.asarray(q_grid, np.float32)
    return Frame(
        number=number,
        now=make_step(states, modes, respawned),
        numbers=np.array([values[declared.name] for declared in NUMBERS], np.float64),
        grid=Grid(q_version, q, distances(q.shape)),
        earlier=earlier,
    )


def distances(shape: tuple[int, int]) -> np.ndarray:
    """Distances of the nodes of a grid from the middle."""
    rows, columns = (np.linspace(-3.5, 3.5, count) for count in shape)
    return np.hypot(columns[None, :], rows[:, None]).astype(np.float32)
