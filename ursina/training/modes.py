"""Who chose an action: the categories of a CALF run, and who may control its swarm."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, get_args

from calf_gpu.app.stream.header import Category, Controller
from calf_gpu.palette import MODE_COLORS


class Mode(IntEnum):
    """Who chose an action; the value is its place in :data:`CATEGORIES`."""

    TD3 = 0
    RELAX = 1
    NOMINAL = 2


_LABELS = ("TD3: certified", "Relax: uncertified, by chance", "Nominal: the stabilizer")

CATEGORIES = tuple(
    Category(mode.name.lower(), label, (float(red), float(green), float(blue)))
    for mode, label, (red, green, blue) in zip(Mode, _LABELS, MODE_COLORS, strict=True)
)

Policy = Literal["calf", "td3", "nominal"]
"""Who controls the swarm: CALF, the bare TD3 actor, or the nominal stabilizer."""

POLICIES: tuple[Policy, ...] = get_args(Policy)

CONTROLLERS = (
    Controller("CALF"),
    Controller("TD3 alone", ("TD3: in the swarm unchecked", *_LABELS[1:])),
    Controller("stabilizer"),
)
"""What people read for each of :data:`POLICIES`."""
