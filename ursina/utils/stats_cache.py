"""Values computed on demand and kept until they are due again: the numbers and texts of the HUD.

A value is due when it was never computed, when an event it listens to happened since, when it has reached
its age limit, or when one of its inputs is due or newer. Everything is counted in frames, never in seconds,
so that the same run shows the same values at the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Entry:
    compute: Callable[[], Any]
    interval: int | None
    events: frozenset[str]
    inputs: tuple[str, ...]
    value: Any = None
    frame: int = 0
    stamp: int = 0
    dirty: bool = True
    hits: int = 0
    misses: int = 0


class StatsCache:
    """Named values with dirty flags set by events and an age limit in frames each.

    Parameters
    ----------
    events
        Names of the events that can happen, for example ``("episode", "policy", "mode")``. A name that is not
        among them is refused everywhere: a misspelt event would leave a stale value on the screen.

    Attributes
    ----------
    exact
        While true (paused or stepped run) every value is at most 0 frames old, whatever its interval.

    Examples
    --------
    >>> cache = StatsCache(events=["episode"])
    >>> cache.add("reward", lambda: 1.5, interval=10, events=["episode"])
    >>> cache.tick()
    >>> cache.get("reward")
    1.5
    """

    def __init__(self, events: Iterable[str] = ()) -> None:
        self.exact = False
        self._events = frozenset(events)
        self._entries: dict[str, _Entry] = {}
        self._frame = 0
        self._computations = 0

    @property
    def frame(self) -> int:
        """Number of the current frame: how often :meth:`tick` was called."""
        return self._frame

    @property
    def hits(self) -> int:
        """How many calls of :meth:`get` returned a kept value."""
        return sum(entry.hits for entry in self._entries.values())

    @property
    def misses(self) -> int:
        """How many calls of :meth:`get` had to compute the value."""
        return sum(entry.misses for entry in self._entries.values())

    def add(
        self,
        name: str,
        compute: Callable[[], Any],
        interval: int | None = 1,
        events: Iterable[str] = (),
        inputs: Iterable[str] = (),
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
            1 means fresh every frame, None means until an event.
        events
            Events after which the value is due at once.
        inputs
            Values already added that ``compute`` reads through this cache and whose intervals and events must
            hold for this value too: it is due when one of them is due or was computed after it. (Without this
            ages would add up: a text kept for 5 frames may show a number kept for 10 at an age of 14.)

        Raises
        ------
        ValueError
            If the name is taken, the interval is below 1, or an event or input is unknown.
        """
        if name in self._entries:
            raise ValueError(f"value {name!r} is in the cache already")
        self._check_interval(name, interval)
        entry = _Entry(compute, interval, self._known_events(events), tuple(inputs))
        unknown = [source for source in entry.inputs if source not in self._entries]
        if unknown:
            raise ValueError(f"input {unknown[0]!r} of {name!r} is not among {sorted(self._entries)}")
        self._entries[name] = entry

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

    def invalidate_all(self) -> None:
        """Make every value due, for example after the scene or the system was replaced."""
        for entry in self._entries.values():
            entry.dirty = True

    def set_interval(self, name: str, interval: int | None) -> None:
        """Change the interval of a value, in frames; it holds from the next :meth:`get` on."""
        self._check_interval(name, interval)
        self._entry(name).interval = interval

    def get(self, name: str) -> Any:
        """Return the value, computed now if it is due and kept otherwise.

        Raises
        ------
        ValueError
            For a name that was not added.
        """
        entry = self._entry(name)
        if not self._is_due(entry):
            entry.hits += 1
            return entry.value
        entry.misses += 1
        # Lowered before the call: an event that happens meanwhile raises the flag again.
        entry.dirty = False
        try:
            value = entry.compute()
        except BaseException:
            entry.dirty = True
            raise
        self._computations += 1
        entry.value, entry.frame, entry.stamp = value, self._frame, self._computations
        return value

    def is_due(self, name: str) -> bool:
        """Whether the next :meth:`get` of this value would compute it."""
        return self._is_due(self._entry(name))

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return (hits, misses) of every value."""
        return {name: (entry.hits, entry.misses) for name, entry in self._entries.items()}

    def _is_due(self, entry: _Entry) -> bool:
        if entry.dirty:
            return True
        limit = 1 if self.exact else entry.interval
        if limit is not None and self._frame - entry.frame >= limit:
            return True
        inputs = (self._entries[name] for name in entry.inputs)
        return any(source.stamp > entry.stamp or self._is_due(source) for source in inputs)

    def _entry(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise ValueError(f"no value {name!r} in the cache, it has {sorted(self._entries)}") from None

    def _known_events(self, events: Iterable[str]) -> frozenset[str]:
        events = frozenset(events)
        unknown = events - self._events
        if unknown:
            raise ValueError(f"unknown event {min(unknown)!r}, accepted are {sorted(self._events)}")
        return events

    @staticmethod
    def _check_interval(name: str, interval: int | None) -> None:
        if interval is not None and interval < 1:
            raise ValueError(f"interval of {name!r} is {interval} frames, accepted are 1 and above, or None")
