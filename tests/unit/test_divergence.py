"""Numbers that run away: training stops with its reason, the swarm goes on, and no NaN is saved over anything."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.frame import Status
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.checkpoint import PATTERN, CheckpointError, newest_checkpoint, save_checkpoint
from calf_gpu.app.training.headless import train
from calf_gpu.app.training.learner import DivergedError
from calf_gpu.app.training.modes import Mode
from calf_gpu.app.training.numbers import PHASES
from calf_gpu.app.training.publication import Publication


def options(**values) -> VisualizationConfig:
    return VisualizationConfig.of(**{"n_agents": 4, "grid_size": 7, "seed": 3, **values})


def trained(folder, steps: int = 140, **values) -> Publication:
    """A run that has made gradient steps and saved them."""
    publication = Publication(options(**values), folder)
    for _ in range(steps):
        publication.advance()
    assert publication.run.trainer.learner.version > 0
    publication.run.save()
    return publication


def numbers(publication, frame) -> dict[str, float]:
    names = (number.name for number in publication.header.numbers)
    return dict(zip(names, frame.numbers.tolist(), strict=True))


def spoil(parameters, value: float) -> None:
    with torch.no_grad():
        for parameter in parameters:
            parameter.fill_(value)


def finite(folder) -> int:
    """Step of the newest checkpoint, all of whose weights must be finite."""
    _, state = newest_checkpoint(folder)
    for name, weights in state["trainer"]["learner"]["model"]["networks"].items():
        assert np.isfinite(weights).all(), name
    return state["trainer"]["total_steps"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("part", ["actor", "critic", "critic_target"])
def test_spoilt_networks_stop_training_and_not_the_swarm(tmp_path, part, value):
    publication = trained(tmp_path)
    saved = finite(tmp_path)
    # Of the actor the last layer's weights alone: tanh bounds what it gives.
    network = getattr(publication.run.trainer.learner.model.algorithm, part)
    spoil(network.parameters(), value)
    if part == "actor" and value == 1e30:
        spoil(network.parameters(), float("nan"))
    frames = [publication.advance() for _ in range(12)]
    assert publication.run.stopped is not None
    assert "\n" not in publication.run.stopped
    assert f"{tmp_path} keeps the checkpoint of step {saved}" in publication.run.stopped
    assert publication.status == Status("stopped", publication.run.stopped)
    last, before = (numbers(publication, frame) for frame in (frames[-1], frames[-2]))
    assert PHASES[int(last["phase"])] == "stopped"
    assert last["total_steps"] == before["total_steps"]
    for frame in frames:
        assert np.isfinite(frame.now.states).all()
    assert not np.array_equal(frames[-1].now.states[1:], frames[-2].now.states[1:])
    publication.close()
    assert finite(tmp_path) == saved
    assert len(list(tmp_path.glob(PATTERN))) == 2
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("policy", ["calf", "td3"])
def test_broken_actor_is_left_to_the_nominal_policy(policy):
    publication = Publication(options(swarm_policy=policy))
    spoil(publication.run.trainer.learner.model.algorithm.actor.parameters(), float("nan"))
    for _ in range(5):
        publication.swarm.step()
    assert (publication.swarm.modes == Mode.NOMINAL).all()
    assert np.isfinite(publication.swarm.states).all()


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -1e300, 1e30])
def test_exploding_rewards_stop_training(tmp_path, monkeypatch, reward):
    publication = trained(tmp_path)
    saved = finite(tmp_path)
    system = SYSTEMS["point_mass"]
    monkeypatch.setattr(type(system), "reward", lambda self, *arguments: np.full(len(arguments[0]), reward))
    for _ in range(400):
        publication.advance()
        if publication.run.stopped:
            break
    assert publication.run.stopped is not None
    publication.close()
    assert finite(tmp_path) == saved


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    publication = trained(tmp_path)
    saved = finite(tmp_path)
    publication.advance()
    spoil(
        publication.run.trainer.learner.model.algorithm.critic_target.parameters(), float("nan")
    )  # no loss tells of it yet
    publication.close()
    assert "weights of the networks are not finite" in publication.run.stopped
    assert finite(tmp_path) == saved


def test_checkpoints_with_weights_that_are_not_finite_are_refused(tmp_path):
    publication = trained(tmp_path)
    publication.close()
    _, state = newest_checkpoint(tmp_path)
    next(iter(state["trainer"]["learner"]["model"]["networks"].values()))[:] = np.nan
    save_checkpoint(tmp_path, 10**6, state)
    with pytest.raises(CheckpointError, match="its weights are not finite"):
        Publication(options(resume=True), tmp_path)


def test_training_without_pictures_ends_with_the_reason(tmp_path, monkeypatch):
    system = SYSTEMS["point_mass"]
    calls = 0

    def reward(self, states, *rest):
        nonlocal calls
        calls += 1
        return np.full(len(states), np.nan if calls > 50 else -1.0)

    monkeypatch.setattr(type(system), "reward", reward)
    with pytest.raises(
        DivergedError, match=r"training stopped at step 50: .* keeps the checkpoint of step 0"
    ):
        train(options(), tmp_path)
    assert finite(tmp_path) == 0
    with pytest.raises(DivergedError):  # the folder was let go
        train(options(resume=True), tmp_path)
