"""The process that trains: a publication at its own pace, for a viewer at the other end of its standard streams."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.codec import CodecError
from calf_gpu.app.stream.commands import Pause, Stop
from calf_gpu.app.stream.frame import Status
from calf_gpu.app.stream.pipe import Outlet, read_message
from calf_gpu.app.training.description import describe
from calf_gpu.app.training.quick_start import import_compiler_aside, put_off_compiler
from calf_gpu.app.utils.streams import ENDING

MAX_BACKLOG_S = 0.25
"""Swarm steps owed for longer than this are dropped: after a stall the swarm goes on, it does not race."""

MAX_LEAD_S = 0.02
"""Computing time by which the swarm may be ahead of training: a large swarm gets half of the time, not all."""

PATIENCE_S = 0.1
"""Longest wait for a command while there is nothing to do."""

NICENESS = 5
"""Added to the process's niceness: where cores are scarce, frames come before gradient steps."""


def request(config: VisualizationConfig, run_dir: Path | None) -> dict[str, Any]:
    """Return what :func:`main` wants to read first, as JSON types."""
    return {"options": config.as_dict(), "run_dir": str(run_dir) if run_dir else None}


def main() -> None:
    """Train until told to stop or until the viewer is gone; then save and end, with exit code 1 if that failed."""
    ending = _end_on_signals()
    commands, messages = _take_streams()
    try:
        asked = json.loads(read_message(commands) or b"null")
        config = VisualizationConfig.of(**asked["options"])
        run_dir = Path(asked["run_dir"]) if asked["run_dir"] else None
    except (CodecError, TypeError, ValueError, KeyError):
        raise SystemExit("error: this program is started by calf-gpu, not by hand") from None
    outlet = Outlet(commands, messages)
    try:
        Worker(config, run_dir, outlet, ending).run()
    except EOFError:
        pass  # the viewer is gone; what was learned is saved
    except (ValueError, OSError, RuntimeError) as error:
        outlet.publish(Status("failed", " ".join(str(error).split())))
        outlet.close()
        raise SystemExit(1) from None
    outlet.close()


class Worker:
    """The publication with its clock.

    Parameters
    ----------
    config, run_dir
        As for :class:`~calf_gpu.app.training.publication.Publication`.
    outlet
        The viewer.
    ending
        Whether a signal asked to end.
    """

    def __init__(
        self, config: VisualizationConfig, run_dir: Path | None, outlet: Outlet, ending: Callable[[], bool]
    ) -> None:
        outlet.publish(describe(config, run_dir))  # the viewer makes the picture meanwhile
        from calf_gpu.app.training.publication import Publication  # imports torch, which takes seconds

        put_off_compiler()
        self._outlet = outlet
        self._ending = ending
        self._publication = Publication(config, run_dir)
        self._interval = 1.0 / config.run.sim_rate if config.run.sim_rate > 0 else None
        self._paused = False
        self._stopped = False
        self._status: Status | None = None
        self._next_swarm = time.monotonic()
        self._lead = 0.0  # seconds that the swarm has computed longer than training

    def run(self) -> None:
        """Step until told to stop; saves a checkpoint on the way out, whatever the reason.

        Raises
        ------
        EOFError
            If the viewer is gone.
        """
        try:
            self._publish(self._publication.advance)
            if sys.platform != "win32":
                os.nice(NICENESS)  # a start that yielded to frames would take long to show the first
            import_compiler_aside()
            while not self._stopped and not self._ending():
                self._obey()
                if not self._paused and not self._stopped:
                    self._train()
                    self._swarm_steps_due()
                    self._publication.run.keep_episodes()
        finally:
            self._publication.close()

    def _publish(self, make: Callable[[], Any]) -> None:
        frame = make()
        if frame is not None:
            self._outlet.publish(frame)
        if self._publication.status != self._status:
            self._status = self._publication.status
            self._outlet.publish(self._status)

    def _obey(self) -> None:
        commands = self._outlet.commands(self._patience())
        for command in commands:
            if isinstance(command, Stop):
                self._stopped = True
            if isinstance(command, Pause):
                self._paused = command.on
                self._next_swarm = time.monotonic()
            self._publication.obey(command)
        if commands and self._paused:
            self._publish(self._publication.changed)

    def _patience(self) -> float:
        """Seconds to wait for a command: none while there is something to train."""
        if self._paused:
            return PATIENCE_S
        if not self._publication.run.finished:
            return 0.0
        if self._interval is None:
            return 0.0 if self._outlet.ready else PATIENCE_S
        return min(max(self._next_swarm - time.monotonic(), 0.0), PATIENCE_S)

    def _train(self) -> None:
        start = time.monotonic()
        self._publication.train_step()
        lead = self._lead - (time.monotonic() - start)
        self._lead = 0.0 if self._publication.run.finished else max(lead, 0.0)

    def _swarm_steps_due(self) -> None:
        if self._interval is None:  # the picture sets the pace: one step a frame
            if self._outlet.ready:
                self._swarm_step()
            return
        now = time.monotonic()
        self._next_swarm = max(self._next_swarm, now - MAX_BACKLOG_S)
        while self._next_swarm <= now and self._lead < MAX_LEAD_S:
            start = time.monotonic()
            self._swarm_step()
            self._next_swarm += self._interval
            self._lead += time.monotonic() - start

    def _swarm_step(self) -> None:
        self._publication.swarm_step()
        self._publish(self._publication.changed)


def _end_on_signals() -> Callable[[], bool]:
    """Have signals ask to end after the present step, but for Ctrl-C, which is meant for the viewer.

    Returns
    -------
    Whether one did.
    """
    asked: list[int] = []
    for number in ENDING:
        interrupt = number == signal.SIGINT
        signal.signal(number, signal.SIG_IGN if interrupt else lambda number, frame: asked.append(number))
    return lambda: bool(asked)


def _take_streams() -> tuple[Any, Any]:
    """Return standard input and output for commands and messages; whatever else prints goes to standard error."""
    commands, messages = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return commands, messages


if __name__ == "__main__":
    main()
