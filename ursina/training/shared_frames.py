"""Frame states through shared memory: one process publishes, another reads the newest complete one, nobody waits.

The memory is a ring of slots, one per published state, and a smaller one of Q-grids. A slot carries the number of the
publication it holds; the writer takes the number away, writes, and puts the new one in last. A reader copies a slot
and looks at the number before and after: if it changed, the slot was being written and the copy is thrown away (a
sequence lock without the lock). Steps that fall between two reads are handed over too, for the trails.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, fields
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
from calf_gpu.app.training.frame_state import FrameState, SwarmStep, TrainingStats
from numpy.typing import NDArray

STATS_BYTES = 2048
"""Room for the statistics of a step as JSON."""

NOTHING = -1
"""Sequence number of a slot that is empty or being written."""


@dataclass(frozen=True)
class SharedLayout:
    """Sizes of a shared memory; both sides must use the same.

    Attributes
    ----------
    capacity
        Most swarm agents that fit.
    state_dim, grid_size
        d and G.
    steps
        States kept; a reader that comes back within ``steps - 2`` publications misses none.
    grids
        Q-grids kept.
    """

    capacity: int
    state_dim: int
    grid_size: int
    steps: int = 64
    grids: int = 4

    def dtype(self) -> np.dtype[np.void]:
        """Record type of the whole memory; agent 0 of a step is the training agent."""
        rows = self.capacity + 1
        step = np.dtype(
            [
                ("sequence", "i8"),
                ("step", "i8"),
                ("q_version", "i8"),
                ("count", "i8"),
                ("stats_length", "i8"),
                ("states", "f4", (rows, self.state_dim)),
                ("modes", "u1", (rows,)),
                ("respawned", "?", (rows,)),
                ("stats", "u1", (STATS_BYTES,)),
            ],
            align=True,
        )
        grid = np.dtype([("sequence", "i8"), ("q", "f4", (self.grid_size, self.grid_size))], align=True)
        return np.dtype(
            [("newest", "i8"), ("steps", step, (self.steps,)), ("grids", grid, (self.grids,))], align=True
        )


class SharedFrames:
    """One side of the shared memory. Use :meth:`create` in the reading and :meth:`attach` in the writing process.

    Attributes
    ----------
    layout
        Sizes.
    """

    def __init__(self, memory: SharedMemory, layout: SharedLayout, owner: bool) -> None:
        self.layout = layout
        self._memory = memory
        self._owner = owner
        self._all = np.ndarray((), layout.dtype(), memory.buf)
        self._fence_lock = threading.Lock()
        self._grid: tuple[int, NDArray[np.float32]] | None = None
        self._published = self._read = NOTHING
        if owner:
            self._all["newest"] = NOTHING
            self._all["steps"]["sequence"] = NOTHING
            self._all["grids"]["sequence"] = NOTHING

    @classmethod
    def create(cls, layout: SharedLayout) -> SharedFrames:
        """Allocate the memory; this side removes it in :meth:`close`.

        Raises
        ------
        OSError
            If there is no room for it.
        """
        memory = SharedMemory(create=True, size=layout.dtype().itemsize)
        try:
            _reserve(memory)
        except OSError as error:
            memory.close()
            memory.unlink()
            raise OSError(
                f"no shared memory for {layout.capacity:,} agents: {memory.size / 1e6:,.0f} MB: {error.strerror}"
            ) from None
        return cls(memory, layout, owner=True)

    @classmethod
    def attach(cls, name: str, layout: SharedLayout) -> SharedFrames:
        """Open the memory that another process created under this name.

        Raises
        ------
        FileNotFoundError
            If it is gone.
        """
        return cls(SharedMemory(name), layout, owner=False)

    @property
    def name(self) -> str:
        """Name of the memory, for :meth:`attach`."""
        return self._memory.name

    def close(self) -> None:
        """Let go of the memory; the side that created it removes it. Safe to call twice."""
        if hasattr(self, "_all"):
            del self._all  # the buffer cannot be closed while an array looks at it
            self._memory.close()
            if self._owner:
                self._memory.unlink()

    def publish(self, frame: FrameState) -> None:
        """Write one state; only one process may do so.

        A state of the same ``step`` as the one before replaces it for readers that have not seen it yet.

        Raises
        ------
        ValueError
            If the frame has more agents than fit.
        """
        count = len(frame.states)
        if count > self.layout.capacity:
            raise ValueError(f"{count} agents do not fit a shared memory for {self.layout.capacity}")
        self._publish_grid(frame)
        self._published += 1
        slot = self._all["steps"][self._published % self.layout.steps]
        stats = frame.stats.to_json().encode()
        slot["sequence"] = NOTHING
        self._fence()
        slot["step"], slot["q_version"] = frame.step, frame.q_version
        slot["count"], slot["stats_length"] = count, len(stats)
        slot["states"][0], slot["states"][1 : count + 1] = frame.training_state, frame.states
        slot["modes"][0], slot["modes"][1 : count + 1] = frame.training_mode, frame.modes
        slot["respawned"][0], slot["respawned"][1 : count + 1] = frame.training_respawned, frame.respawned
        slot["stats"][: len(stats)] = np.frombuffer(stats, np.uint8)
        self._fence()
        slot["sequence"] = self._published
        self._fence()
        self._all["newest"] = self._published

    def read(self) -> FrameState | None:
        """Return the newest complete state with the steps since the last call, or None if there is nothing newer.

        Where steps were lost (the reader stayed away too long), agents that may have started an episode in
        between are marked ``respawned``, so that no trail bridges the gap.
        """
        while (newest := int(self._all["newest"])) > self._read:
            first = max(self._read + 1, newest - self.layout.steps + 2)
            copies = [self._copy_step(number) for number in range(first, newest + 1)]
            last = copies[-1]
            grid = self._copy_grid(last.q_version) if last is not None else None
            if last is None or grid is None:
                continue  # overwritten while copying: there is something newer now
            lost = first > self._read + 1
            self._read = newest
            return _assemble(grid, copies, lost)
        return None

    def _publish_grid(self, frame: FrameState) -> None:
        slot = self._all["grids"][frame.q_version % self.layout.grids]
        if slot["sequence"] == frame.q_version:
            return
        slot["sequence"] = NOTHING
        self._fence()
        slot["q"][...] = frame.q_grid
        self._fence()
        slot["sequence"] = frame.q_version

    def _copy_step(self, number: int) -> _StepCopy | None:
        slot = self._all["steps"][number % self.layout.steps]
        if slot["sequence"] != number:
            return None
        self._fence()
        rows = min(int(slot["count"]), self.layout.capacity) + 1
        copy = _StepCopy(
            int(slot["step"]),
            int(slot["q_version"]),
            slot["states"][:rows].copy(),
            slot["modes"][:rows].copy(),
            slot["respawned"][:rows].copy(),
            slot["stats"][: max(int(slot["stats_length"]), 0)].tobytes(),
        )
        self._fence()
        return copy if slot["sequence"] == number else None

    def _copy_grid(self, version: int) -> tuple[int, NDArray[np.float32]] | None:
        if self._grid is None or self._grid[0] != version:
            slot = self._all["grids"][version % self.layout.grids]
            if slot["sequence"] != version:
                return None
            self._fence()
            q = slot["q"].copy()
            self._fence()
            if slot["sequence"] != version:
                return None
            self._grid = version, q
        return self._grid

    def _fence(self) -> None:
        """Keep the processor from moving memory accesses across this line (x86 never does, ARM may).

        Two rounds through a lock: what stands before the first unlock stays before the second lock.
        """
        with self._fence_lock:
            pass
        with self._fence_lock:
            pass


def _reserve(memory: SharedMemory) -> None:
    """Have the system set the memory's pages aside now: touching one that it cannot give would kill the process."""
    device = Path("/dev/shm") / memory.name.lstrip("/")
    if sys.platform.startswith("linux") and device.exists():
        descriptor = os.open(device, os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, memory.size)
        finally:
            os.close(descriptor)


