"""Options of the CALF check; :mod:`calf_gpu.app.training.calf` says what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Number

RuleName = Literal["calf", "calf-wrapper", "playground", "calf-enhance", "none"]


@dataclass(frozen=True)
class CalfOptions(Room):
    """Constants of the check. Q, ν̄ and κ are in the system's rewards, whatever learning scales them by."""

    rule: RuleName = "calf"
    """Conditions that certify: those of this program's CALF or of a published one; with none there is no check, and the
    actor acts by itself from the first step."""

    nu_bar: Annotated[float | None, Number(0.0, 1e6)] = None
    """ν̄, least increase of Q† per certificate: with rule calf as a fraction of the cost to go at the start, so that at
    most 1/ν̄ certificates fit an episode; else in rewards. Unless given, the rule's: 0.001, or 0.01."""

    slack: Annotated[float, Number(0.0, 1e6)] = 0.1
    """How far the return may fall short of what the critic gave for the start, as a fraction of that (rule calf)."""

    c_low: Annotated[float | None, Number(0.0, 1e9)] = None
    """Coefficient of κ_low(r) = c_low·r², a cost that no way to the goal undercuts; unless given, the system's."""

    c_up: Annotated[float | None, Number(0.0, 1e9)] = None
    """Coefficient of κ_up(r) = c_up·r², a cost that every sensible way stays below; unless given, the system's."""

    initial_relax: Annotated[float | None, Number(0.0, 1.0)] = None
    """P_relax at the start of an episode; unless given, the rule's: 0.5, or 0.9 in calf-enhance."""

    relax_decay: Annotated[float | None, Number(0.0, 1.0)] = None
    """Factor of P_relax per decision, λ; unless given, the rule's: 0.95 in calf."""
