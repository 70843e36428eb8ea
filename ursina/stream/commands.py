"""What a viewer may ask of a run."""

from __future__ import annotations

import msgspec


class _Command(msgspec.Struct, frozen=True, tag=True):
    """What all commands are."""


class Pause(_Command, frozen=True):
    """Stop or continue; a run that pauses publishes its exact present state once more."""

    on: bool


class Advance(_Command, frozen=True):
    """Make one step in a paused run."""


class SetAgents(_Command, frozen=True):
    """Show so many agents of the swarm, the one that is trained not counted; those that stay keep their states."""

    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_AGENTS:
            raise ValueError(f"agent count accepts integers from 1 to {MAX_AGENTS}, got {self.count}")


class SetController(_Command, frozen=True):
    """Let one of the header's ``controllers`` control the swarm from one of the next steps on."""

    index: int

    def __post_init__(self) -> None:
        if self.index < 0:
            raise ValueError(f"controllers are counted from 0, got {self.index}")


class Ready(_Command, frozen=True):
    """The viewer has taken the last frame and wants the next one; transports send it."""


class Restart(_Command, frozen=True):
    """Start a run again that failed or stopped, from what it saved."""


class Stop(_Command, frozen=True):
    """Save and end."""


MAX_AGENTS = 100_000

Command = Pause | Advance | SetAgents | SetController | Ready | Restart | Stop
