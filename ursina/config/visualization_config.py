"""All options of the program: one frozen dataclass, documented field by field and checked on construction."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

PRESETS: dict[str, dict[str, int]] = {
    "low": {"n_agents": 3, "trail_length": 300, "grid_size": 15},
    "medium": {"n_agents": 5, "trail_length": 600, "grid_size": 21},
    "high": {"n_agents": 10, "trail_length": 1000, "grid_size": 31},
}
"""Field values of every preset; explicit values win over them."""

RANGES: dict[str, tuple[float, float]] = {
    "n_agents": (1, 100_000),
    "grid_size": (2, 1024),
    "trail_length": (2, 10_000),
    "seed": (0, 2**32 - 1),
    "episodes": (1, 1_000_000),
    "checkpoint_interval": (1, 1_000_000),
    "sim_rate": (0.0, 100_000.0),
    "size": (64, 8192),
    "frames": (1, 100_000_000),
    "capture_every": (1, 1_000_000),
    "trail_width": (0.5, 32.0),
    "trail_decimation": (0, 100),
    "height_scale": (0.01, 20.0),
    "agent_size": (0.0, 1.0),
    "q_grid_interval": (1, 10_000),
    "q_stats_interval": (1, 10_000),
    "text_interval": (1, 10_000),
    "profiler_interval": (1, 10_000),
    "initial_relax": (0.0, 1.0),
    "nu_bar": (0.0, 1e6),
    "c_low": (0.0, 1e9),
    "c_up": (0.0, 1e9),
    "relax_decay": (0.0, 1.0),
}
"""Inclusive bounds of every numeric field; ``size`` is bounded side by side."""

MAX_TRAIL_RECORDS = 2**27
"""Bound on (n_agents + 1)·(trail_length + 1): 2 GiB of 16-byte trail records."""


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


@dataclass(frozen=True)
class VisualizationConfig:
    """Every option of the program.

    Construction checks types and ranges and raises :class:`OptionError` (a ``ValueError`` of one line). Use
    :meth:`from_preset` to start from a preset; the defaults below are those of ``medium``.
    """

    system: Literal["point_mass", "differential_drive", "pendulum", "turtlebot"] = "point_mass"
    """System that is trained and shown."""

    preset: Literal["low", "medium", "high"] = "medium"
    """Agents, trail length and grid size together: 3/300/15, 5/600/21 or 10/1000/31."""

    n_agents: int = 5
    """Agents of the swarm, the training agent not counted."""

    grid_size: int = 21
    """Nodes along each side of the Q-grid."""

    trail_length: int = 600
    """Points kept of every agent's trail."""

    heights: Literal["loop", "numpy", "gpu"] = "numpy"
    """Where heights are computed: a Python loop over agents, NumPy, or the vertex shaders."""

    trails: Literal["per_agent", "ring"] = "ring"
    """One mesh per agent, or all trails in one ring buffer on the GPU."""

    stats: Literal["every_frame", "cached"] = "cached"
    """HUD numbers computed and rebuilt every frame, or only when due."""

    swarm_policy: Literal["calf", "td3", "nominal"] = "calf"
    """Who controls the swarm: CALF, the bare TD3 actor, or the nominal stabilizer."""

    q_action: Literal["actor", "zero"] = "actor"
    """Action at which the Q-grid is evaluated."""

    seed: int = 0
    """Seed of everything random."""

    episodes: int = 500
    """Training episodes; the program goes on showing the result after the last."""

    training: Literal["auto", "process", "inline"] = "auto"
    """Train in a process of its own at full speed, or one step inside each frame so that equal seeds give equal
    frames; auto is process in a window and inline offscreen."""

    sim_rate: float = 100.0
    """Swarm steps per second when training has its own process (100 is real time); 0 makes one step a frame."""

    offscreen: bool = False
    """Render without a window and write preview.png and preview.mp4 into the run directory."""

    size: tuple[int, int] = (1280, 720)
    """Picture size in pixels."""

    frames: int | None = None
    """Exit after this many frames; offscreen runs stop after 600 unless told otherwise."""

    profile: Path | None = None
    """JSON file to write the run's timings and counters to."""

    capture: Path | None = None
    """Folder for captured frames, frame_000123.png."""

    capture_every: int = 1
    """Frames from one captured picture to the next."""

    hot_reload: bool = False
    """Reload shaders when their files change."""

    run_dir: Path | None = None
    """Folder for checkpoints, logs and previews; runs/<date-time>-<system> unless given."""

    resume: bool = False
    """Continue from the newest complete checkpoint of the run directory."""

    checkpoint_interval: int = 50
    """Episodes between checkpoints; what a crash can cost."""

    no_render: bool = False
    """Train without pictures."""

    gl_profile: Literal["default", "core"] = "default"
    """OpenGL context: the driver's default profile, or 3.3 core (always core on macOS)."""

    trail_upload: Literal["auto", "partial", "fbo", "whole"] = "auto"
    """How new trail records reach the GPU; auto takes the best the context can do."""

    trail_style: Literal["ribbon", "line"] = "ribbon"
    """Trails as ribbons of trail_width pixels, or as the cheaper one-pixel lines."""

    trail_width: float = 2.5
    """Width of ribbon trails in pixels."""

    trail_decimation: int = 0
    """Draw every this-many-th trail point (and always the newest); 0 thins out many agents' trails by itself."""

    colormap: str = "viridis"
    """Matplotlib colormap of the landscape."""

    height_scale: float = 2.0
    """Height of the landscape's highest point in plane units."""

    agent_size: float = 0.0
    """Radius of an agent in plane units; 0 makes it smaller the more agents there are."""

    show_landscape: bool = True
    """Show the landscape at start (key H)."""

    show_grid: bool = True
    """Show grid lines at start (key G)."""

    show_overlay: bool = False
    """Show the certificate overlay at start (key C)."""

    q_grid_interval: int = 5
    """Frames between evaluations of the Q-grid while the critic changes."""

    q_stats_interval: int = 10
    """Frames between evaluations of the HUD's Q-values, and between drawings of the chart of Q†, with cached stats."""

    text_interval: int = 5
    """Frames between updates of the HUD's text with cached stats."""

    profiler_interval: int = 30
    """Frames between updates of the on-screen profiler table."""

    initial_relax: float = 0.5
    """P_relax at the start of an episode."""

    nu_bar: float = 0.001
    """Least increase of Q that certifies an action (ν̄), as a fraction of the cost to go at the start."""

    c_low: float | None = None
    """Coefficient of the lower bound κ_low(r) = c_low·r²; the system's unless given."""

    c_up: float | None = None
    """Coefficient of the upper bound κ_up(r) = c_up·r²; the system's unless given."""

    relax_decay: float = 0.95
    """Factor of P_relax per decision (λ)."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _checked(field.name, hints[field.name], getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        _check_together(self)

    @classmethod
    def from_preset(cls, preset: str = "medium", **values: Any) -> Self:
        """Return the preset's configuration with ``values`` laid over it.

        Raises
        ------
        OptionError
            If the preset or a field is unknown or a value is not accepted.
        """
        if not isinstance(preset, str) or preset not in PRESETS:
            raise OptionError("preset", f"accepts {_listed(PRESETS)}, got {shown(preset)}")
        known = {field.name for field in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise OptionError(name, "is not an option")
        return cls(**{**PRESETS[preset], **values, "preset": preset})

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON can hold them: paths as strings, tuples as lists."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}


def accepts(option: str) -> str:
    """Say in a few words what an option accepts, for example ``an integer from 1 to 100000``."""
    hint = get_type_hints(VisualizationConfig)[option]
    if get_origin(hint) is Literal:
        return _listed(get_args(hint))
    base = _base(hint)
    if option == "size":
        low, high = RANGES[option]
        return f"WIDTHxHEIGHT, each from {low} to {high}"
    if base in (int, float):
        low, high = RANGES[option]
        return f"{'an integer' if base is int else 'a number'} from {low:.12g} to {high:.12g}"
    if option == "profile":
        return "the path of a file"
    return {bool: "true or false", Path: "a path", str: "the name of a Matplotlib colormap"}[base]


def _checked(name: str, hint: Any, value: Any) -> Any:
    """Return the value in the field's own type, or raise :class:`OptionError`."""
    if value is None and isinstance(hint, UnionType):
        return None
    converted = _converted(name, hint, value)
    if converted is None:
        raise OptionError(name, f"accepts {accepts(name)}, got {shown(value)}")
    return converted


