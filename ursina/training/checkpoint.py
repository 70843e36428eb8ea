"""Checkpoints: one safetensors file each, complete or not there at all, and nothing in it is ever executed.

A checkpoint is a nested dictionary of arrays and JSON values. Arrays become tensors named by their path
(``trainer/learner/networks/actor.mu.0.weight``), the rest one JSON text in the file's header, next to a
format version and a SHA-256 over everything. Files are written aside, synced and renamed, so that a crash
at any moment leaves the older checkpoints and at most one ignored temporary file.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

FORMAT = "calf-gpu checkpoint"
VERSION = "1"
PATTERN = "checkpoint-*.safetensors"


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
    except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: not a complete checkpoint ({reason})") from error


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return file and state of the newest complete checkpoint in a folder, or None if there is none."""
    for path in sorted(folder.glob(PATTERN), reverse=True):
        try:
            return path, load_checkpoint(path)
        except CheckpointError:
            continue
    return None


def write_atomically(path: Path, content: bytes) -> None:
    """Make ``path`` hold ``content``: readers and crashes see the old file or the whole new one."""
    aside = path.with_name(f".{path.name}.tmp")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    if os.name == "posix":  # folders cannot be opened on Windows, and need no sync there
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> dict[str, Any]:
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
