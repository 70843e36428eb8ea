"""Where options come from beside their own flags: a TOML file, and switches that stand for several options."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import PathTo
from calf_gpu.app.config.visualization_config import (
    ROOM_OF,
    ROOMS,
    OptionError,
    VisualizationConfig,
    shown,
)


@dataclass(frozen=True)
class SourceOptions(Room):
    """Where other options come from; flags of their own win over all of it."""

    config: Annotated[Path | None, PathTo("file")] = None
    """TOML file with any of these options, as they are or in tables by group ([run], [learn], ...)."""

    gpu_heights: bool = False
    """Short for --heights gpu."""

    baseline: bool = False
    """Short for --heights loop --trails per_agent --stats every_frame --training inline: before optimization."""


SHORTHANDS: dict[str, dict[str, str]] = {
    "gpu_heights": {"heights": "gpu"},
    "baseline": {"heights": "loop", "trails": "per_agent", "stats": "every_frame", "training": "inline"},
}
"""Options that a switch of its own stands for."""

MAX_FILE_BYTES = 1 << 20
"""Largest configuration file that is read."""


class UsageError(ValueError):
    """The command line or the configuration file cannot be used; the text is one line for the user."""


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the options of a TOML file by field name; dashes in keys count as underscores.

    Raises
    ------
    UsageError
        If the file cannot be read, is not TOML, has a key that is no option, one option twice, or values that
        are not accepted.
    """
    try:
        options = _options(_load(path))
        VisualizationConfig.of(**options)
    except (UsageError, OptionError) as error:
        raise UsageError(f"--config {path}: {error}") from None
    return options


def expand(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by field name in which no shorthand is left; options that were named win over shorthands.

    Raises
    ------
    UsageError
        If two shorthands are true.
    """
    chosen = [name for name in SHORTHANDS if options.get(name)]
    if len(chosen) > 1:
        flags = (f"--{name.replace('_', '-')}" for name in chosen)
        raise UsageError(f"{' and '.join(flags)} exclude each other")
    named = {name: value for name, value in options.items() if name not in SHORTHANDS}
    return (SHORTHANDS[chosen[0]] if chosen else {}) | named


def _load(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file."""
    try:
        if not path.is_file():
            raise UsageError("no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(str(error.strerror)) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"not a TOML file: {error}") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits are plain ValueErrors
        raise UsageError(f"not a TOML file: {' '.join(str(error).split())}") from None


def _options(tables: dict[str, Any]) -> dict[str, Any]:
    """Return the values by field name, without shorthands."""
    options: dict[str, Any] = {}
    places: dict[str, str] = {}
    for table, key, value in _entries(tables):
        name, place = key.replace("-", "_"), f"[{table}] {key}" if table else key
        if name not in ROOM_OF and name not in SHORTHANDS:
            raise UsageError(
                f"{f'[{table}] ' if table else ''}{shown(key)} is not an option; --help lists them"
            )
        if table and ROOM_OF.get(name) != table:
            home = f"in [{ROOM_OF[name]}]" if name in ROOM_OF else "outside of tables"
            raise UsageError(f"{place} belongs {home}")
        if name in places:
            raise UsageError(f"{places[name]} and {place} are the same option; give it once")
        if name in SHORTHANDS and not isinstance(value, bool):
            raise UsageError(f"{name} accepts true or false, got {shown(value)}")
        places[name], options[name] = place, value
    return expand(options)


def _entries(tables: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Give table (a room, or empty outside of tables), key and value of every entry."""
    for key, value in tables.items():
        if key in ROOMS:
            if not isinstance(value, dict):
                raise UsageError(f"{key} accepts a table of options, [{key}], got {shown(value)}")
            yield from ((key, *entry) for entry in value.items())
        elif isinstance(value, dict) and key.replace("-", "_") not in ROOM_OF:
            accepted = ", ".join(f"[{room}]" for room in ROOMS)
            raise UsageError(
                f"[{key if key.isprintable() else shown(key)}] is no table; accepted are {accepted}"
            )
        else:
            yield "", key, value
