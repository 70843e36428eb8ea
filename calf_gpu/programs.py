"""The GLSL programs: which files make them, which defines they know, and what the driver says about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from panda3d.core import (
    DisplayRegionDrawCallbackData,
    GraphicsOutput,
    MultiplexStream,
    NodePath,
    Notify,
    PythonCallbackObject,
    Shader,
    StringStream,
)

from calf_gpu.shader_source import ExpandedSource, expand

Defines = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Program:
    """A vertex and a fragment shader and the switches (``#ifdef``) they know.

    `switches` are independent of each other, of `choices` exactly one is defined (if there are any).
    """

    vertex: str
    fragment: str
    switches: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def variants(self) -> Iterable[dict[str, int]]:
        """Every combination of defines the program can be built with."""
        for count in range(len(self.switches) + 1):
            for switches in combinations(self.switches, count):
                for choice in self.choices or (None,):
                    yield dict.fromkeys((*switches, choice) if choice else switches, 1)


PROGRAMS: dict[str, Program] = {
    "landscape": Program(
        "landscape.vert",
        "landscape.frag",
        switches=("GRID_LINES", "CONTOURS", "OVERLAY", "CPU_HEIGHTS", "DISTANCES"),
    ),
    "agents": Program(
        "agents.vert", "agents.frag", switches=("CPU_HEIGHTS", "OWN_VALUES"), choices=("SPHERE", "CONE")
    ),
    "trails": Program("trails.vert", "trails.frag", choices=("RIBBON", "LINE")),
}
"""Every program of the library by name."""


@dataclass(frozen=True)
class ProgramSource:
    """The expanded sources of one variant of a program."""

    label: str
    vertex: ExpandedSource
    fragment: ExpandedSource

    def make(self) -> Shader:
        """A Panda3D shader of the sources; nothing is compiled before it is first used or prepared."""
        shader = Shader.make(Shader.SL_GLSL, self.vertex.text, self.fragment.text)
        if shader is None:
            raise ValueError(f"{self.label}: Panda3D does not accept the source of this shader")
        shader.set_filename(Shader.ST_vertex, f"{self.label}.vert")
        shader.set_filename(Shader.ST_fragment, f"{self.label}.frag")
        return shader


def shaders_dir() -> Path:
    """The folder with the GLSL files: inside the installed package, else beside it in a checkout."""
    installed = Path(__file__).parent / "shaders"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "shaders"


def program_source(name: str, defines: Defines | None = None, folder: Path | None = None) -> ProgramSource:
    """Read and expand the sources of a program.

    Parameters
    ----------
    name
        A key of :data:`PROGRAMS`.
    defines
        Names and values to ``#define``.
    folder
        Shader folder; default :func:`shaders_dir`.

    Raises
    ------
    ValueError
        Unknown program, or a source that cannot be expanded (its subclass ``ShaderSourceError``).
    """
    if name not in PROGRAMS:
        raise ValueError(f"unknown shader program {name!r}; known are {', '.join(PROGRAMS)}")
    folder = folder or shaders_dir()
    defines = defines or {}
    label = name + "".join(f"+{key}" for key in defines)
    program = PROGRAMS[name]
    return ProgramSource(
        label, expand(program.vertex, folder, defines), expand(program.fragment, folder, defines)
    )


def load_program(name: str, defines: Defines | None = None) -> Shader:
    """The Panda3D shader of a program of :data:`PROGRAMS` with these defines."""
    return program_source(name, defines).make()


class ProgramSwitch:
    """The variants of one program that a node switches between; each is loaded when first used.

    Parameters
    ----------
    node
        Gets the shader, from the start that with none of the switches on.
    name
        A key of :data:`PROGRAMS`.
    switches
        Defines that are turned on and off while running, by :meth:`use`.
    always
        Defines that are always on.
    """

    def __init__(
        self, node: NodePath, name: str, switches: tuple[str, ...] = (), always: tuple[str, ...] = ()
    ) -> None:
        self.node = node
        self.name = name
        self.current: Defines = {}
        self._switches = switches
        self._always = always
        self._loaded: dict[frozenset[str], tuple[str, Shader]] = {}
        self.use(())

    def use(self, on: Iterable[str]) -> None:
        """Draw the node with these of the switches on."""
        self.current = self._defines(on)
        self.load(self.current)
        self.node.set_shader(self._loaded[frozenset(self.current)][1])

    def reachable(self) -> list[Defines]:
        """The defines of every variant that :meth:`use` can switch to."""
        counts = range(len(self._switches) + 1)
        return [self._defines(on) for count in counts for on in combinations(self._switches, count)]

    def load(self, defines: Defines) -> None:
        """Read a variant from its files unless it is loaded."""
        if frozenset(defines) not in self._loaded:
            self.install(defines, program_source(self.name, defines))

    def install(self, defines: Defines, source: ProgramSource) -> None:
        """Draw this variant with that source from now on."""
        self._loaded[frozenset(defines)] = source.vertex.text + source.fragment.text, source.make()
        if frozenset(defines) == frozenset(self.current):
            self.node.set_shader(self._loaded[frozenset(defines)][1])

    def text(self, defines: Defines) -> str | None:
        """Vertex and fragment source, one after the other, that a variant was loaded from."""
        loaded = self._loaded.get(frozenset(defines))
        return loaded[0] if loaded else None

    def _defines(self, on: Iterable[str]) -> dict[str, str | int | float]:
        return dict.fromkeys((*sorted(on), *self._always), 1)


def compile_errors(window: GraphicsOutput, sources: Iterable[ProgramSource]) -> dict[str, list[str]]:
    """Compile programs in the window's context without showing them; draws one frame.

    The compiled programs stay in the driver's cache, so a good one can replace another without a hitch.

    Parameters
    ----------
    window
        A window or buffer whose context compiles.
    sources
        What to compile.

    Returns
    -------
    label → the driver's messages, each ``file:line: text`` with the file and line that a person edits; only
    programs that failed are in it.
    """
    compiled: dict[str, list[str]] = {}
    pending = [(source, source.make()) for source in sources]
    region = window.make_display_region(0, 1, 0, 1)

    def compile_pending(data: DisplayRegionDrawCallbackData) -> None:
        gsg = window.get_gsg()
        log = StringStream()
        console = Notify.ptr().get_ostream_ptr()
        tee = MultiplexStream()
        tee.add_ostream(log)
        for source, shader in pending:
            Notify.ptr().set_ostream_ptr(tee, False)
            shader.prepare_now(gsg.get_prepared_objects(), gsg)
            Notify.ptr().set_ostream_ptr(console, False)
            if shader.get_error_flag():
                compiled[source.label] = readable_log(source, log.get_data().decode(errors="replace"))
            log.clear_data()
        pending.clear()

    region.set_draw_callback(PythonCallbackObject(compile_pending))
    try:
        window.get_engine().render_frame()
    finally:
        region.clear_draw_callback()
        window.remove_display_region(region)
    return compiled


_LOCATION = re.compile(r"\.(?P<stage>vert|frag)[:(](?P<line>\d+)\)?(?:[:(]\d+\)?)?[:\s]*(?P<text>.*)")


def readable_log(source: ProgramSource, log: str) -> list[str]:
    """The driver's log with each location replaced by the file and line behind it; noise lines dropped."""
    messages = []
    for line in log.splitlines():
        found = _LOCATION.search(line)
        if found:
            expanded = source.vertex if found["stage"] == "vert" else source.fragment
            file, number = expanded.locate(int(found["line"]))
            messages.append(f"{file}:{number}: {found['text']}")
        elif "error" in line.lower() and "An error occurred while" not in line:
            messages.append(f"{source.label}: {line.strip()}")
    return list(dict.fromkeys(messages)) or [f"{source.label}: the driver gave no reason"]
