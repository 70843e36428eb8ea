"""Checkpoints: one safetensors file each, complete or not there at all, and nothing in it is ever executed.

A checkpoint is a nested dictionary of arrays and JSON values. Arrays become tensors named by their path
(``trainer/learner/networks/actor.mu.0.weight``), the rest one JSON text in the file's header, next to a
format version and a SHA-256 over everything: a change of any single byte is found. Files are written aside,
synced and renamed, so that a crash at any moment leaves the older checkpoints and at most one ignored temporary
file. Sizes are checked before anything is read, so that a hostile file costs no memory.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from calf_gpu.app.utils.atomic_files import write_atomically

FORMAT = "calf-gpu checkpoint"
VERSION = "2"
PATTERN = "checkpoint-*.safetensors"

MAX_BYTES = 256 << 20
"""Largest file that is read; a full replay buffer makes some 5 MiB."""

MAX_HEADER_BYTES = 4 << 20
"""Largest header that is read: names, types and shapes of the arrays, and the JSON values."""

MAX_COUNT = 2**53
"""Integers in a checkpoint are counts below it, but for the states of random generators."""

MAX_STATE = 2**128
"""Bound on the integers of a random generator's state (PCG64)."""

_READ_ERRORS = (
    SafetensorError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    MemoryError,
)


class CheckpointError(ValueError):
    """A file is not a complete checkpoint of this format; the message says in one line why."""


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write ``state`` as the checkpoint of a training step and return its file.

    Parameters
    ----------
    folder
        Existing folder.
    step
        Steps made in training; the newest checkpoint is that of the highest step.
    state
        Dictionary of arrays, JSON values and more such dictionaries.
    """
    arrays, values = _split(state)
    text = json.dumps(values)
    metadata = {"format": FORMAT, "version": VERSION, "values": text, "sha256": _digest(arrays, text)}
    path = folder / f"checkpoint-{step:09d}.safetensors"
    write_atomically(path, save(arrays, metadata))
    return path


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a file written by :func:`save_checkpoint`.

    Raises
    ------
    CheckpointError
        If it cannot be read, is damaged or incomplete, or has another format or version.
    """
    try:
        return _read(path)
    except CheckpointError:
        raise
    except _READ_ERRORS as error:
        raise CheckpointError(f"{path}: not a complete checkpoint ({one_line(error)})") from error


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return file and state of the newest complete checkpoint in a folder, or None if there is none."""
    for path in sorted(folder.glob(PATTERN), reverse=True):
        try:
            return path, load_checkpoint(path)
        except CheckpointError:
            continue
    return None


def delete_older(newest: Path, keep: int) -> None:
    """Delete checkpoints older than ``newest``, which has just been written, but for the newest ``keep`` − 1.

    Later ones are left alone: who resumed from an older one knew them to be damaged.
    """
    older = sorted(path for path in newest.parent.glob(PATTERN) if path.name < newest.name)
    for path in older[: max(len(older) - keep + 1, 0)]:
        with suppress(OSError):  # what cannot be deleted does no harm
            path.unlink()


def check_fits(saved: Any, example: Any, name: str = "") -> None:
    """Compare what was saved with what a program of this kind saves.

    Parameters
    ----------
    saved, example
        Dictionaries of arrays, JSON values and more such dictionaries. Keys, types of values, dtypes and shapes
        must agree, integers must be counts; an axis of length 0 in the example accepts any length, an empty
        dictionary any dictionary.

    Raises
    ------
    CheckpointError
        Naming the first entry that does not fit.
    """
    if isinstance(example, dict):
        if not isinstance(saved, dict) or (example and saved.keys() != example.keys()):
            raise CheckpointError(f"its entry {name or 'list'!r} does not have the names expected")
        for key, value in example.items():
            check_fits(saved[key], value, f"{name}/{key}" if name else key)
    elif isinstance(example, np.ndarray):
        fits = isinstance(saved, np.ndarray) and saved.dtype == example.dtype and saved.ndim == example.ndim
        if not fits or any(
            size not in (0, given) for size, given in zip(example.shape, saved.shape, strict=True)
        ):
            raise CheckpointError(f"its array {name!r} has another type or shape than expected")
    elif isinstance(example, list):
        if not isinstance(saved, list) or len(saved) != len(example):
            raise CheckpointError(f"its value {name!r} is not a list of {len(example)}")
        for value, expected in zip(saved, example, strict=True):
            check_fits(value, expected, name)
    elif isinstance(example, float) and isinstance(saved, int) and not isinstance(saved, bool):
        return
    elif type(saved) is not type(example):
        raise CheckpointError(
            f"its value {name!r} is of type {type(saved).__name__}, not {type(example).__name__}"
        )
    elif isinstance(saved, int) and not 0 <= saved < (MAX_COUNT if example < MAX_COUNT else MAX_STATE):
        raise CheckpointError(f"its value {name!r} is no number that counts anything")


def without_rows(state: Any) -> Any:
    """Return a state with the first axis of all arrays cut to length 0: an example that accepts any length."""
    if isinstance(state, dict):
        return {name: without_rows(value) for name, value in state.items()}
    return state[:0] if isinstance(state, np.ndarray) else state


def one_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its kind where there is none."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _check_sizes(path: Path) -> None:
    """Refuse what is not a file of a checkpoint's size and outline, reading only its header."""
    if not path.is_file():
        raise CheckpointError(f"{path}: not a file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise CheckpointError(f"{path}: larger than {MAX_BYTES} bytes")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER_BYTES or size < 8 + length:
            raise CheckpointError(f"{path}: not a complete checkpoint (its header is cut or too large)")
        header = file.read(length)
    # Other white space would be read as well, and a change of it go unnoticed.
    if header.rstrip(b" ") != header.rstrip():
        raise CheckpointError(f"{path}: damaged, its header does not end as it was written")


def _read(path: Path) -> dict[str, Any]:
    _check_sizes(path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise CheckpointError(f"{path}: not a {FORMAT}")
        if metadata.get("version") != VERSION:
            found = metadata.get("version")
            raise CheckpointError(f"{path}: format version {found!r}, accepted is {VERSION!r}")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    if metadata.get("sha256") != _digest(arrays, metadata["values"]):
        raise CheckpointError(f"{path}: damaged, its checksum does not match")
    return _joined(arrays, json.loads(metadata["values"]))


def _split(state: dict[str, Any], prefix: str = "") -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Part a nested dictionary into arrays by path and the JSON values that remain."""
    arrays: dict[str, NDArray[Any]] = {}
    values: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            arrays[prefix + name] = np.asarray(value, order="C")  # the file format takes no strides
        elif isinstance(value, dict):
            inner, values[name] = _split(value, f"{prefix}{name}/")
            arrays.update(inner)
        else:
            values[name] = value
    return arrays, values


def _joined(arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> dict[str, Any]:
    """Put the arrays back where :func:`_split` took them from."""
    for path, array in arrays.items():
        *parents, name = path.split("/")
        branch = values
        for parent in parents:
            branch = branch[parent]
        branch[name] = array
    return values


def _digest(arrays: dict[str, NDArray[Any]], text: str) -> str:
    """Return the SHA-256 of the arrays, their names, types and shapes, and of the JSON text."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
