"""Numbers of the run for TensorBoard, written in the calling thread, so that a full disk is an error like any other."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from calf_gpu.app.utils.atomic_files import cannot_write


class ScalarLog:
    """An event file in a folder.

    Parameters
    ----------
    folder
        Made if missing.
    purge_step
        TensorBoard leaves out what earlier files of the folder hold from this step on.

    Raises
    ------
    OSError
        In one line that names the file, here and by :meth:`add`, if it cannot be written.
    """

    def __init__(self, folder: Path, purge_step: int) -> None:
        self._path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._writer = RecordWriter(self._file)
        self._write(Event(file_version="brain.Event:2"))
        self._write(Event(step=purge_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append the values, by tag, that belong to a step."""
        entries = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._write(Event(step=step, summary=Summary(value=entries)))

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):  # what could not be written was told
            self._file.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        try:
            self._writer.write(event.SerializeToString())
            self._writer.flush()
        except OSError as error:
            raise cannot_write(self._path, error) from error
