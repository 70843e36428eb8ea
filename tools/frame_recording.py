"""Frames of a run in a file: recorded once, shown as often as wanted. Messages of the stream, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from calf_gpu.app.stream.codec import Decoder, Message, encode
from calf_gpu.app.stream.commands import Command
from calf_gpu.app.stream.frame import Frame, Grid
from calf_gpu.app.stream.pipe import read_message, write_message


def save_recording(path: Path, messages: Iterable[Message]) -> None:
    """Write messages, a header before the frames; a Q-grid is written once, however many frames show it."""
    shown: Grid | None = None
    with path.open("wb") as file:
        for message in messages:
            if isinstance(message, Frame) and message.grid is not None:
                known, shown = shown, message.grid
                if known is not None and known.version == shown.version:
                    message = msgspec.structs.replace(message, grid=None)
            write_message(file, encode(message))


def load_recording(path: Path) -> list[Message]:
    """Return the messages of a file.

    Raises
    ------
    CodecError
        If it holds anything else.
    OSError
        If it cannot be read.
    """
    decoder = Decoder()
    with path.open("rb") as file:
        return [decoder.decode(data) for data in iter(lambda: read_message(file), None)]


class RecordedSource:
    """A recording as a viewer's source: one frame at a time; nothing more comes when they are used up."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._messages = iter(messages)

    def receive(self) -> list[Message]:
        """Return the messages up to the next frame."""
        received = []
        for message in self._messages:
            received.append(message)
            if isinstance(message, Frame):
                break
        return received

    def send(self, command: Command) -> None:
        """Let commands be: what was recorded does not change."""

    def close(self) -> None:
        """Release nothing."""
