"""The command line: preset, TOML file and flags become one :class:`VisualizationConfig`.

Flags win over the file, the file wins over the preset. tyro makes flags and help out of the rooms and hands over what
was given as it stands. The rooms refuse what is wrong, so that a mistake in a flag and in a file reads the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro import conf, constructors

from calf_gpu.app.config.config_file import SHORTHANDS, SourceOptions, UsageError, expand, read_config_file
from calf_gpu.app.config.room import Room, docs
from calf_gpu.app.config.rules import Choice, Rule, Switch
from calf_gpu.app.config.visualization_config import ROOMS, RULES, OptionError, VisualizationConfig

_GROUPS = {"source": SourceOptions, **ROOMS}
_CommandLine: Any = make_dataclass(
    "_CommandLine", [(name, room, field(metadata={"help": room.__doc__})) for name, room in _GROUPS.items()]
)
_REGISTRY = constructors.ConstructorRegistry()


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
    in_file = read_config_file(Path(given.pop("config"))) if "config" in given else {}
    try:
        return VisualizationConfig.of(**(in_file | expand(given)))
    except OptionError as error:
        raise UsageError(f"--{error.option.replace('_', '-')} {error.reason}") from None


def _given(args: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the options that the command line gives, unchecked, and the words that belong to none."""
    try:
        try:
            rooms, unknown = tyro.cli(
                _CommandLine,
                prog="calf-gpu",
                description="Train a TD3 + CALF agent and watch it in 3D. Press Tab in the window for the keys.",
                args=args,
                return_unknown_args=True,
                config=(conf.OmitArgPrefixes,),
                registry=_REGISTRY,
            )
        except SystemExit:
            print(end="", flush=True)  # the help, all of it
            raise
    except BrokenPipeError:  # nobody reads it any more; Python would try again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (AssertionError, OSError) as error:  # of tyro's own flags, which write completions for a shell
        raise UsageError(f"{args[0]}: {error}") from None
    given = {option: value for room in vars(rooms).values() for option, value in room.items()}
    return {option: value for option, value in given.items() if value is not None}, unknown


@_REGISTRY.struct_rule
def _room_rule(info: constructors.StructTypeInfo) -> constructors.StructConstructorSpec | None:
    """Have tyro make flags of a room's fields, and a mapping of their values instead of the room."""
    if not (isinstance(info.type, type) and issubclass(info.type, Room)):
        return None
    flags = (_flag(info.type, option, rule) for option, rule in info.type.rules.items())
    return constructors.StructConstructorSpec(dict, tuple(flags))


def _flag(room: type, option: str, rule: Rule) -> constructors.StructFieldSpec:
    """Return an option's flag: its value is all words up to the next flag, and None where it was not given."""
    default, switch = getattr(room, option), isinstance(rule, Switch)
    notes = [] if isinstance(rule, Choice | Switch) else [str(rule)]
    notes += [] if default is None else [f"default: {rule.written(default)}"]
    words = constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar=rule.metavar,
        instance_from_str=lambda words: rule.read(" ".join(words)),
        is_instance=lambda value: True,
        str_from_instance=lambda value: [],
    )
    marks = [conf.arg(help_behavior_hint=f"({'; '.join(notes)})"), conf.DisallowNone if switch else words]
    if option in SHORTHANDS or option.startswith("no_"):
        marks.append(conf.FlagCreatePairsOff)
    kind: Any = Annotated[(bool | None if switch else str | None, *marks)]
    return constructors.StructFieldSpec(option, kind, default=None, helptext=lambda: docs(room)[option])


def _about_unknown(word: str, args: Sequence[str]) -> str:
    """Say what is wrong with a word that tyro could not place."""
    for flag, _, value in (arg.partition("=") for arg in args if arg.startswith("--")):
        if value == word:  # tyro splits --flag=word and keeps the flag
            both = flag[2:].replace("-", "_") in RULES and not flag.startswith("--no-")
            return f"{flag} accepts no value, got {word!r}; write {flag}" + f" or --no-{flag[2:]}" * both
    return f"{word if word.isprintable() else repr(word)} is not an option; --help lists them"


def _refuse_two_spellings(args: Sequence[str]) -> None:
    """Refuse one flag with dashes and with underscores."""
    spellings: dict[str, str] = {}
    for flag in (arg.partition("=")[0] for arg in args if arg.startswith("--")):
        if (other := spellings.setdefault(flag.replace("_", "-"), flag)) != flag:
            raise UsageError(f"{other} and {flag} are the same option; give it once")
