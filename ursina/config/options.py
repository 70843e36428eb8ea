"""The command line: preset, TOML file and flags become one :class:`VisualizationConfig`.

Flags win over the file, the file wins over the preset. tyro reads the flags off the dataclass and writes the
help; values reach the dataclass's own checks untouched, so that a mistake in a flag and in a file reads the
same: one line that names the option and what it accepts.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import tyro
from calf_gpu.app.config.visualization_config import OptionError, VisualizationConfig, shown
from tyro.conf import FlagCreatePairsOff
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

SHORTHANDS: dict[str, dict[str, str]] = {
    "gpu_heights": {"heights": "gpu"},
    "baseline": {"heights": "loop", "trails": "per_agent", "stats": "every_frame", "training": "inline"},
}
"""Fields that a flag of its own stands for."""

MAX_FILE_BYTES = 1 << 20
"""Largest configuration file that is read."""

PROGRAM = "python ursina/main.py"

_DESCRIPTION = """Train a TD3 + CALF agent and watch it in 3D: the critic's landscape, a swarm walking on it,
trails coloured by who chose the action. Press Tab in the window for the keys."""


class UsageError(ValueError):
    """The command line or the configuration file cannot be used; the text is one line for the user."""


@dataclass(frozen=True)
class _CommandLine(VisualizationConfig):
    """What tyro fills in; checked afterwards, by making a :class:`VisualizationConfig` of it."""

    config: Path | None = None
    """TOML file with any of these options; flags win over it."""

    gpu_heights: FlagCreatePairsOff[bool] = False
    """Short for --heights gpu."""

    baseline: FlagCreatePairsOff[bool] = False
    """Short for --heights loop --trails per_agent --stats every_frame --training inline: before optimization."""

    def __post_init__(self) -> None:
        """Accept anything here."""


@dataclass
class _Sources:
    """The two flags that decide the defaults of all others."""

    preset: str | None = None
    config: Path | None = None


def parse_options(args: Sequence[str]) -> VisualizationConfig:
    """Return the configuration that the command line ``args`` (without the program's name) asks for.

    Raises
    ------
    UsageError
        With one line that names the option or file and what is accepted.
    SystemExit
        Code 0, after ``--help`` was printed.
    """
    sources, _ = _parse(_Sources, None, [arg for arg in args if arg not in ("-h", "--help")])
    defaults = _defaults(sources)
    given, unknown = _parse(_CommandLine, _CommandLine(**vars(defaults)), args)
    if unknown:
        raise UsageError(_about_unknown(unknown[0], args))
    names = [field.name for field in dataclasses.fields(VisualizationConfig)]
    values = {name: getattr(given, name) for name in names} | _shorthands(vars(given))
    try:
        return VisualizationConfig(**values)
    except OptionError as error:
        raise UsageError(f"{_flag(error.option)} {error.reason}") from None


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the options of a TOML file by field name; dashes in keys count as underscores.

    Raises
    ------
    UsageError
        If the file cannot be read, is not TOML, or has a key that is no option.
    """
    try:
        if not path.is_file():
            raise UsageError(f"--config {path}: no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"--config {path}: larger than {MAX_FILE_BYTES} bytes")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits are plain ValueErrors
        reason = " ".join(str(error).split())
        raise UsageError(f"--config {path}: not a TOML file: {reason}") from None
    options = {key.replace("-", "_"): value for key, value in table.items()}
    short = {name: options.pop(name) for name in SHORTHANDS if name in options}
    for name, value in short.items():
        if not isinstance(value, bool):
            raise UsageError(f"--config {path}: {name} accepts true or false, got {shown(value)}")
    options = _shorthands(short) | options
    known = {field.name for field in dataclasses.fields(VisualizationConfig)}
    for key in options:
        if key not in known:
            raise UsageError(f"--config {path}: {key!r} is not an option; --help lists them")
    if isinstance(options.get("size"), str):
        options["size"] = _size([options["size"]])
    return options


def _defaults(sources: _Sources) -> VisualizationConfig:
    """Return what holds where no flag says otherwise: the preset with the file over it."""
    values = read_config_file(Path(sources.config)) if sources.config is not None else {}
    in_file = values.pop("preset", None)
    preset = sources.preset or in_file or VisualizationConfig.preset
    try:
        return VisualizationConfig.from_preset(preset, **values)
    except OptionError as error:
        if error.option == "preset" and sources.preset:
            raise UsageError(f"--preset {error.reason}") from None
        raise UsageError(f"--config {sources.config}: {error}") from None


def _shorthands(given: Mapping[str, bool]) -> dict[str, str]:
    """Return the fields that the shorthands given as true stand for."""
    chosen = [name for name in SHORTHANDS if given.get(name)]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(map(_flag, chosen))} exclude each other")
    return SHORTHANDS[chosen[0]] if chosen else {}


def _about_unknown(word: str, args: Sequence[str]) -> str:
    """Say what is wrong with a word that tyro could not place."""
    flag = next(
        (arg.split("=")[0] for arg in args if arg.startswith("--") and arg.endswith(f"={word}")), None
    )
    if flag is not None:  # tyro splits --flag=word and keeps the flag
        return f"{flag} accepts no value, got {word!r}; write {flag} or --no-{flag[2:]}"
    return f"{word if word.isprintable() else repr(word)} is not an option; --help lists them"


def _parse(kind: type, default: Any, args: Sequence[str]) -> tuple[Any, list[str]]:
    """Run tyro; return the filled-in dataclass and the arguments that belong to no field of it."""
    wants_help = "-h" in args or "--help" in args
    try:
        return tyro.cli(
            kind,
            prog=PROGRAM,
            description=_DESCRIPTION,
            args=args,
            default=default if default is not None else kind(),
            return_unknown_args=True,
            console_outputs=wants_help,
            registry=_registry(),
        )
    except SystemExit as exit_:
        if not exit_.code:
            raise
        # Values never fail here, so tyro is left with flags that take none.
        flags = [arg for arg in args if arg.startswith("--") and "=" in arg]
        raise UsageError(
            f"{flags[0] if flags else ' '.join(args)}: cannot be read; --help says how"
        ) from None


def _registry() -> ConstructorRegistry:
    """Return tyro's rules for our types: every value is one word, a wrong one is passed on as it is."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def rule(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        if info.type is bool:
            return None
        read, metavar = _reader(info.type)
        return PrimitiveConstructorSpec(
            nargs="*",
            metavar=metavar,
            instance_from_str=read,
            is_instance=lambda value: True,
            str_from_instance=lambda value: [_written(value)],
        )

    return registry


def _reader(hint: Any) -> tuple[Callable[[list[str]], Any], str]:
    """Return the function that reads a flag's words, and what the help calls the value."""
    if get_origin(hint) is Literal:
        return _text, "{" + ",".join(get_args(hint)) + "}"
    if get_origin(hint) is tuple:
        return _size, "WIDTHxHEIGHT"
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    for kind, metavar in ((int, "INT"), (float, "FLOAT")):
        if kind in kinds:
            return partial(_number, kind), metavar
    return _text, "PATH" if Path in kinds else "NAME"


def _text(words: list[str]) -> str:
    return " ".join(words)


def _number(kind: type, words: list[str]) -> Any:
    text = _text(words)
    try:
        return kind(text)
    except ValueError:
        return text  # the dataclass refuses it by name


def _size(words: list[str]) -> Any:
    text = _text(words)
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and len(side) < 10 for side in sides):
        return text
    return int(sides[0]), int(sides[1])


def _written(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
