"""Files that are there completely or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Make ``path`` hold ``content``: readers and crashes see the old file or the whole new one.

    The folder is made if it is missing.

    Raises
    ------
    OSError
        In one line that names the file, if it cannot be written; the old file is left, and nothing beside it.
    """
    aside = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise cannot_write(path, error) from error
    if os.name == "posix":  # folders cannot be opened on Windows, and need no sync there
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def cannot_write(path: Path, error: OSError) -> OSError:
    """Return the error that says in one line which file could not be written and why."""
    return OSError(f"{path} cannot be written: {error.strerror or error}")
