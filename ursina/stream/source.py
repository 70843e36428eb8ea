"""The two sides of a stream. Whoever makes frames is a publisher; whoever shows them has a source and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from calf_gpu.app.stream.codec import Message
from calf_gpu.app.stream.commands import Command
from calf_gpu.app.stream.frame import Frame, Status
from calf_gpu.app.stream.header import Header


class Source(Protocol):
    """Where a viewer gets messages from: a run in this process or another one, or a recording."""

    def receive(self) -> Sequence[Message]:
        """Return what came since the last call, in order: a header before the first frame. Never waits for a run."""

    def send(self, command: Command) -> None:
        """Ask the run for something; sources that cannot do it let it be."""

    def close(self) -> None:
        """Save what must be kept and release everything. Safe to call twice.

        Raises
        ------
        OSError
            If something that must be kept cannot be written.
        """


class Publisher(Protocol):
    """A run that makes one frame when it is asked to: what :class:`~calf_gpu.app.stream.inline.InlineSource` shows."""

    @property
    def header(self) -> Header:
        """What the run is."""

    @property
    def status(self) -> Status:
        """What it does now."""

    def advance(self) -> Frame | None:
        """Return the next frame; None where nothing changed, in a paused run."""

    def obey(self, command: Command) -> None:
        """Do what a viewer asks, as far as the run can."""

    def close(self) -> None:
        """Save what must be kept and release everything. Safe to call twice."""
