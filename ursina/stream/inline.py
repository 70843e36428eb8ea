"""A run in the viewer's own process: one step for each frame that is drawn, so that equal seeds give equal pictures."""

from __future__ import annotations

from calf_gpu.app.stream.codec import Message
from calf_gpu.app.stream.commands import Command, Restart, Stop
from calf_gpu.app.stream.frame import Status
from calf_gpu.app.stream.header import Header
from calf_gpu.app.stream.source import Publisher


class InlineSource:
    """Asks a publisher for a frame whenever the viewer wants one; nothing is encoded or copied.

    Parameters
    ----------
    publisher
        The run. The source closes it.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._header: Header | None = None
        self._status: Status | None = None

    def receive(self) -> list[Message]:
        """Advance the run and return its frame, after a header or status that the viewer does not know yet."""
        frame = self._publisher.advance()
        messages: list[Message] = []
        if self._publisher.header is not self._header:
            self._header = self._publisher.header
            messages.append(self._header)
        if self._publisher.status != self._status:
            self._status = self._publisher.status
            messages.append(self._status)
        return [*messages, frame] if frame is not None else messages

    def send(self, command: Command) -> None:
        """Have the run obey at once; it ends with :meth:`close` and cannot be started again."""
        if not isinstance(command, Stop | Restart):
            self._publisher.obey(command)

    def close(self) -> None:
        """Close the run."""
        self._publisher.close()
