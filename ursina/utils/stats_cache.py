"""Values computed on demand and kept until they are due again: the texts of the HUD.

A value is due when it was never computed, when an event it listens to happened since, or when it has reached its age
limit. Everything is counted in frames, never in seconds, so that the same run shows the same values at the same
frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Entry:
    compute: Callable[[], Any]
    interval: int
    events: frozenset[str]
    value: Any = None
    frame: int = 0
    dirty: bool = True


class StatsCache:
    """Named values with dirty flags set by events and an age limit in frames each.

    Parameters
    ----------
    events
        Names of the events that can happen, for example ``("episode", "agents")``. A name that is not among them
        is refused everywhere: a misspelt event would leave a stale value on the screen.

    Examples
    --------
    >>> cache = StatsCache(events=["episode"])
    >>> cache.add("reward", lambda: 1.5, interval=10, events=["episode"])
    >>> cache.tick()
    >>> cache.get("reward")
    1.5
    """

    def __init__(self, events: Iterable[str] = ()) -> None:
        self._events = frozenset(events)
        self._entries: dict[str, _Entry] = {}
        self._frame = 0

    @property
    def frame(self) -> int:
        """Number of the current frame: how often :meth:`tick` was called."""
        return self._frame

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the values, in the order in which they were added."""
        return tuple(self._entries)

    def add(
        self, name: str, compute: Callable[[], Any], interval: int = 1, events: Iterable[str] = ()
    ) -> None:
        """Register a value.

        Parameters
        ----------
        name
            A new name.
        compute
            Called without arguments when the value is needed and due. An event that happens while it runs
            makes the value due again; if it raises, the value stays due.
        interval
            Frames between two computations, ≥ 1: the value returned is always younger than this many frames.
        events
            Events after which the value is due at once.

        Raises
        ------
        ValueError
            If the name is taken, the interval is below 1, or an event is unknown.
        """
        if name in self._entries:
            raise ValueError(f"value {name!r} is in the cache already")
        if interval < 1:
            raise ValueError(f"interval of {name!r} is {interval} frames, accepted are 1 and above")
        self._entries[name] = _Entry(compute, interval, self._known_events(events))

    def tick(self) -> None:
        """Begin the next frame: every kept value is one frame older."""
        self._frame += 1

    def invalidate(self, *events: str) -> None:
        """Tell that these events happened: all values that listen to one of them are due at once.

        Raises
        ------
        ValueError
            For an event that was not declared.
        """
        happened = self._known_events(events)
        for entry in self._entries.values():
            if not happened.isdisjoint(entry.events):
                entry.dirty = True

    def get(self, name: str) -> Any:
        """Return the value, computed now if it is due and kept otherwise.

        Raises
        ------
        ValueError
            For a name that was not added.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise ValueError(f"no value {name!r} in the cache, it has {sorted(self._entries)}")
        if not entry.dirty and self._frame - entry.frame < entry.interval:
            return entry.value
        # Lowered before the call: an event that happens meanwhile raises the flag again.
        entry.dirty = False
        try:
            entry.value = entry.compute()
        except BaseException:
            entry.dirty = True
            raise
        entry.frame = self._frame
        return entry.value

    def _known_events(self, events: Iterable[str]) -> frozenset[str]:
        events = frozenset(events)
        unknown = events - self._events
        if unknown:
            raise ValueError(f"unknown event {min(unknown)!r}, accepted are {sorted(self._events)}")
        return events
