"""Who chose an action: the categories of a CALF run, and who may control its swarm."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, get_args

from calf_gpu.app.stream.header import Category, Controller
from calf_gpu.palette import MODE_COLORS


class Mode(IntEnum):
    """Who chose an action; the value is its place in :func:`categories`."""

    TD3 = 0
    RELAX = 1
    NOMINAL = 2


_LABELS = ("TD3: certified", "Relax: uncertified, by chance", "Nominal: the stabilizer")


def categories(checked: bool) -> tuple[Category, ...]:
    """Return name, label and colour of each :class:`Mode`, in a training under the check or without it."""
    labels = _LABELS if checked else ("TD3: unchecked", *_LABELS[1:])
    return tuple(
        Category(mode.name.lower(), label, (float(red), float(green), float(blue)))
        for mode, label, (red, green, blue) in zip(Mode, labels, MODE_COLORS, strict=True)
    )


Policy = Literal["calf", "td3", "nominal"]
"""Who controls the swarm: CALF, the bare TD3 actor, or the nominal stabilizer."""

POLICIES: tuple[Policy, ...] = get_args(Policy)


def controllers(checked: bool) -> tuple[Controller, ...]:
    """Return what people read for each of :data:`POLICIES`; without a check the first two are the same."""
    alone = Controller("TD3 alone", ("TD3: in the swarm unchecked", *_LABELS[1:]))
    return (Controller("CALF") if checked else alone, alone, Controller("stabilizer"))
