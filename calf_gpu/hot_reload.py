"""Replace the shaders of a running program when their files change, and keep the last good ones when an edit fails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from panda3d.core import GraphicsOutput, LMatrix3f, LMatrix4f, NodePath, SamplerState, Texture

from calf_gpu.programs import (
    Defines,
    ProgramSource,
    ProgramSwitch,
    compile_errors,
    program_source,
    shaders_dir,
)
from calf_gpu.shader_source import ShaderSourceError

_UNIFORM = re.compile(
    r"^\s*uniform\s+(?:(?:lowp|mediump|highp)\s+)?(?P<type>\w+)\s+(?P<name>\w+)\s*(?P<array>\[[^\]]*\])?\s*;",
    re.MULTILINE,
)


class ShaderReloader:
    """Compiles edited programs aside and swaps them in when they are good.

    Call :meth:`reload` when files changed and :meth:`step` once a frame. Nothing but shaders is touched: buffers,
    cameras and trails stay as they are. Variants that are not shown at the moment (a hidden overlay, say) are
    compiled one a frame, so that an edit shows at once and a key press never meets an unchecked program.

    Parameters
    ----------
    window
        Compiles in the context of this window or buffer.
    programs
        The programs of the running scene.
    folder
        The shader folder that is edited; default the one the programs were loaded from.

    Attributes
    ----------
    errors
        What is wrong with the files at present, ``file:line: text`` with the lines a person edits; empty when all
        that is drawn is what the files say.
    """

    def __init__(
        self, window: GraphicsOutput, programs: Iterable[ProgramSwitch], folder: Path | None = None
    ) -> None:
        self._window = window
        self._programs = tuple(programs)
        self._folder = folder or shaders_dir()
        self._checked: dict[tuple[str, str], str] = {}
        self._errors: dict[tuple[str, str], list[str]] = {}
        self._hidden: list[tuple[ProgramSwitch, Defines]] = []
        for program, defines in self._variants():
            program.load(defines)

    @property
    def errors(self) -> list[str]:
        """Messages of all failing variants, each once, in the order of the files."""
        return sorted({message for messages in self._errors.values() for message in messages})

    def reload(self) -> None:
        """Read every file again; programs in use are swapped before this returns if they compile.

        Draws one frame (of the scene as it was) if anything has to be compiled.
        """
        self._hidden = [variant for variant in self._variants() if variant[1] != variant[0].current]
        self._check([(program, program.current) for program in self._programs])

    def step(self) -> None:
        """Check one variant that is not shown; does nothing when all are checked."""
        while self._hidden and not self._check([self._hidden.pop()]):
            pass

    def _variants(self) -> Iterator[tuple[ProgramSwitch, Defines]]:
        for program in self._programs:
            for defines in program.reachable():
                yield program, defines

    def _check(self, variants: list[tuple[ProgramSwitch, Defines]]) -> bool:
        """Compile what changed of these variants and install what is good; whether anything was compiled."""
        changed: list[tuple[ProgramSwitch, Defines, ProgramSource]] = []
        for program, defines in variants:
            key = (program.name, _label(defines))
            try:
                source = program_source(program.name, defines, self._folder)
            except ShaderSourceError as error:
                self._errors[key] = [str(error)]
                self._checked.pop(key, None)
                continue
            text = source.vertex.text + source.fragment.text
            if text == self._checked.get(key):
                continue
            self._checked[key] = text
            if text == program.text(defines):
                self._errors.pop(key, None)
                continue
            changed.append((program, defines, source))
        if not changed:
            return False
        failed = compile_errors(self._window, [source for _, _, source in changed])
        for program, defines, source in changed:
            key = (program.name, _label(defines))
            known = program.text(defines) or ""
            messages = failed.get(source.label) or give_defaults(program.node, source, known)
            if messages:
                self._errors[key] = messages
            else:
                self._errors.pop(key, None)
                program.install(defines, source)
        return True


def give_defaults(node: NodePath, source: ProgramSource, known: str = "") -> list[str]:
    """Give uniforms that nobody sets yet a zero (matrices: identity, samplers: black).

    Panda3D stops drawing with an exception when a uniform has no value; a uniform just typed into a file has none.
    The values are set at the root of the node's scene, where every value of the program's own wins over them.

    Parameters
    ----------
    node
        Where the program draws.
    source
        The new source.
    known
        Text of the source that draws at present: what it declares is left alone.

    Returns
    -------
    Messages for uniforms of types that have no default.
    """
    messages = []
    settled = {found["name"] for found in _UNIFORM.finditer(known)}
    for expanded in (source.vertex, source.fragment):
        for found in _UNIFORM.finditer(expanded.text):
            name, kind = found["name"], found["type"] + (found["array"] or "")
            if name in settled or name.startswith("p3d_") or _has_input(node, name):
                continue
            value = default_value(kind)
            if value is None:
                file, line = expanded.locate(expanded.text.count("\n", 0, found.start("name")) + 1)
                messages.append(
                    f"{file}:{line}: uniform {kind} {name} has no value; set it from Python first"
                )
            else:
                node.get_top().set_shader_input(name, value)
    return messages


def default_value(kind: str) -> object | None:
    """A zero of a GLSL type, as Panda3D takes it for a shader input; None for types without one."""
    if kind in ("float", "int", "uint", "bool"):
        return 0.0 if kind == "float" else 0
    if re.fullmatch(r"[iub]?vec[234]", kind):
        return (0.0 if kind[0] == "v" else 0,) * int(kind[-1])
    if kind in ("mat3", "mat4"):
        return LMatrix3f.ident_mat() if kind == "mat3" else LMatrix4f.ident_mat()
    if kind == "sampler2D":
        return _black_texture()
    return None


def _black_texture() -> Texture:
    texture = Texture("default")
    texture.setup_2d_texture(1, 1, Texture.T_unsigned_byte, Texture.F_rgba8)
    texture.set_ram_image(b"\0\0\0\xff")
    texture.set_minfilter(SamplerState.FT_nearest)
    return texture


def _has_input(node: NodePath, name: str) -> bool:
    return any(path.get_shader_input(name).get_name() for path in node.get_ancestors())


def _label(defines: Defines) -> str:
    return "+".join(defines)
