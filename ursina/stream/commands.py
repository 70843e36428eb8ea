"""What a viewer may ask of a run."""

from __future__ import annotations

import msgspec


class _Command(msgspec.Struct, frozen=True, tag=True):
    pass


class Pause(_Command):
    """Stop or continue; a run that pauses publishes its exact present state once more."""

    on: bool


class SetAgents(_Command):
    """Show so many agents of the swarm, the one that is trained not counted; those that stay keep their states."""

    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_AGENTS:
            raise ValueError(f"agent count accepts integers from 1 to {MAX_AGENTS}, got {self.count}")


class SetController(_Command):
    """Let one of the header's ``controllers`` control the swarm from one of the next steps on."""

    index: int

    def __post_init__(self) -> None:
        if self.index < 0:
            raise ValueError(f"controllers are counted from 0, got {self.index}")


class Ready(_Command):
    """The viewer has taken the last frame and wants the next one; transports send it."""


class Restart(_Command):
    """Start a run again that failed or stopped, from what it saved."""


class Stop(_Command):
    """Save and end."""


MAX_AGENTS = 100_000

Command = Pause | SetAgents | SetController | Ready | Restart | Stop
