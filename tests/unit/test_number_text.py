"""Texts of the heads-up display: every number that a header declares, readable, and a dash where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calf_gpu.app.stream.header import Number
from calf_gpu.app.visuals.number_text import NONE, decimal, percent, rows, text
from scene_frames import NUMBERS, make_frame


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.0, 2, "0.00"),
        (-0.001, 2, "0.00"),
        (-1.5, 2, "−1.50"),
        (1234.567, 2, "1,234.57"),
        (-12345.678, 4, "−12,345.7"),
        (4904.3837, 1, "4,904.4"),
        (2.5e9, 2, "2.500e+09"),
        (float("nan"), 2, NONE),
        (float("-inf"), 2, NONE),
    ],
)
def test_numbers_are_short_and_plain(value, digits, shown):
    assert decimal(value, digits) == text(Number("x", digits=digits), value) == shown


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_numbers_can_be_read_back(value, digits):
    shown = decimal(value, digits)
    read = float(shown.replace(",", "").replace("−", "-"))
    assert abs(read - value) <= 0.5 * 10.0 ** -min(digits, 1 if abs(value) >= 1e4 else digits) * 1.0001
    assert len(shown) <= 12


@pytest.mark.parametrize("read", [percent, lambda value: text(Number("x", format="percent"), value)])
def test_percentages(read):
    assert read(0.4) == "40.0 %"
    assert read(math.nan) == NONE


def test_counts_are_whole_and_units_follow_the_value():
    assert text(Number("x", format="count"), 1234567.0) == "1,234,567"
    assert text(Number("x", format="count"), -3.0) == "−3"
    assert text(Number("x", unit="/ 500", format="count"), 12.0) == "12 / 500"
    assert text(Number("x", unit="m/s", digits=1), 2.25) == "2.2 m/s"
    assert text(Number("x", unit="m/s"), math.nan) == NONE


CHOICE = Number("x", format="choice", choices=("no", "yes"))


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "no"), (1, "yes"), (2, NONE), (-1, NONE), (1e300, NONE), (math.nan, NONE)]
)
def test_choices_are_named_and_what_is_none_of_them_is_a_dash(value, shown):
    assert text(CHOICE, float(value)) == shown


NUMBER = st.builds(
    Number,
    st.just("x"),
    unit=st.sampled_from(["", "m"]),
    format=st.sampled_from(["number", "count", "percent", "choice"]),
    digits=st.integers(0, 9),
    choices=st.lists(st.just("choice"), max_size=3).map(tuple),
)


@given(NUMBER, st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, -math.inf]))
def test_any_value_has_a_short_text(number, value):
    shown = text(number, value)
    assert shown
    assert "nan" not in shown and "inf" not in shown
    assert len(shown) <= 25


def all_rows(**values: float) -> dict[str, str]:
    declared = [number for number in NUMBERS if number.label]
    places = [NUMBERS.index(number) for number in declared]
    shown = rows(declared, make_frame(7, np.zeros((4, 2)), **values).numbers[places].tolist())
    assert len({label for label, _ in shown}) == len(shown)
    return dict(shown)


def test_every_number_of_a_run_is_shown():
    shown = all_rows()
    assert shown["Phase"] == "training"
    assert shown["Episode"] == "3 / 500"
    assert shown["Agents"] == "5"
    assert shown["Swarm by"] == "CALF"
    assert shown["Mode"] == "nominal"
    assert shown["Q needed"] == "−19.99"
    assert (shown["Q least"], shown["Q greatest"]) == ("−4.50", "−1.00")
    assert shown["Within κ"] == "yes"
    texts = " ".join(shown.values())
    expected = ["710", "−128.50", "71", "−90.00", "40.0 %", "0.500", "7.1000", "28.6000", "0.4700", "50.0 %"]
    expected += ["30.0 %", "20.0 %", "−24.70", "−20.00", "2.2000", "0.05", "24.70", "4,904.0"]
    assert [one for one in expected if one not in texts] == []


def test_bounds_that_fail_are_called_out():
    assert all_rows(kappa_valid=0.0)["Within κ"] == "no"


def test_cells_without_a_value_are_counted_where_there_are_some():
    assert "Bad cells" not in all_rows()
    assert all_rows(bad_cells=12)["Bad cells"] == "12 / 441"


def test_what_does_not_exist_yet_is_a_dash():
    names = ("mean_return", "success_rate", "critic_loss", "q_value", "q_before", "q_required", "minus_q")
    shown = all_rows(**dict.fromkeys((*names, "kappa_valid", "bad_cells"), math.nan))
    for label in ("Return", "Goal reached", "Critic loss", "Q(s, a)", "Q† before", "Q needed", "−Q(s, a)"):
        assert shown[label] == NONE
    assert (shown["Within κ"], shown["Bad cells"]) == (NONE, NONE)
