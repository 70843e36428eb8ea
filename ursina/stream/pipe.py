"""Messages through a pair of pipes between two processes: a length of four bytes, then the message.

Pipes block: writing waits for a reader, reading for a writer. So each side has a thread that reads, and the side that
must never wait has one that writes (:class:`Outlet`).
"""

from __future__ import annotations

import threading
from collections import deque
from typing import IO

import msgspec

from calf_gpu.app.stream.codec import MAX_BYTES, CodecError, Message, decode_command, encode
from calf_gpu.app.stream.commands import Command, Ready
from calf_gpu.app.stream.frame import Frame, join

CHUNK = 1 << 20
"""Bytes that are asked for at once: a length that lies costs no memory."""


def write_message(file: IO[bytes], data: bytes) -> None:
    """Write one message; raises OSError if the other side is gone."""
    file.write(len(data).to_bytes(4, "little"))
    file.write(data)
    file.flush()


def read_message(file: IO[bytes]) -> bytes | None:
    """Return the next message, None at the end of the pipe.

    Raises
    ------
    CodecError
        If it claims to be longer than messages may be, or the pipe ends inside it.
    """
    prefix = file.read(4)
    if not prefix:
        return None
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 4 or length > MAX_BYTES:
        raise CodecError(f"not a message: {length:,} bytes, accepted are {MAX_BYTES:,}")
    data = bytearray()
    while len(data) < length:
        part = file.read(min(CHUNK, length - len(data)))
        if not part:
            raise CodecError(f"not a message: it ends after {len(data):,} of {length:,} bytes")
        data += part
    return bytes(data)


class Inlet:
    """The messages that arrive at one end, read by a thread.

    Parameters
    ----------
    file
        What is read; closed at its end.

    Attributes
    ----------
    arrived
        Set when there is something to take, or no more to come.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.arrived = threading.Event()
        self._file = file
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="inlet", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the other side is gone and all that it said has been taken."""
        return self._ended and not self._messages

    def take(self) -> list[bytes]:
        """Return what arrived since the last call, oldest first."""
        self.arrived.clear()
        taken = []
        while self._messages:
            taken.append(self._messages.popleft())
        if self._ended:
            self.arrived.set()
        return taken

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the other side has closed the pipe, at most so long."""
        self._thread.join(seconds)

    def _read(self) -> None:
        try:
            with self._file:
                while (data := read_message(self._file)) is not None:
                    self._messages.append(data)
                    self.arrived.set()
        except (CodecError, OSError, ValueError):
            pass  # whoever speaks so is as good as gone
        self._ended = True
        self.arrived.set()


class Outlet:
    """A viewer at the other end, as a run sees it: publishing never waits for it.

    One frame is on its way at a time; those made meanwhile are joined to the next one, which leaves when the viewer
    is :class:`~calf_gpu.app.stream.commands.Ready`. A Q-grid is sent once.

    Parameters
    ----------
    commands, messages
        Pipes from and to the viewer.
    """

    def __init__(self, commands: IO[bytes], messages: IO[bytes]) -> None:
        self._inlet = Inlet(commands)
        self._file = messages
        self._changed = threading.Condition()
        self._messages: deque[Message] = deque()
        self._frame: Frame | None = None
        self._ready = True
        self._grid: int | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="outlet", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether the viewer waits for a frame and none is on its way."""
        with self._changed:
            return self._ready and self._frame is None

    def publish(self, message: Message) -> None:
        """Have a message sent, a frame when the viewer wants it."""
        with self._changed:
            if isinstance(message, Frame):
                self._frame = message if self._frame is None else join(self._frame, message)
            else:
                self._messages.append(message)
            self._changed.notify()

    def commands(self, patience: float = 0.0) -> list[Command]:
        """Return what the viewer asks for; wait so many seconds for it if there is nothing.

        Raises
        ------
        EOFError
            If the viewer is gone.
        CodecError
            If it sends what is no command.
        """
        if patience > 0.0:
            self._inlet.arrived.wait(patience)
        commands = [decode_command(data) for data in self._inlet.take()]
        if any(isinstance(command, Ready) for command in commands):
            with self._changed:
                self._ready = True
                self._changed.notify()
        if not commands and self._inlet.ended:
            raise EOFError("the viewer is gone")
        return [command for command in commands if not isinstance(command, Ready)]

    def close(self, patience: float = 2.0) -> None:
        """Send what waits besides frames, as long as it takes less than ``patience`` seconds, and close the pipe."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(patience)

    def _write(self) -> None:
        try:
            with self._file:
                while (data := self._next()) is not None:
                    write_message(self._file, data)
        except OSError:
            pass  # the viewer is gone; commands() says so

    def _next(self) -> bytes | None:
        """Wait for the next message that may leave; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed or (self._ready and self._frame))
            if self._messages:
                message: Message = self._messages.popleft()
            elif self._closed or self._frame is None:
                return None
            else:
                message, self._frame, self._ready = self._without_known_grid(self._frame), None, False
        return encode(message)

    def _without_known_grid(self, frame: Frame) -> Frame:
        if frame.grid is None:
            return frame
        known, self._grid = self._grid, frame.grid.version
        if frame.grid.version != known:
            return frame
        return msgspec.structs.replace(frame, grid=None)
