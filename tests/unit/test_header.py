"""A header is refused, in one line, where its parts do not fit together."""

from __future__ import annotations

import math

import msgspec
import pytest

from calf_gpu.app.stream.header import MAX_CATEGORIES, Axis, Category, Chart, Controller, Goal, Number, Rule
from scene_frames import CATEGORIES, NUMBERS, POINT_MASS, VEHICLE, make_header

NAN, INF = math.nan, math.inf
LONG = Axis("a", "a", "", 0.0, 1.0)
TWICE = (*NUMBERS, Number("episode"))

MISFITS = {
    "numbers of one name": ({"numbers": TWICE}, "numbers must have different names"),
    "a controller's number": ({"controlled_by": "who"}, "a number that it does not declare"),
    "an episode's number": ({"episode": "part"}, "a number that it does not declare"),
    "a rule's number": ({"rule": Rule("calf", "none", (0.0, 1.0))}, "a number that it does not declare"),
    "a chart's number": ({"chart": Chart("Q", "none", "total_steps")}, "a number that it does not declare"),
    "a chart's time": ({"chart": Chart("Q", "q_value", "time")}, "a number that it does not declare"),
    "one axis twice": ({"plane": (1, 1)}, "plane must name two of the axes"),
    "an axis that is not there": ({"plane": (0, 2)}, "plane must name two of the axes"),
    "a negative axis": ({"plane": (-1, 0)}, "plane must name two of the axes"),
    "an axis turned round": (
        {"axes": (LONG, Axis("b", "b", "", 1.0, 0.0))},
        "axes need finite numbers low < high",
    ),
    "an axis of no length": (
        {"axes": (LONG, Axis("b", "b", "", 1.0, 1.0))},
        "axes need finite numbers low < high",
    ),
    "an axis without borders": (
        {"axes": (LONG, Axis("b", "b", "", NAN, 1.0))},
        "axes need finite numbers low < high",
    ),
    "an axis without end": ({"axes": (LONG, Axis("b", "b", "", 0.0, INF))}, "axes"),
    "a heading that is not there": ({"heading": 2, "axes": POINT_MASS}, "heading must be one of the axes"),
    "no categories": ({"categories": ()}, "categories must be 1 to 16"),
    "too many categories": (
        {"categories": CATEGORIES[:1] * (MAX_CATEGORIES + 1)},
        "categories must be 1 to 16",
    ),
    "a colour that is none": ({"categories": (Category("a", "a", (NAN, 0.0, 0.0)),)}, "colour"),
    "a colour beyond white": ({"categories": (Category("a", "a", (0.0, 1.5, 0.0)),)}, "colour"),
    "labels for other categories": ({"controllers": (Controller("me", ("one", "two")),)}, "labels"),
    "digits below 0": ({"numbers": (*NUMBERS, Number("x", digits=-1))}, "digits"),
    "a million digits": ({"numbers": (*NUMBERS, Number("x", digits=10**6))}, "digits"),
    "no agents": ({"agents": 0}, "agents must be at least 1"),
    "a goal in another space": ({"goal": Goal((0.0,), 1.0)}, "goal must be a finite state with a radius"),
    "a goal nowhere": ({"goal": Goal((0.0, NAN), 1.0)}, "goal"),
    "a goal without a radius": ({"goal": Goal((0.0, 0.0), 0.0)}, "goal must be a finite state with a radius"),
    "a goal whose radius is none": (
        {"goal": Goal((0.0, 0.0), NAN)},
        "goal must be a finite state with a radius",
    ),
}


@pytest.mark.parametrize("what", MISFITS)
def test_parts_that_do_not_fit_are_refused_in_one_line(what):
    changes, said = MISFITS[what]
    with pytest.raises(ValueError, match=said) as caught:
        make_header(**changes)
    assert str(caught.value).startswith("header: ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_header_needs_no_more_than_a_critic_over_a_plane():
    bare = make_header(
        numbers=(),
        goal=None,
        controllers=(),
        controlled_by="",
        rule=None,
        chart=None,
        episode="",
        agent=False,
    )
    assert bare.extent == (-3.5, 3.5, -3.5, 3.5)
    assert make_header(categories=CATEGORIES[:1] * MAX_CATEGORIES, controllers=())


def test_the_plane_may_be_any_two_axes_in_any_order():
    header = make_header(axes=VEHICLE, heading=2, goal=None, plane=(2, 0))
    assert header.extent == (-3.15, 3.15, -3.5, 3.5)


def test_numbers_are_found_by_name():
    header = make_header()
    for place, number in enumerate(header.numbers):
        assert header.index(number.name) == place
    with pytest.raises(KeyError):
        header.index("none")


def test_titles_of_axes_have_their_units():
    assert [axis.title for axis in VEHICLE] == ["position x [m]", "position y [m]", "heading θ [rad]"]
    assert msgspec.structs.replace(VEHICLE[0], unit="").title == "position x"
