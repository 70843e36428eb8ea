"""Messages as bytes and back: MessagePack by msgspec, typed. Decoding executes nothing, whatever the bytes.

Lengths are checked against the message before anything is made of them, so no bytes cost more memory than their own
size. What a frame holds is checked against the header that came before it: whoever gets a frame out of a
:class:`Decoder` need not look again.
"""

from __future__ import annotations

import math
from typing import Any, get_origin

import msgspec
import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.stream.commands import Command
from calf_gpu.app.stream.frame import MAX_STEPS, Frame, Status, Step
from calf_gpu.app.stream.header import Header

Message = Header | Frame | Status

MAX_BYTES = 1 << 30
"""Largest message: 100,000 agents with all steps of a frame are some 140 MB."""

DTYPES: dict[str, np.dtype[Any]] = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8"), "u1": np.dtype("u1"), "b1": np.dtype("?")}


class CodecError(ValueError):
    """Bytes that are no message, or one that does not fit what came before; the text is one line."""


class _Array(msgspec.Struct, frozen=True, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: memoryview


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
        message: Message = _decoded(_MESSAGES, data)
        if isinstance(message, Header):
            self.header = message
        elif isinstance(message, Frame):
            _check(message, self.header)
        return message


def decode_command(data: bytes) -> Command:
    """Return the command that ``data`` holds; raises :class:`CodecError` if it holds none."""
    command: Command = _decoded(_COMMANDS, data)
    return command


def _decoded(decoder: msgspec.msgpack.Decoder[Any], data: bytes) -> Any:
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"{len(data):,} bytes, accepted are {MAX_BYTES:,}")
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


def _array(kind: type, value: Any) -> NDArray[Any]:
    """Return the array that an :class:`_Array`, in its basic form, stands for."""
    if get_origin(kind) is not np.ndarray:
        raise ValueError(f"no rule for {kind}")
    flat = msgspec.convert(value, _Array)
    dtype = DTYPES.get(flat.dtype)
    if dtype is None:
        raise ValueError(f"array of {flat.dtype!r}, accepted are {', '.join(DTYPES)}")
    if any(side < 0 for side in flat.shape) or math.prod(flat.shape) * dtype.itemsize != len(flat.data):
        raise ValueError(f"array of shape {flat.shape} in {len(flat.data)} bytes")
    return np.frombuffer(flat.data, dtype).reshape(flat.shape)


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
    if frame.grid is not None:
        values = frame.grid.values
        if values.dtype != np.float32 or values.ndim != 2 or min(values.shape) < 2:
            raise CodecError(f"a Q-grid of {values.dtype} and shape {values.shape}")


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
_MESSAGES = msgspec.msgpack.Decoder(Message, dec_hook=_array)
_COMMANDS = msgspec.msgpack.Decoder(Command)
