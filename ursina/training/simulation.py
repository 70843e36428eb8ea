"""Training and swarm in one process, as a source of frame states."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.systems import find_system
from calf_gpu.app.training.calf import CalfParameters
from calf_gpu.app.training.checkpoint import check_fits, without_rows
from calf_gpu.app.training.frame_state import FrameState, Policy
from calf_gpu.app.training.learner import DivergedError
from calf_gpu.app.training.run_files import RunFiles, stop_notice
from calf_gpu.app.training.swarm import Swarm
from calf_gpu.app.training.trainer import Trainer, Value
from numpy.typing import NDArray


class Profiler(Protocol):
    """Whatever can time the sections of a frame."""

    def section(self, name: str) -> AbstractContextManager[Any]:
        """Time the block under a name."""


class _NoProfiler:
    def section(self, name: str) -> AbstractContextManager[Any]:
        return nullcontext()


class Simulation:
    """A frame source that trains: each frame is one step of the trainer and one of the swarm.

    The first frame shows the start, or the state resumed from. Everything random comes from
    ``config.seed``, so equal options give equal frames; a resumed run continues as the saved one would
    have.

    Parameters
    ----------
    config
        Options of the program.
    run_dir
        Folder for checkpoints, scalars and the reward plot; None keeps nothing.
    profiler
        Times the sections ``training``, ``swarm``, ``heatmap`` and ``hud_query`` (the critic's values for the HUD).

    Attributes
    ----------
    stopped
        One line saying why training stopped before its last episode, None while it goes on.

    Raises
    ------
    ValueError
        If the folder cannot be used or holds another system's run; see :class:`RunFiles`.
    """

    def __init__(
        self, config: VisualizationConfig, run_dir: Path | None = None, profiler: Profiler | None = None
    ) -> None:
        self.config = config
        self.system = find_system(config.system)
        self.trainer = make_trainer(config)
        self.swarm = Swarm(
            self.system,
            self.trainer.learner,
            config.swarm_policy,
            self.trainer.calf.parameters,
            config.n_agents,
            np.random.SeedSequence(config.seed, spawn_key=(1,)),
        )
        self.stopped: str | None = None
        self._profiler: Profiler = profiler or _NoProfiler()
        self._grid_states = self.system.plane_states(grid_points(self.system.plane_extent, config.grid_size))
        self._paused = False
        self._agent_count = config.n_agents
        self._step = 0
        self._q_version = -1
        self._grid_critic = -1
        self._files = RunFiles(run_dir, config.resume) if run_dir is not None else None
        if self._files is not None:
            self._files.restore(self._load_state_dict)
        if self._files is None or self._files.restored is None:
            self._value = self.trainer.value()
        self._kept_episodes = self.trainer.episode
        self._training_respawned = self.trainer.respawned
        if self._q_version < 0:
            self._evaluate_grid()
        self._frame = self._published()
        self._training_respawned = False
        self._shown = False
        self._save(self._files)

    @property
    def critic_queries(self) -> Mapping[str, int]:
        """Calls of the critic so far by purpose: ``training``, ``swarm``, ``grid`` and ``hud``."""
        return self.trainer.learner.queries

    @property
    def critic_rows(self) -> Mapping[str, int]:
        """State-action pairs that the critic valued so far, by the same purposes."""
        return self.trainer.learner.rows

    @property
    def training_steps(self) -> int:
        """Steps of the trainer so far, those before a checkpoint included."""
        return self.trainer.total_steps

    @property
    def finished(self) -> bool:
        """Whether all training episodes are over, or training has stopped; the swarm goes on."""
        return self.stopped is not None or self.trainer.episode >= self.config.episodes

    def next_frame(self) -> FrameState:
        """Advance one step and return the new frame state; while paused the last one again."""
        if self._shown and not self._paused:
            self.train_step()
            self.swarm_step()
            self.keep_episode()
        self._shown = True
        return self._frame

    def set_paused(self, paused: bool) -> None:
        """Stop or continue. The frame state shown while paused has the critic's exact present values."""
        if paused and not self._paused:
            self._value = self.trainer.value()
            self._frame = self._published()
        self._paused = paused

    def set_agent_count(self, count: int) -> None:
        """Show ``count`` agents from the next frame on, appending or dropping at the end of the arrays.

        Raises
        ------
        ValueError
            If ``count`` is less than 1.
        """
        if count < 1:
            raise ValueError(f"agent count accepts integers from 1, got {count}")
        self._agent_count = count
        if self._paused:
            self.swarm.resize(count)
            self._frame = self._published()

    def set_swarm_policy(self, policy: Policy) -> None:
        """Let CALF, the bare actor or the nominal policy control the swarm from the next step on.

        Raises
        ------
        ValueError
            If ``policy`` is none of the names.
        """
        if policy not in get_args(Policy):
            raise ValueError(f"swarm policy accepts {', '.join(get_args(Policy))}, got {policy!r}")
        self.swarm.set_policy(policy)
        if self._paused:
            self._frame = self._published()

    def close(self) -> None:
        """Save a checkpoint and finish the run's files. Safe to call twice."""
        if self._files is not None:
            files, self._files = self._files, None
            try:
                self._save(files)
            finally:
                files.close()

    def train_step(self) -> None:
        """Make one step of the trainer; does nothing once all episodes are over."""
        if self.finished:
            return
        with self._profiler.section("training"):
            try:
                self.trainer.step()
            except DivergedError as error:
                self._stop(error, self._files)
        self._training_respawned |= self.trainer.respawned

    def swarm_step(self) -> FrameState:
        """Make one step of the swarm and return the frame state, with critic values that are due taken anew."""
        with self._profiler.section("swarm"):
            self.swarm.step()
            if len(self.swarm) != self._agent_count:
                self.swarm.resize(self._agent_count)
        self._step += 1
        if (
            self._step % self.config.q_grid_interval == 0
            and self._grid_critic != self.trainer.learner.version
        ):
            with self._profiler.section("heatmap"):
                self._evaluate_grid()
        if (
            self._training_respawned
            or self.config.stats == "every_frame"
            or self.config.capture is not None  # captured pictures are read number by number
            or self._step % self.config.q_stats_interval == 0
        ):
            with self._profiler.section("hud_query"):
                self._value = self.trainer.value()
        self._frame = self._published()
        self._training_respawned = False
        return self._frame

    def keep_episode(self) -> None:
        """Write what an episode that ended with the last step leaves: scalars, plot and, if due, a checkpoint."""
        before, now = self._kept_episodes, self.trainer.episode
        if now == before:
            return
        self._kept_episodes = now
        if self._files is None or self.stopped is not None:
            return
        self._files.episode_ended(self.trainer)
        interval = self.config.checkpoint_interval
        if now // interval > before // interval or self.finished:
            self._save(self._files)

    def _evaluate_grid(self) -> None:
        """Value the plane's nodes in one batch, at the actor's actions or at zero."""
        learner, states = self.trainer.learner, self._grid_states
        if self.config.q_action == "actor":
            actions = learner.actions(states)
        else:
            actions = np.zeros((len(states), self.system.action_dim))
        q = learner.q_values(states, actions, "grid")
        self._q_grid = q.astype(np.float32).reshape(self.config.grid_size, self.config.grid_size)
        self._q_version += 1
        self._grid_critic = learner.version

    def _published(self) -> FrameState:
        """Return the present state as arrays that nobody writes again."""
        return FrameState(
            step=self._step,
            q_grid=self._q_grid,
            q_version=self._q_version,
            states=self.swarm.states.astype(np.float32),
            modes=self.swarm.modes.copy(),
            respawned=self.swarm.respawned.copy(),
            training_state=self.trainer.state.astype(np.float32),
            training_mode=int(self.trainer.mode),
            training_respawned=self._training_respawned,
            stats=self.trainer.stats(self._value, self._phase, self.swarm.policy),
        )

    @property
    def _phase(self) -> str:
        if self.stopped is not None:
            return "stopped"
        if self.finished:
            return "finished"
        return "training" if self.trainer.learning else "warm-up"

    def _save(self, files: RunFiles | None) -> None:
        if files is None or self.stopped is not None:
            return
        try:
            files.save(self.trainer, self._state_dict())
        except DivergedError as error:
            self._stop(error, files)

    def _stop(self, error: DivergedError, files: RunFiles | None) -> None:
        """Train no more and save no more; the swarm goes on, by the nominal policy where the actor is lost."""
        self.stopped = stop_notice(error, self.trainer, files)

    def _state_dict(self) -> dict[str, Any]:
        return {
            "trainer": self.trainer.state_dict(),
            "swarm": self.swarm.state_dict(),
            "step": self._step,
            "q_grid": self._q_grid,
            "q_version": self._q_version,
            "grid_critic": self._grid_critic,
            "value": list(self._value),
        }

    def _load_state_dict(self, saved: dict[str, Any]) -> None:
        self.trainer.load_state_dict(saved["trainer"])
        if "swarm" not in saved:  # trained without pictures
            self._value = self.trainer.value()
            return
        check_fits(saved, self._example())
        self.swarm.load_state_dict(saved["swarm"])
        self.swarm.resize(self.config.n_agents)
        self._step = saved["step"]
        self._value = Value(*saved["value"])
        if saved["q_grid"].shape[0] == self.config.grid_size:
            self._q_grid = saved["q_grid"]
            self._q_version = saved["q_version"]
            self._grid_critic = saved["grid_critic"]

    def _example(self) -> dict[str, Any]:
        """Return what a saved state looks like, for any number of agents and any grid."""
        grid = np.zeros((0, 0), np.float32)
        rows = without_rows(self.swarm.state_dict())
        numbers: dict[str, Any] = {
            "step": 0,
            "q_version": 0,
            "grid_critic": 0,
            "value": [0.0] * len(Value._fields),
        }
        return {"trainer": {}, "swarm": rows, "q_grid": grid, **numbers}


def make_trainer(config: VisualizationConfig) -> Trainer:
    """Return the trainer that the options ask for, at its start."""
    parameters = CalfParameters(
        nu_bar=config.nu_bar,
        c_low=config.c_low,
        c_up=config.c_up,
        initial_relax=config.initial_relax,
        relax_decay=config.relax_decay,
    )
    return Trainer(
        find_system(config.system), parameters, np.random.SeedSequence(config.seed, spawn_key=(0,))
    )


def grid_points(extent: tuple[float, float, float, float], size: int) -> NDArray[np.float64]:
    """Return the (size², 2) nodes of a grid over (x0, x1, y0, y1), row by row, borders included."""
    x0, x1, y0, y1 = extent
    first, second = np.meshgrid(np.linspace(x0, x1, size), np.linspace(y0, y1, size))
    return np.stack([first.ravel(), second.ravel()], axis=1)
