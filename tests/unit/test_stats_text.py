"""Texts of the heads-up display: every number of the statistics, readable, and a dash where there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calf_gpu.app.training import stats_text
from calf_gpu.app.training.stats_text import NONE, number, percent
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from scene_frames import make_frame, make_stats


@pytest.mark.parametrize(
    ("value", "digits", "text"),
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
def test_numbers_are_short_and_plain(value, digits, text):
    assert number(value, digits) == text


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_numbers_can_be_read_back(value, digits):
    text = number(value, digits)
    read = float(text.replace(",", "").replace("−", "-"))
    assert abs(read - value) <= 0.5 * 10.0 ** -min(digits, 1 if abs(value) >= 1e4 else digits) * 1.0001
    assert len(text) <= 12


def test_percentages():
    assert percent(0.4) == "40.0 %"
    assert percent(math.nan) == NONE


def all_rows(frame) -> dict[str, str]:
    heatmap = CriticHeatmap((-3.5, 3.5, -3.5, 3.5))
    heatmap.update(frame.q_grid, frame.q_version)
    rows = [
        *stats_text.run_rows(frame, 500),
        *stats_text.episode_rows(frame),
        *stats_text.training_rows(frame),
        *stats_text.calf_rows(frame),
        *stats_text.q_rows(frame, heatmap),
        *stats_text.kappa_rows(frame),
    ]
    assert len({label for label, _ in rows}) == len(rows)
    return dict(rows)


def test_every_statistic_is_shown():
    frame = make_frame(7, np.zeros((4, 2)), modes=[2, 0, 0, 0], q_grid=np.float32([[-1, -2], [-3, -4.5]]))
    rows = all_rows(frame)
    assert rows["Episode"] == "3 / 500"
    assert rows["Agents"] == "3"
    assert rows["Swarm by"] == "CALF"
    assert rows["Mode"] == "nominal"
    assert rows["Q − Q†"] == "−4.7000"
    assert (rows["Q least"], rows["Q greatest"]) == ("−4.50", "−1.00")
    assert rows["Within κ"] == "yes"
    values = " ".join(rows.values())
    shown = ["710", "−128.50", "71", "−90.00", "40.0 %", "0.500", "7.1000", "28.6000", "0.4700", "50.0 %"]
    shown += ["30.0 %", "20.0 %", "−24.7000", "−20.0000", "0.0100", "2.2000", "0.0500", "24.7000", "4,904.0"]
    assert [text for text in shown if text not in values] == []


def test_bounds_that_fail_are_called_out():
    frame = make_frame(0, np.zeros((2, 2)))
    assert all_rows(replace(frame, stats=make_stats(kappa_low=25.0)))["Within κ"] == "no"


def test_what_does_not_exist_yet_is_a_dash():
    nan = math.nan
    stats = make_stats(mean_reward_10=nan, critic_loss=nan, q_value=nan, q_before=nan, success_rate=nan)
    rows = all_rows(replace(make_frame(0, np.zeros((2, 2))), stats=stats))
    for label in (
        "Mean of 10",
        "Success",
        "Critic loss",
        "Q(s, a)",
        "Q† before",
        "Q − Q†",
        "−Q(s, a)",
        "Within κ",
    ):
        assert rows[label] == NONE


def test_frame_time_and_rate():
    rows = dict(stats_text.frame_rows(12.5, "gpu", "per_agent"))
    assert rows == {"Frame": "12.5 ms", "Rate": "80 fps", "Heights": "gpu", "Trails": "per agent"}
    assert dict(stats_text.frame_rows(None, "gpu", "ring")) == {"Heights": "gpu", "Trails": "ring"}
