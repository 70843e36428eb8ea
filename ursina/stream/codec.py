"""Messages as bytes and back: MessagePack by msgspec, typed. Decoding executes nothing, whatever the bytes.

Lengths and kinds are checked while the bytes are read, so that a hostile message costs some times its own size at
most, and arrays cost nothing: they are views of it. What a frame holds is checked against the header that came before
it: whoever gets a frame out of a :class:`Decoder` need not look again.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.stream.commands import Command
from calf_gpu.app.stream.frame import MAX_STEPS, Frame, Grid, Status, Step
from calf_gpu.app.stream.header import Header

Message = Header | Frame | Status

MAX_BYTES = 1 << 30
"""Longest message: 100,000 agents with all steps of a frame are some 140 MB."""

MAX_SMALL_BYTES = 1 << 24
"""Longest message that is no frame."""

DTYPES: dict[str, np.dtype[Any]] = {
    "f4": np.dtype("<f4"),
    "f8": np.dtype("<f8"),
    "u1": np.dtype("u1"),
    "b1": np.dtype("?"),
}


class CodecError(ValueError):
    """Bytes that are no message, or one that does not fit what came before; the text is one line."""


class _Array(msgspec.Struct, frozen=True, array_like=True):
    """An array as it travels; what claims to be one costs no more memory than its bytes."""

    dtype: str
    shape: Annotated[tuple[int, ...], msgspec.Meta(max_length=2)]
    data: memoryview

    def array(self) -> NDArray[Any]:
        """Return the array, a read-only view of the bytes; ValueError if they are another number than it needs."""
        dtype = DTYPES.get(self.dtype)
        if dtype is None:
            raise ValueError(f"array of {self.dtype!r}, accepted are {', '.join(DTYPES)}")
        if any(side < 0 for side in self.shape) or math.prod(self.shape) * dtype.itemsize != len(self.data):
            raise ValueError(f"array of shape {self.shape} in {len(self.data)} bytes")
        return np.frombuffer(self.data, dtype).reshape(self.shape)


class _Grid(msgspec.Struct, frozen=True):
    version: int
    values: _Array
    distances: _Array | None = None

    def grid(self) -> Grid:
        distances = self.distances.array() if self.distances is not None else None
        return Grid(self.version, self.values.array(), distances)


class _Step(msgspec.Struct, frozen=True):
    states: _Array
    modes: _Array
    respawned: _Array

    def step(self) -> Step:
        return Step(self.states.array(), self.modes.array(), self.respawned.array())


class _Frame(msgspec.Struct, frozen=True, tag="frame"):
    """A :class:`Frame` as it travels: the same fields, checked for their kind while they are read."""

    number: int
    now: _Step
    numbers: _Array
    grid: _Grid | None = None
    values: _Array | None = None
    earlier: Annotated[tuple[_Step, ...], msgspec.Meta(max_length=MAX_STEPS - 1)] = ()

    def frame(self) -> Frame:
        grid = self.grid.grid() if self.grid is not None else None
        values = self.values.array() if self.values is not None else None
        earlier = tuple(step.step() for step in self.earlier)
        return Frame(self.number, self.now.step(), self.numbers.array(), grid, values, earlier)


def encode(message: Message | Command) -> bytes:
    """Return a message as bytes."""
    return _ENCODER.encode(message)


class Decoder:
    """Turns bytes into the messages of one run, in the order in which it sent them.

    Attributes
    ----------
    header
        The last one decoded, None before any.
    """

    def __init__(self) -> None:
        self.header: Header | None = None

    def decode(self, data: bytes) -> Message:
        """Return the message that ``data`` holds; its arrays are read-only views of ``data``.

        Raises
        ------
        CodecError
            If it holds none, or a frame that does not fit the last header.
        """
        message: Header | _Frame | Status = _decoded(
            _MESSAGES if len(data) <= MAX_SMALL_BYTES else _FRAMES, data
        )
        if isinstance(message, _Frame):
            try:
                frame = message.frame()
            except ValueError as error:
                raise CodecError(f"not a message: {error}") from None
            _check(frame, self.header)
            return frame
        if isinstance(message, Header):
            self.header = message
        return message


def decode_command(data: bytes) -> Command:
    """Return the command that ``data`` holds; raises :class:`CodecError` if it holds none."""
    command: Command = _decoded(_COMMANDS, data)
    return command


def _decoded(decoder: msgspec.msgpack.Decoder[Any], data: bytes) -> Any:
    try:
        most = MAX_BYTES if decoder is _FRAMES else MAX_SMALL_BYTES
        if len(data) > most:
            raise ValueError(f"{len(data):,} bytes, accepted are {most:,}")
        return decoder.decode(data)
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise CodecError(f"not a message: {' '.join(str(error).split())}") from None


def _flat(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"cannot send a {type(value).__name__}")
    name = value.dtype.str[1:]
    if name not in DTYPES:
        raise TypeError(f"cannot send an array of {value.dtype}")
    array = np.ascontiguousarray(value, DTYPES[name])
    return _Array(name, value.shape, array.reshape(-1).view(np.uint8).data)


def _check(frame: Frame, header: Header | None) -> None:
    """Raise :class:`CodecError` unless all arrays of a frame have the shapes, types and values of its run."""
    if header is None:
        raise CodecError("a frame before any header")
    if len(frame.earlier) >= MAX_STEPS:
        raise CodecError(
            f"{len(frame.earlier)} steps in a frame, accepted are {MAX_STEPS - 1} before its own"
        )
    for step in (frame.now, *frame.earlier):
        _check_step(step, frame.agents, header)
    if frame.agents < header.agent:
        raise CodecError("no agents, though the run says that it trains one")
    if (frame.numbers.dtype, frame.numbers.shape) != (np.float64, (len(header.numbers),)):
        raise CodecError(f"{frame.numbers.shape} numbers, the header declares {len(header.numbers)}")
    own = frame.values
    if own is not None and (own.dtype, own.shape) != (np.float32, (frame.agents,)):
        raise CodecError(f"values of {own.dtype} and shape {own.shape} for {frame.agents} agents")
    if frame.grid is not None:
        values = frame.grid.values
        if values.dtype != np.float32 or values.ndim != 2 or min(values.shape) < 2:
            raise CodecError(f"a Q-grid of {values.dtype} and shape {values.shape}")
        distances = frame.grid.distances
        if distances is not None and (distances.dtype, distances.shape) != (np.float32, values.shape):
            raise CodecError(
                f"distances of {distances.dtype} and shape {distances.shape} for a Q-grid of {values.shape}"
            )


def _check_step(step: Step, agents: int, header: Header) -> None:
    expected = (np.float32, np.uint8, np.bool_)
    arrays: tuple[NDArray[Any], ...] = (step.states, step.modes, step.respawned)
    if any(array.dtype != dtype for array, dtype in zip(arrays, expected, strict=True)):
        raise CodecError("states, modes and respawned must be float32, uint8 and bool")
    if step.states.shape != (agents, len(header.axes)) or step.modes.shape != (agents,):
        raise CodecError(
            f"states of shape {step.states.shape} for {agents} agents with {len(header.axes)} axes"
        )
    if step.respawned.shape != (agents,):
        raise CodecError(f"respawned of shape {step.respawned.shape} for {agents} agents")
    if agents and int(step.modes.max()) >= len(header.categories):
        raise CodecError(f"mode {step.modes.max()}, the header has {len(header.categories)} categories")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_flat)
_MESSAGES = msgspec.msgpack.Decoder(Header | _Frame | Status)
_FRAMES = msgspec.msgpack.Decoder(_Frame)
_COMMANDS = msgspec.msgpack.Decoder(Command)
