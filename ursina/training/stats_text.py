"""The numbers of the heads-up display as rows of label and text, block by block."""

from __future__ import annotations

from math import isfinite

from calf_gpu.app.training.frame_state import FrameState, Mode
from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap

Rows = list[tuple[str, str]]

NONE = "–"
"""Shown for a number that does not exist yet."""


POLICY_NAMES = {"calf": "CALF", "td3": "TD3 alone", "nominal": "stabilizer"}
"""Who controls the swarm, for people."""


def run_rows(frame: FrameState, episodes: int) -> Rows:
    """How far the run is."""
    stats = frame.stats
    return [
        ("Phase", stats.phase),
        ("Episode", f"{stats.episode:,} / {episodes:,}"),
        ("Steps", f"{stats.total_steps:,}"),
        ("Agents", f"{len(frame.states):,}"),
        ("Swarm by", POLICY_NAMES[stats.swarm_policy]),
    ]


def episode_rows(frame: FrameState) -> Rows:
    """Rewards, unscaled."""
    stats = frame.stats
    return [
        ("Reward", number(stats.episode_reward, 2)),
        ("Length", f"{stats.episode_length:,}"),
        ("Mean of 10", number(stats.mean_reward_10, 2)),
        ("Success", percent(stats.success_rate)),
    ]


def training_rows(frame: FrameState) -> Rows:
    """TD3."""
    stats = frame.stats
    return [
        ("Buffer", f"{stats.buffer_size:,}"),
        ("Noise", number(stats.noise, 3)),
        ("Critic loss", number(stats.critic_loss, 4)),
        ("Actor loss", number(stats.actor_loss, 4)),
    ]


def calf_rows(frame: FrameState) -> Rows:
    """Who chooses the training agent's actions, in this episode."""
    stats = frame.stats
    return [
        ("Mode", Mode(frame.training_mode).name.lower()),
        ("P relax", number(stats.relax_probability, 4)),
        ("Certified", percent(stats.certification_rate)),
        ("Relaxed", percent(stats.relax_rate)),
        ("Nominal", percent(stats.intervention_rate)),
    ]


def q_rows(frame: FrameState, heatmap: CriticHeatmap) -> Rows:
    """The training agent's last check: the critic's value of what the actor proposed against the certificate."""
    stats = frame.stats
    bad = f"{heatmap.bad_cells:,} / {heatmap.q_grid.size:,}"
    return [
        ("Q(s, a)", number(stats.q_value, 4)),
        ("Q† before", number(stats.q_before, 4)),
        ("Q − Q†", number(stats.q_value - stats.q_before, 4)),
        ("ν̄", number(stats.nu_bar, 4)),
        ("Q least", number(heatmap.q_least, 2)),
        ("Q greatest", number(heatmap.q_greatest, 2)),
        *([("Bad cells", bad)] if heatmap.bad_cells else []),
    ]


def kappa_rows(frame: FrameState) -> Rows:
    """The bounds κ_low(‖s‖) ≤ −Q(s, a) ≤ κ_up(‖s‖)."""
    stats = frame.stats
    return [
        ("‖s‖", number(stats.state_norm, 4)),
        ("κ low", number(stats.kappa_low, 4)),
        ("−Q(s, a)", number(-stats.q_value, 4)),
        ("κ up", number(stats.kappa_up, 1)),
        ("Within κ", ("yes" if stats.kappa_valid else "no") if isfinite(stats.q_value) else NONE),
    ]


def frame_rows(frame_ms: float | None, heights: str, trails: str) -> Rows:
    """How fast the picture is, where that is known, and which variants draw it."""
    variants = [("Heights", heights), ("Trails", trails.replace("_", " "))]
    if not frame_ms:
        return variants
    return [("Frame", f"{number(frame_ms, 1)} ms"), ("Rate", f"{number(1e3 / frame_ms, 0)} fps"), *variants]


def number(value: float, digits: int) -> str:
    """Return a number with a true minus sign and so many decimals, fewer where it is large."""
    if not isfinite(value):
        return NONE
    if abs(value) >= 1e7:
        return f"{value:.3e}".replace("-", "−")
    if abs(value) >= 1e4:
        digits = min(digits, 1)
    text = f"{value:,.{digits}f}".replace("-", "−")
    return text[1:] if text.startswith("−") and not text.strip("−0.,") else text


def percent(fraction: float) -> str:
    """Return a fraction as a percentage."""
    return f"{100.0 * fraction:.1f} %" if isfinite(fraction) else NONE