def _converted(name: str, hint: Any, value: Any) -> Any:
    """Return the value in the field's own type, or None where the field does not accept it."""
    base = _base(hint)
    if get_origin(hint) is Literal:
        return value if isinstance(value, str) and value in get_args(hint) else None
    if name == "size":
        return _size(value)
    if base is bool:
        return value if isinstance(value, bool) else None
    if base in (int, float):
        return _number(name, base, value)
    if base is Path:
        return Path(value) if isinstance(value, str | Path) and _is_path(name, str(value)) else None
    return value if isinstance(value, str) and _is_colormap(value) else None


def _number(name: str, kind: type, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        return None
    low, high = RANGES[name]
    if not low <= value <= high:  # false for NaN too
        return None
    return kind(value)


def _size(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    sides = [_number("size", int, side) for side in value]
    return None if None in sides else (int(value[0]), int(value[1]))


def _is_path(name: str, text: str) -> bool:
    """Whether a text can be a path; the profile is a file, so it needs a name before its ending."""
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of the command line that are no UTF-8
        return False
    file = name != "profile" or (Path(text).name not in ("", "..") and not text.endswith(("/", "\\")))
    return bool(text.strip()) and "\0" not in text and file


def _is_colormap(name: str) -> bool:
    if name == VisualizationConfig.colormap:
        return True  # importing Matplotlib takes a while
    from matplotlib import colormaps

    return name in colormaps


def _check_together(config: VisualizationConfig) -> None:
    """Refuse combinations that no run could satisfy."""
    records = (config.n_agents + 1) * (config.trail_length + 1)
    if records > MAX_TRAIL_RECORDS:
        longest = MAX_TRAIL_RECORDS // (config.n_agents + 1) - 1
        raise OptionError(
            "trail_length",
            f"accepts at most {longest} with {config.n_agents} agents, got {config.trail_length}",
        )
    if config.c_low is not None and config.c_up is not None and config.c_low > config.c_up:
        raise OptionError("c_low", f"accepts at most c_up = {config.c_up:g}, got {config.c_low:g}")
    if config.no_render and config.capture is not None:
        raise OptionError("capture", "needs pictures, so it cannot be used with no_render")


def _base(hint: Any) -> Any:
    """Return X of a hint ``X | None``, other hints unchanged."""
    return (
        next(arg for arg in get_args(hint) if arg is not type(None)) if isinstance(hint, UnionType) else hint
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _listed(names: Any) -> str:
    *head, last = names
    return f"{', '.join(head)} or {last}" if head else str(last)


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
