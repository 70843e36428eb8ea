"""What a run says about itself once, before its frames: everything that a picture needs to know and not to guess.

A viewer shows whatever sends a :class:`Header`; names, colours, units and constants are the run's own.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

Format = Literal["number", "count", "percent", "choice"]

MAX_CATEGORIES = 16
"""Colours that the shaders hold."""

MAX_DIGITS = 12
"""Decimals of a number."""

Few = msgspec.Meta(max_length=1024)
"""Axes, categories, choices; more would be no description."""

Many = msgspec.Meta(max_length=65_536)
"""Numbers of a run."""


class Axis(msgspec.Struct, frozen=True):
    """One axis of the states."""

    name: str
    """Short, for options and files: ``x``."""
    label: str
    """For people: ``position x``."""
    unit: str
    """``m``, ``rad``; empty where there is none."""
    low: float
    high: float
    """What is shown of the axis, ``low < high``."""
    wraps: bool = False
    """Whether it is an angle that starts again at ``low`` where it passes ``high``."""

    @property
    def title(self) -> str:
        """Label and unit, ``position x [m]``."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


class Goal(msgspec.Struct, frozen=True):
    """Where the agents are to go: a disc in the plane shown."""

    state: Annotated[tuple[float, ...], Few]
    """(d,) its centre."""
    radius: float
    """In the plane shown, > 0."""


class Category(msgspec.Struct, frozen=True):
    """Who may have chosen an action: what the colours of agents and trails mean."""

    name: str
    """As the numbers of the run call it: ``nominal``."""
    label: str
    """For the legend: ``Nominal: the stabilizer``."""
    color: tuple[float, float, float]
    """sRGB in [0, 1]."""


class Controller(msgspec.Struct, frozen=True):
    """Who may control the swarm; :class:`~calf_gpu.app.stream.commands.SetController` names it by its place."""

    label: str
    """For people: ``TD3 alone``."""
    category_labels: Annotated[tuple[str, ...], Few] = ()
    """What the legend says of the categories under this controller; empty for their own labels."""


class Number(msgspec.Struct, frozen=True):
    """A number that comes with every frame, and how people read it."""

    name: str
    label: str = ""
    block: str = ""
    """Heading on the display under which it stands; empty for numbers that are not shown."""
    unit: str = ""
    """Written behind the value."""
    format: Format = "number"
    """``percent`` of a fraction in [0, 1]; ``choice``: the value is an index into ``choices``."""
    digits: int = 2
    """Decimals of a ``number``."""
    choices: Annotated[tuple[str, ...], Few] = ()
    scalar: str = ""
    """Tag under which it is logged once an episode; empty for numbers that are not."""
    zero: bool = True
    """Whether the row stands there while the value is 0."""


class Rule(msgspec.Struct, frozen=True):
    """Which condition certifies an action: its Q(s, a) is high enough, and c_low·r² ≤ −Q(s, a) ≤ c_up·r².

    r is the distance to the goal, as a :class:`~calf_gpu.app.stream.frame.Grid` has it over the plane.
    """

    name: str
    """``calf``, ``calf-wrapper``."""
    needed: str
    """Name of the number that is the least Q(s, a) certified next for row 0, as Q† + ν̄; nan without a certificate."""
    kappa: tuple[float, float] | None
    """(c_low, c_up); None where the rule has no such bounds."""


class Chart(msgspec.Struct, frozen=True):
    """A number that is drawn over time."""

    title: str
    number: str
    over: str
    """Name of the number that counts its time, in whole steps."""


class Curves(msgspec.Struct, frozen=True):
    """Numbers of finished episodes, drawn from the first to the newest: how far learning has come.

    Percentages have an axis of their own, from 0 to 100 %.
    """

    title: str
    numbers: Annotated[tuple[str, ...], Few]
    """Names of the numbers that become lines."""
    over: str
    """Name of the number that grows with every finished episode."""
    reference: str = ""
    """Name of the number that the others are to be compared with; empty for none."""


class Header(msgspec.Struct, frozen=True, tag="header"):
    """A run's description; construction checks that its parts fit together.

    Raises
    ------
    ValueError
        In one line that names the part that does not fit.
    """

    run: str
    """Name of the run."""
    axes: Annotated[tuple[Axis, ...], Few]
    """(d,) state axes, d ≥ 2."""
    plane: tuple[int, int]
    """Which axes are shown: columns and rows of the Q-grid."""
    critic: str
    """What its values are: ``min(Q1, Q2) at the actor's action``."""
    categories: Annotated[tuple[Category, ...], Few]
    numbers: Annotated[tuple[Number, ...], Many]
    agent: bool
    """Whether row 0 of the agents is the one that is being trained."""
    agents: int
    """Number of agents M at first, that one among them."""
    goal: Goal | None = None
    heading: int | None = None
    """Axis that holds the agents' heading in radians, if there is one."""
    category_title: str = "Who chose the action"
    controllers: Annotated[tuple[Controller, ...], Few] = ()
    controlled_by: str = ""
    """Name of the number that is the place of the present controller; empty where nobody can be chosen."""
    rule: Rule | None = None
    chart: Chart | None = None
    curves: Curves | None = None
    episode: str = ""
    """Name of the number that counts episodes: when it changes, all other numbers are worth a look."""

    def __post_init__(self) -> None:
        names = [number.name for number in self.numbers]
        named = [self.controlled_by, self.episode]
        named += [self.rule.needed] if self.rule else []
        named += [self.chart.number, self.chart.over] if self.chart else []
        named += [*self.curves.numbers, self.curves.over, self.curves.reference] if self.curves else []
        axes = range(len(self.axes))
        _require(len(set(names)) == len(names), "numbers must have different names")
        _require(
            {name for name in named if name} <= set(names), "it refers to a number that it does not declare"
        )
        _require(
            self.plane[0] != self.plane[1] and set(self.plane) <= set(axes), "plane must name two of the axes"
        )
        spans = [axis.high - axis.low for axis in self.axes]
        _require(all(0 < span < math.inf for span in spans), "axes need finite numbers low < high")
        _require(self.heading is None or self.heading in axes, "heading must be one of the axes")
        _require(1 <= len(self.categories) <= MAX_CATEGORIES, f"categories must be 1 to {MAX_CATEGORIES}")
        shares = [share for category in self.categories for share in category.color]
        _require(all(0 <= share <= 1 for share in shares), "colours need numbers from 0 to 1")
        labels = [len(controller.category_labels) for controller in self.controllers]
        _require(
            set(labels) <= {0, len(self.categories)}, "controllers need labels for all categories or none"
        )
        digits = [number.digits for number in self.numbers]
        _require(all(0 <= count <= MAX_DIGITS for count in digits), f"digits must be 0 to {MAX_DIGITS}")
        _require(self.agents >= 1, "agents must be at least 1")
        if self.goal is not None:
            fits = len(self.goal.state) == len(self.axes) and 0 < self.goal.radius < math.inf
            fits &= all(map(math.isfinite, self.goal.state))
            _require(fits, "goal must be a finite state with a radius greater than 0")

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Borders (x0, x1, y0, y1) of the plane shown, in units of its axes."""
        first, second = (self.axes[axis] for axis in self.plane)
        return first.low, first.high, second.low, second.high

    @property
    def hidden(self) -> bool:
        """Whether states have axes that the plane does not show; frames then have ``values``."""
        return len(self.axes) > 2

    def index(self, name: str) -> int:
        """Return the place of a number in a frame's ``numbers``; raises KeyError for one not declared."""
        for place, number in enumerate(self.numbers):
            if number.name == name:
                return place
        raise KeyError(name)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"header: {what}")
