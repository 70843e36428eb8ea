"""Options of the CALF check; :mod:`calf_gpu.app.training.calf` says what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Number


@dataclass(frozen=True)
class CalfOptions(Room):
    """Constants of the check; Q and therefore ν̄ and κ are in units of the scaled reward."""

    nu_bar: Annotated[float, Number(0.0, 1e6)] = 0.01
    """ν̄: least increase of Q over the certificate."""

    c_low: Annotated[float, Number(0.0, 1e9)] = 0.01
    """Coefficient of the lower bound κ_low(r) = c_low·r²; at most c_up."""

    c_up: Annotated[float, Number(0.0, 1e9)] = 1000.0
    """Coefficient of the upper bound κ_up(r) = c_up·r²."""

    initial_relax: Annotated[float, Number(0.0, 1.0)] = 0.5
    """P_relax at the start of an episode."""

    relax_decay: Annotated[float, Number(0.0, 1.0)] = 0.99995
    """λ: factor of P_relax per step."""
