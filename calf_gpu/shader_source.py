"""Expand ``#include`` and defines in GLSL sources: plain text, no OpenGL.

Panda3D's own loader caches by the main file's name and so misses edits of included files, and drivers lose
the file index of ``#line``. Here sources are expanded to one string, together with a map from each of its
lines to the file and line that a person edits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

DEFINES_FILE = "<defines>"
"""File name that the line map gives for the ``#define`` lines put in by :func:`expand`."""

_DIRECTIVE = re.compile(r"\s*#\s*(?P<word>include|version)\b(?P<rest>.*)")
_QUOTED = re.compile(r'\s*"(?P<name>[^"]+)"\s*(//.*|/\*.*\*/\s*)?$')
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*$")


class ShaderSourceError(ValueError):
    """A source that cannot be expanded; the text starts with ``file:line:``."""


@dataclass(frozen=True)
class ExpandedSource:
    """A GLSL source without includes.

    Attributes
    ----------
    text
        What the driver gets; ``#version`` is its first line.
    line_map
        ``line_map[i]`` is the (file, line) that the i-th line of `text` came from; i counts from 0, lines of
        files from 1, files are named relative to the shader folder.
    """

    text: str
    line_map: tuple[tuple[str, int], ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Every file the text was made from, main file first, each once."""
        return tuple(dict.fromkeys(file for file, _ in self.line_map if file != DEFINES_FILE))

    def locate(self, line: int) -> tuple[str, int]:
        """(file, line) behind a line of the text, counted from 1 as compilers do; clamped to the text."""
        return self.line_map[min(max(line, 1), len(self.line_map)) - 1]


def expand(name: str, folder: Path, defines: Mapping[str, str | int | float] | None = None) -> ExpandedSource:
    """Read a shader and put in its includes and defines.

    ``#include "include/x.glsl"`` names a file relative to `folder` and is replaced by its text, once: later
    includes of the same file vanish. Includes inside comments are left alone.

    Parameters
    ----------
    name
        Main file, relative to `folder`; its first line must be ``#version``.
    folder
        The shader folder.
    defines
        Written as ``#define NAME value`` right after ``#version``, in the order given.

    Raises
    ------
    ShaderSourceError
        Unknown file, include cycle, malformed include, missing or misplaced ``#version``, impossible define.
    """
    version, *body = _expand_file(name, folder, f"{name}:1", (), set()) or [("", (name, 1))]
    if not _is_version(version[0]):
        raise ShaderSourceError(f"{name}:1: the first line of a shader must be '#version 330'")
    head = [(text, (DEFINES_FILE, i)) for i, text in enumerate(_define_lines(defines or {}), 1)]
    lines = [version, *head, *body]
    return ExpandedSource("\n".join(text for text, _ in lines) + "\n", tuple(origin for _, origin in lines))


def _define_lines(defines: Mapping[str, str | int | float]) -> list[str]:
    for name, value in defines.items():
        if not _IDENTIFIER.match(name) or name.startswith("gl_") or "\n" in str(value):
            raise ShaderSourceError(f"{DEFINES_FILE}:1: cannot #define {name!r} as {value!r}")
    return [
        f"#define {name} {int(value) if isinstance(value, bool) else value}"
        for name, value in defines.items()
    ]


def _expand_file(
    name: str, folder: Path, asked_at: str, stack: tuple[str, ...], seen: set[str]
) -> list[tuple[str, tuple[str, int]]]:
    """Lines of one file with their origins; `stack` holds the files being expanded, `seen` those put in."""
    if name in stack:
        raise ShaderSourceError(f"{asked_at}: include cycle: {' -> '.join((*stack, name))}")
    if name in seen:
        return []
    seen.add(name)
    lines: list[tuple[str, tuple[str, int]]] = []
    in_comment = False
    for number, text in enumerate(_read(name, folder, asked_at).splitlines(), 1):
        code, in_comment = _strip_comments(text, in_comment)
        directive = _DIRECTIVE.match(code)
        if directive and directive["word"] == "include":
            quoted = _QUOTED.match(directive["rest"])
            if quoted is None:
                raise ShaderSourceError(
                    f'{name}:{number}: expected #include "include/file.glsl", got {text.strip()!r}'
                )
            lines += _expand_file(quoted["name"], folder, f"{name}:{number}", (*stack, name), seen)
        else:
            if directive and (stack or number > 1):
                raise ShaderSourceError(f"{name}:{number}: #version must be the first line of a main file")
            lines.append((text, (name, number)))
    return lines


def _read(name: str, folder: Path, asked_at: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ShaderSourceError(f"{asked_at}: {name!r} leaves the shader folder; name files relative to it")
    try:
        return (folder / path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ShaderSourceError(
            f"{asked_at}: cannot read shader file {name!r} in {folder}: {error}"
        ) from None


def _is_version(text: str) -> bool:
    directive = _DIRECTIVE.match(text)
    return directive is not None and directive["word"] == "version"


def _strip_comments(text: str, in_comment: bool) -> tuple[str, bool]:
    """`text` without comments, and whether a block comment goes on in the next line."""
    code = ""
    while text:
        if in_comment:
            _, closed, text = text.partition("*/")
            in_comment = not closed
            continue
        line_comment, block_comment = text.find("//"), text.find("/*")
        if block_comment >= 0 and not 0 <= line_comment < block_comment:
            code, text, in_comment = code + text[:block_comment] + " ", text[block_comment + 2 :], True
        else:
            return code + (text if line_comment < 0 else text[:line_comment]), False
    return code, in_comment
