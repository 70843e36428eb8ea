"""One program at a time on a run's folder: a lock that ends with the process that holds it, however it ends."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import IO

NAME = ".lock"


class RunLock:
    """An exclusive lock of a folder, held until :meth:`release` or the end of the process.

    The operating system keeps it (``flock``; on Windows a locked byte), so that a dead program's lock is gone
    with it; the file itself stays and means nothing.

    Parameters
    ----------
    folder
        Existing folder.

    Raises
    ------
    ValueError
        If another program, or this one, holds the folder's lock.
    OSError
        If the lock's file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] | None = (folder / NAME).open("ab")
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise
            raise ValueError(
                f"run_dir {folder} is in use by another program; end it or choose another folder"
            ) from None

    def release(self) -> None:
        """Let others have the folder. Safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
