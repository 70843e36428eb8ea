"""Everything one moment shows, as arrays and numbers: the only thing that passes from a run to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_STEPS = 64
"""Steps that a frame holds; of more, the oldest are forgotten."""


class Grid(msgspec.Struct, frozen=True):
    """The critic over the plane shown.

    Attributes
    ----------
    version
        Changes whenever the values do.
    values
        (R, C) float32: rows run along the plane's second axis, columns along the first, both ascending, nodes on the
        borders. Never written again once published.
    distances
        (R, C) float32: how far the goal is from the nodes, r of the header's rule; None where there is none.
    """

    version: int
    values: NDArray[np.float32]
    distances: NDArray[np.float32] | None = None


class Step(msgspec.Struct, frozen=True):
    """All M agents after one step: what a trail remembers of it.

    Attributes
    ----------
    states
        (M, d) float32 in the units of the header's axes; row 0 is the training agent where there is one.
    modes
        (M,) uint8, places in the header's categories: who chose the actions that led there.
    respawned
        (M,) bool, true where an episode starts with this state, so that no trail joins it to the last one.
    """

    states: NDArray[np.float32]
    modes: NDArray[np.uint8]
    respawned: NDArray[np.bool_]


class Frame(msgspec.Struct, frozen=True, tag="frame"):
    """What is to be shown now.

    Attributes
    ----------
    number
        Step of the run, from 0; a frame with the number of the one before replaces it (a paused run).
    now
        The agents.
    numbers
        (K,) float64 in the order of the header's ``numbers``, nan for what does not exist yet.
    grid
        The critic; None where it is that of the frame before.
    values
        (M,) float32, the critic at every agent's own state with all its axes, nan where it is not known; None where the
        plane shows all axes, so that the Q-grid says the same.
    earlier
        Steps between the frame before and this one, oldest first, all of M agents: trails need them to stay
        continuous where the run is faster than the picture.
    """

    number: int
    now: Step
    numbers: NDArray[np.float64]
    grid: Grid | None = None
    values: NDArray[np.float32] | None = None
    earlier: tuple[Step, ...] = ()

    @property
    def agents(self) -> int:
        """Number of agents M, the training agent among them."""
        return int(self.now.modes.size)


class Status(msgspec.Struct, frozen=True, tag="status"):
    """What a run does, where that changed.

    ``stopped``: it trains no more though it goes on showing; ``failed``: it is gone. Both say why in one line.
    """

    phase: Literal["starting", "running", "paused", "stopped", "failed"]
    reason: str = ""


def steps_after(frame: Frame, last: int) -> list[Step]:
    """Return the steps of a frame, its own among them, that a viewer who has seen step ``last`` has not seen."""
    first = frame.number - len(frame.earlier)
    steps = [*frame.earlier, frame.now]
    return steps[last - first + 1 :] if first <= last <= frame.number else steps


def join(older: Frame, newer: Frame) -> Frame:
    """Return ``newer`` with what ``older``, which nobody has seen, showed before it.

    Where steps are lost (the number of agents changed, or there are more than :data:`MAX_STEPS`), agents that started
    an episode meanwhile, or may have, are marked respawned, so that no trail bridges the gap.
    """
    grid = newer.grid if newer.grid is not None else older.grid
    before, after = [*older.earlier, older.now], [*newer.earlier, newer.now]
    again = min(max(older.number - (newer.number - len(newer.earlier)) + 1, 0), len(before))
    if older.agents != newer.agents:
        after[0] = _starting(after[0], _any_start(before, newer.agents))
        before = []
    elif again:  # a run that paused shows its last step once more
        after[0] = _starting(after[0], _any_start(before[-again:], newer.agents))
        before = before[:-again]
    kept = [*before, *after][-MAX_STEPS:]
    if len(before) + len(after) > MAX_STEPS:
        kept[0] = _starting(kept[0], np.ones(newer.agents, np.bool_))
    return msgspec.structs.replace(newer, now=kept[-1], grid=grid, earlier=tuple(kept[:-1]))


def without_steps(frame: Frame) -> Frame:
    """Return the frame as the start of what is shown: no steps before it, and every agent begins here."""
    now = Step(frame.now.states, frame.now.modes, np.ones(frame.agents, np.bool_))
    return msgspec.structs.replace(frame, now=now, earlier=())


def _starting(step: Step, also: NDArray[np.bool_]) -> Step:
    return Step(step.states, step.modes, step.respawned | also)


def _any_start(steps: Sequence[Step], agents: int) -> NDArray[np.bool_]:
    """Return (agents,) whether an agent started in one of the steps; those that a step does not have did."""
    started = np.ones(agents, np.bool_)
    common = min(agents, min(len(step.modes) for step in steps))
    started[:common] = np.any([step.respawned[:common] for step in steps], axis=0)
    return started
