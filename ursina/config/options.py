"""The command line: preset, TOML file and flags become one :class:`VisualizationConfig`.

Flags win over the file, the file wins over the preset. tyro makes flags and help out of the rooms and hands over what
was given as it stands. The rooms refuse what is wrong, so that a mistake in a flag and in a file reads the same.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import DisallowNone, FlagCreatePairsOff, OmitArgPrefixes
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from calf_gpu.app.config.config_file import (
    SHORTHANDS,
    SourceOptions,
    UsageError,
    expand,
    read_config_file,
)
from calf_gpu.app.config.fields import Choice, Room, Rule, Switch, docs, rules
from calf_gpu.app.config.visualization_config import ROOMS, OptionError, VisualizationConfig

__all__ = ["UsageError", "parse_options", "read_config_file"]

_CommandLine = dataclasses.make_dataclass("_CommandLine", [("source", SourceOptions), *ROOMS.items()])

_DESCRIPTION = """Train a TD3 + CALF agent and watch it in 3D: the critic's landscape, a swarm walking on it,
trails coloured by who chose the action. Press Tab in the window for the keys."""


def parse_options(args: Sequence[str]) -> VisualizationConfig:
    """Return the configuration that the command line ``args`` (without the program's name) asks for.

    Raises
    ------
    UsageError
        With one line that names the option or file and what is accepted.
    SystemExit
        Code 0, after ``--help`` was printed; 1 if nobody took it.
    """
    given, unknown = _given(args)
    if unknown:
        raise UsageError(_about_unknown(unknown[0], args))
    _refuse_two_spellings(args)
    file = given.pop("config", None)
    values = (read_config_file(Path(file)) if file is not None else {}) | expand(given)
    try:
        return VisualizationConfig.of(**values)
    except OptionError as error:
        raise UsageError(f"--{error.option.replace('_', '-')} {error.reason}") from None


def _given(args: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the options that the command line gives, unchecked, and the words that belong to none."""
    registry = ConstructorRegistry()
    registry.struct_rule(_room_rule)
    try:
        rooms, unknown = tyro.cli(
            _CommandLine,
            prog="calf-gpu",
            description=_DESCRIPTION,
            args=args,
            return_unknown_args=True,
            config=(OmitArgPrefixes,),
            registry=registry,
        )
    except OSError:  # the reader of the help has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    return {option: value for room in vars(rooms).values() for option, value in room.items()}, unknown


def _room_rule(info: StructTypeInfo) -> StructConstructorSpec | None:
    """Have tyro make flags of a room's fields, and a mapping of those that were given."""
    if not (isinstance(info.type, type) and issubclass(info.type, Room)):
        return None
    flags = (_flag(info.type, option, rule) for option, rule in rules(info.type).items())
    return StructConstructorSpec(
        lambda **values: {option: value for option, value in values.items() if value is not None},
        tuple(flags),
    )


def _flag(room: type[Room], option: str, rule: Rule) -> StructFieldSpec:
    """Return an option's flag: its value is all words up to the next flag, and None where it was not given."""
    default = room.__dataclass_fields__[option].default
    accepts = [] if isinstance(rule, Choice | Switch) else [str(rule)]
    default_ = [] if default is None else [f"default: {rule.written(default)}"]
    kind: Any = DisallowNone[bool | None]
    if option in SHORTHANDS or option.startswith("no_"):
        kind = FlagCreatePairsOff[kind]
    if not isinstance(rule, Switch):
        words = PrimitiveConstructorSpec(
            nargs="*",
            metavar=rule.metavar,
            instance_from_str=lambda words: rule.read(" ".join(words)),
            is_instance=lambda value: True,
            str_from_instance=lambda value: [],
        )
        kind = Annotated[str | None, words]
    hint = tyro.conf.arg(help_behavior_hint=f"({'; '.join(accepts + default_)})")
    return StructFieldSpec(option, Annotated[kind, hint], None, lambda: docs(room)[option])


def _about_unknown(word: str, args: Sequence[str]) -> str:
    """Say what is wrong with a word that tyro could not place."""
    for flag, _, value in (arg.partition("=") for arg in args if arg.startswith("--")):
        if value == word:  # tyro splits --flag=word and keeps the flag
            other = f" or --no-{flag[2:]}"
            return f"{flag} accepts no value, got {word!r}; write {flag}{other}"
    return f"{word if word.isprintable() else repr(word)} is not an option; --help lists them"


def _refuse_two_spellings(args: Sequence[str]) -> None:
    """Refuse one flag with dashes and with underscores."""
    spellings: dict[str, str] = {}
    for flag in (arg.partition("=")[0] for arg in args if arg.startswith("--")):
        other = spellings.setdefault(flag.replace("_", "-"), flag)
        if other != flag:
            raise UsageError(f"{other} and {flag} are the same option; give it once")