@dataclass
class _StepCopy:
    """A slot's content; row 0 is the training agent."""

    step: int
    q_version: int
    states: NDArray[np.float32]
    modes: NDArray[np.uint8]
    respawned: NDArray[np.bool_]
    stats: bytes

    def as_step(self) -> SwarmStep:
        return SwarmStep(
            self.states[1:],
            self.modes[1:],
            self.respawned[1:],
            self.states[0],
            int(self.modes[0]),
            bool(self.respawned[0]),
        )


def _assemble(
    grid: tuple[int, NDArray[np.float32]], copies: list[_StepCopy | None], lost: bool
) -> FrameState:
    """Make a frame state of the copied publications, the newest last."""
    kept: list[_StepCopy] = []
    last = copies[-1]
    assert last is not None
    pending = np.full(len(last.states), lost)
    for copy in copies:
        if copy is None:
            pending[:] = True
        elif len(copy.states) != len(last.states):  # the number of agents changed since
            common = min(len(copy.states), len(pending))
            pending[:common] |= copy.respawned[:common]
            pending[common:] = True
        else:
            copy.respawned |= pending
            pending[:] = False
            if kept and kept[-1].step == copy.step:
                copy.respawned |= kept.pop().respawned
            kept.append(copy)
    shown = kept[-1].as_step()
    return FrameState(
        step=last.step,
        q_grid=grid[1],
        q_version=grid[0],
        **{field.name: getattr(shown, field.name) for field in fields(SwarmStep)},
        stats=TrainingStats.from_json(last.stats),
        earlier=tuple(copy.as_step() for copy in kept[:-1]),
    )
