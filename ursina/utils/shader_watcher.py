"""Notice edits in the shader folder without slowing the frames down."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from watchfiles import watch

DEBOUNCE_MS = 60
"""Edits closer together than this are reported once: editors save in several steps."""


class ShaderWatcher:
    """Watches a folder and all below it in a thread of its own.

    Saving by rename, deleting and restoring a file count as changes like any write.

    Parameters
    ----------
    folder
        An existing folder.

    Raises
    ------
    ValueError
        If `folder` is not a folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ValueError(f"cannot watch {folder}: it is not a folder")
        self._folder = folder
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="shader-watcher", daemon=True)
        self._thread.start()

    def changed(self) -> bool:
        """Whether anything changed since the last call; one attribute test when nothing did."""
        if not self._changed.is_set():
            return False
        self._changed.clear()
        return True

    def close(self) -> None:
        """Stop watching. Safe to call twice."""
        self._stop.set()
        self._thread.join(timeout=2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watch(self) -> None:
        changes = watch(
            self._folder,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=20,
            stop_event=self._stop,
            rust_timeout=200,
            raise_interrupt=False,
        )
        for _ in changes:
            self._changed.set()
