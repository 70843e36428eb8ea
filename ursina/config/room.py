"""A room: options that belong together and are checked on construction.

A field is declared with its type, its rule and its default, such as ``seed: Annotated[int, Integer(0, 9)] = 0``, and
explained by the docstring below it. ``Literal`` and ``bool`` need no rule. A field whose default is None may be None.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from calf_gpu.app.config.rules import Choice, Rule, Switch


class OptionError(ValueError):
    """One option has a value it does not accept.

    Attributes
    ----------
    option
        Field name, for example ``n_agents``.
    reason
        What the option accepts and what it got, without the name.
    """

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option} {reason}")
        self.option = option
        self.reason = reason


class Room:
    """Options that belong together, the fields of a frozen dataclass.

    Construction checks each of them and raises :class:`OptionError`.
    """

    rules: ClassVar[dict[str, Rule]]
    """The rule of every option."""

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        cls.rules = {option: _rule(hints[option]) for option in cls.__annotations__}

    def __post_init__(self) -> None:
        for option, rule in self.rules.items():
            value = getattr(self, option)
            if value is None and getattr(type(self), option) is None:  # the class holds the default
                continue
            try:
                object.__setattr__(self, option, rule.checked(value))
            except ValueError:
                raise OptionError(option, f"accepts {rule}, got {shown(value)}") from None


@cache
def docs(room: type) -> dict[str, str]:
    """Return the docstring of every field of a room, each on one line."""
    texts: dict[str, str] = {}
    for statements in pairwise(ast.parse(inspect.getsource(room)).body[0].body):  # type: ignore[attr-defined]
        match statements:
            case ast.AnnAssign(target=ast.Name(id=option)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[option] = " ".join(text.split())
    return texts


def shown(value: Any) -> str:
    """Show a refused value on one short line."""
    if isinstance(value, int) and value.bit_length() > 256:
        return "a far larger number"  # Python refuses to print thousands of digits
    if isinstance(value, tuple):
        return "x".join(map(shown, value))
    try:
        text = repr(value)
    except ValueError:
        return "numbers far too large"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _rule(hint: Any) -> Rule:
    for kind in (hint, *get_args(hint)):  # a Literal, or one that may be None too
        if get_origin(kind) is Literal:
            return Choice(get_args(kind))
    if hint is bool:
        return Switch()
    return next(note for note in hint.__metadata__ if isinstance(note, Rule))
