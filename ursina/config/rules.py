"""What options accept: the rules that stand beside the fields of the rooms (``Annotated``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal


class Rule(ABC):
    """What an option accepts; ``str()`` says it in a few words."""

    metavar: ClassVar[str] = "NAME"
    """What the help calls a value."""

    @abstractmethod
    def checked(self, value: Any) -> Any:
        """Return the value in the option's own type.

        Raises
        ------
        ValueError
            If the option does not accept it.
        """

    def read(self, text: str) -> Any:
        """Return what a text of the command line stands for, as a file would hold it; nothing is refused here."""
        return text

    def written(self, value: Any) -> str:
        """Return a value as the command line takes it; the opposite of :meth:`read`."""
        return str(value)


@dataclass(frozen=True)
class Choice(Rule):
    """One of some names."""

    names: tuple[str, ...]

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """The names."""
        return "{" + ",".join(self.names) + "}"

    def __str__(self) -> str:
        *head, last = self.names
        return f"{', '.join(head)} or {last}" if head else last

    def checked(self, value: Any) -> str:
        """Return the name."""
        return _kept(value, isinstance(value, str) and value in self.names)


class Switch(Rule):
    """True or false."""

    def __str__(self) -> str:
        return "true or false"

    def checked(self, value: Any) -> bool:
        """Return the truth value."""
        return _kept(value, isinstance(value, bool))


@dataclass(frozen=True)
class Range(Rule):
    """Numbers between two bounds, both included."""

    low: float
    high: float

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        return f"from {self.low:.12g} to {self.high:.12g}"


class Integer(Range):
    """An integer within bounds."""

    metavar = "INT"

    def __str__(self) -> str:
        return f"an integer {self.bounds}"

    def checked(self, value: Any) -> int:
        """Return the integer."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return int(_kept(value, number and self.low <= value <= self.high))

    def read(self, text: str) -> int | str:
        """Return the integer that is written, or else the text."""
        try:
            return int(text)
        except ValueError:
            return text


class Number(Range):
    """A finite number within bounds."""

    metavar = "FLOAT"

    def __str__(self) -> str:
        return f"a number {self.bounds}"

    def checked(self, value: Any) -> float:
        """Return the number as a float."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_kept(value, number and self.low <= value <= self.high))  # false for NaN too

    def read(self, text: str) -> float | str:
        """Return the number that is written, or else the text."""
        try:
            return float(text)
        except ValueError:
            return text


class Size(Integer):
    """Width and height, each within bounds: a pair of integers or the text ``WIDTHxHEIGHT``."""

    metavar = "WIDTHxHEIGHT"

    def __str__(self) -> str:
        return f"WIDTHxHEIGHT, each {self.bounds}"

    def checked(self, value: Any) -> Any:
        """Return (width, height)."""
        sides = self.read(value) if isinstance(value, str) else value
        _kept(sides, isinstance(sides, list | tuple) and len(sides) == 2)
        return tuple(Integer.checked(self, side) for side in sides)

    def read(self, text: str) -> Any:
        """Return (width, height) as written, or else the text."""
        sides = text.lower().split("x")
        if len(sides) != 2 or not all(side.isdecimal() and len(side) < 10 for side in sides):
            return text
        return int(sides[0]), int(sides[1])

    def written(self, value: tuple[int, int]) -> str:
        """Return ``WIDTHxHEIGHT``."""
        return "x".join(map(str, value))


@dataclass(frozen=True)
class Integers(Integer):
    """Some integers, each within bounds: a list, on the command line with commas or spaces between."""

    most: int
    metavar = "INT,INT,..."

    def __str__(self) -> str:
        return f"1 to {self.most} integers, each {self.bounds}"

    def checked(self, value: Any) -> Any:
        """Return the integers as a tuple."""
        _kept(value, isinstance(value, list | tuple) and 1 <= len(value) <= self.most)
        return tuple(Integer.checked(self, number) for number in value)

    def read(self, text: str) -> Any:
        """Return the list that is written, or else the text."""
        numbers = [Integer.read(self, word) for word in text.replace(",", " ").split()]
        return numbers if all(isinstance(number, int) for number in numbers) else text

    def written(self, value: tuple[int, ...]) -> str:
        """Return the integers with commas between."""
        return ",".join(map(str, value))


@dataclass(frozen=True)
class PathTo(Rule):
    """A path, of anything or of a file that is to be written."""

    kind: Literal["anything", "file"]
    metavar = "PATH"

    def __str__(self) -> str:
        return "the path of a file" if self.kind == "file" else "a path"

    def checked(self, value: Any) -> Path:
        """Return the path; a file needs a name before its ending."""
        text = str(_kept(value, isinstance(value, str | Path)))
        text.encode()  # bytes of the command line that are no UTF-8 raise a ValueError
        named = Path(text).name not in ("", "..") and not text.endswith(("/", "\\"))
        _kept(text, bool(text.strip()) and "\0" not in text and (named or self.kind != "file"))
        return Path(text)


@dataclass(frozen=True)
class Name(Rule):
    """A printable text that others look up."""

    of: str

    def __str__(self) -> str:
        return self.of

    def checked(self, value: Any) -> str:
        """Return the text."""
        return _kept(value, isinstance(value, str) and value.isprintable() and bool(value.strip()))


@dataclass(frozen=True)
class Colormap(Rule):
    """A colormap of Matplotlib, by name."""

    usual: str
    """A name that needs no import of Matplotlib to be known."""

    def __str__(self) -> str:
        return "the name of a Matplotlib colormap"

    def checked(self, value: Any) -> str:
        """Return the name."""
        if value == self.usual:
            return self.usual
        from matplotlib import colormaps

        return _kept(value, isinstance(value, str) and value in colormaps)


def _kept(value: Any, accepted: bool) -> Any:
    if not accepted:
        raise ValueError
    return value
