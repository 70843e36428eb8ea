"""A run in a process of its own: it trains at its own pace, and outlives its viewer long enough to save."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import calf_gpu
from calf_gpu.app.stream.codec import CodecError, Decoder, Message, encode
from calf_gpu.app.stream.commands import (
    Command,
    Pause,
    Ready,
    Restart,
    SetAgents,
    SetController,
    Stop,
)
from calf_gpu.app.stream.frame import Frame, Status, join, without_steps
from calf_gpu.app.stream.pipe import Inlet, write_message

CLOSE_TIMEOUT_S = 15.0
"""Seconds the run has to save before it is ended."""

SILENCE_TIMEOUT_S = 5.0
"""Seconds that a process may live on after it closed its pipe: ending takes a while where much is loaded."""

Request = Mapping[str, Any]


class ProcessSource:
    """Starts a program that publishes a run through its standard streams, and is the viewer's source of it.

    The program is a process group of its own, so that a Ctrl-C meant for the viewer does not reach it: it is told to
    stop, or sees its pipe close, and saves.

    Parameters
    ----------
    module
        Module to run: it reads ``request`` as JSON and then commands from its standard
        input, each as a message of :mod:`calf_gpu.app.stream.pipe`.
    request
        Returns what it is to do, as JSON types; called with whether it was started before.
    """

    def __init__(self, module: str, request: Callable[[bool], Request]) -> None:
        self._module = module
        self._request = request
        self._wishes: dict[type, Command] = {}
        self._closed = False
        self._start(request(False))

    def receive(self) -> list[Message]:
        """Return what the run sent; frames that nobody has seen are joined into one."""
        messages = self._arrived()
        if self._inlet.ended and self._failure is None and not self._closed:
            reason = self._why_silent()
            if reason is not None:
                messages.append(self._failed(reason))
        return messages

    def send(self, command: Command) -> None:
        """Send a command, or start the run again; what was wished for holds for the new one too.

        Raises
        ------
        OSError
            If no process can be started.
        """
        if isinstance(command, Restart):
            self._end()
            self._start(self._request(True))
            return
        if isinstance(command, Pause | SetAgents | SetController):
            self._wishes[type(command)] = command
        self._write(command)

    def close(self) -> None:
        """Have the run save and end.

        Raises
        ------
        OSError
            If it ends with an error that nobody was told of.
        """
        if self._closed:
            return
        self._closed = True
        if not self._shown:
            self._process.kill()  # still starting: there is nothing to save and no need to wait
        told = self._failure is not None
        self._end()
        if self._shown and not told and self._process.returncode:
            raise OSError(
                self._failure or f"the training process ended (exit code {self._process.returncode})"
            )

    def _start(self, request: Request) -> None:
        root = str(Path(calf_gpu.__file__).resolve().parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            process_group=0 if os.name == "posix" else None,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._commands: IO[bytes] = self._process.stdin
        self._inlet = Inlet(self._process.stdout)
        self._decoder = Decoder()
        self._failure: str | None = None
        self._shown = False
        self._silent_since = math.inf
        self._unsaid = [Status("starting")]
        with suppress(OSError):  # it has ended already; receive() says so
            write_message(self._commands, json.dumps(dict(request)).encode())
        for command in self._wishes.values():
            self._write(command)

    def _arrived(self) -> list[Message]:
        """Return the messages that lie in the pipe, the frames among them as one."""
        messages: list[Message] = [*self._unsaid]
        self._unsaid.clear()
        frame: Frame | None = None
        for data in self._inlet.take():
            try:
                message = self._decoder.decode(data)
            except CodecError as error:
                self._process.kill()
                return [*messages, self._failed(f"the run sent what cannot be shown: {error}")]
            if isinstance(message, Frame):
                frame = message if frame is None else join(frame, message)
                continue
            messages.append(message)
            if isinstance(message, Status) and message.phase == "failed":
                self._failed(message.reason)
        if frame is not None:
            messages.append(frame if self._shown else without_steps(frame))
            self._shown = True
            self._write(Ready())
        return messages

    def _end(self) -> None:
        """Have the process save and end, by force if that takes too long, and take in its last words."""
        self._write(Stop())
        with suppress(OSError):
            self._commands.close()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._inlet.wait_for_end(1.0)
        self._arrived()

    def _why_silent(self) -> str | None:
        """Say why nothing more comes, once that is known; a process that goes on without its pipe is ended."""
        now = time.monotonic()
        self._silent_since = min(self._silent_since, now)
        if self._process.poll() is not None:
            return f"the training process ended (exit code {self._process.returncode})"
        if now - self._silent_since < SILENCE_TIMEOUT_S:
            return None
        self._process.kill()
        self._process.wait()
        return "the training process sent what is no message, and was ended"

    def _write(self, command: Command) -> None:
        with suppress(OSError, ValueError):  # the run has ended; receive() says so
            write_message(self._commands, encode(command))

    def _failed(self, reason: str) -> Status:
        self._failure = reason
        return Status("failed", reason)
