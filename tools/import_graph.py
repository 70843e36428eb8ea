"""Draw which folder imports which, from the imports in the code.

A folder of ``ursina/`` is a room of its own, ``calf_gpu`` another; ``main`` is what starts the program: the modules
that lie directly in ``ursina/``, and ``python -m calf_gpu``. An arrow stands for imports anywhere in a module, inside
functions too; it is dashed if only the type checker sees them. What the :data:`DOORS` import is not drawn.

Examples
--------
::

    python tools/import_graph.py            # the graph, as Mermaid
    python tools/import_graph.py --check    # exit code 1 if CONTRIBUTING.md shows another one
    python tools/import_graph.py --write    # put it there
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?<=<!-- imports -->\n).*?(?=<!-- /imports -->)", re.S)
"""Where the graph stands in CONTRIBUTING.md."""

DOORS = ("ursina/training/visualizer.py",)
"""Modules that only hand on what another room has, when asked: old names that stay."""

Modules = dict[str, Path]
"""Files by the names they are imported as."""


@dataclass(frozen=True)
class Import:
    """One name that is imported somewhere.

    Attributes
    ----------
    importer, imported
        Full names of modules. ``imported`` may be of another project.
    line
        Where, counted from 1.
    typing
        Whether it stands under ``if TYPE_CHECKING``.
    """

    importer: str
    imported: str
    line: int
    typing: bool


def find_modules(root: Path) -> Modules:
    """Return the modules of the library and of the application, whose folder is imported as ``calf_gpu.app``."""
    found = {}
    for folder, package in (("calf_gpu", ("calf_gpu",)), ("ursina", ("calf_gpu", "app"))):
        for path in sorted((root / folder).rglob("*.py")):
            parts = (*package, *path.relative_to(root / folder).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str, modules: Modules) -> str:
    """Return the room that a module of ours lies in."""
    parts = module.split(".")
    if parts[:2] == ["calf_gpu", "app"] and len(parts) > 2:
        return "main" if len(parts) == 3 and modules[module].name != "__init__.py" else parts[2]
    return "main" if module == "calf_gpu.__main__" else "calf_gpu"


def is_door(path: Path) -> bool:
    """Return whether a module is one of the :data:`DOORS`."""
    return path.as_posix().endswith(DOORS)


def read_imports(modules: Modules) -> list[Import]:
    """Return all imports in the modules, in their order.

    ``from package import name`` imports ``package.name`` if that is one of the modules, else ``package``. A plain
    ``import calf_gpu`` is left out: the package by itself is a name and a place, and brings nothing.
    """
    return [found for module, path in modules.items() for found in _imports_in(module, path, modules)]


def edges(imports: Sequence[Import], modules: Modules) -> dict[tuple[str, str], list[Import]]:
    """Return the imports from one room into another, by the pair of rooms; without those of doors."""
    found: dict[tuple[str, str], list[Import]] = {}
    for one in imports:
        if one.imported in modules and not is_door(modules[one.importer]):
            pair = room_of(one.importer, modules), room_of(one.imported, modules)
            if pair[0] != pair[1]:
                found.setdefault(pair, []).append(one)
    return found


def draw(root: Path) -> str:
    """Return the graph as a Markdown block of Mermaid."""
    modules = find_modules(root)
    arrows = [
        f"    {importer} {'-.->' if all(one.typing for one in found) else '-->'} {imported}"
        for (importer, imported), found in sorted(edges(read_imports(modules), modules).items())
    ]
    return "\n".join(["```mermaid", "flowchart TD", *arrows, "```", ""])


def _imports_in(module: str, path: Path, modules: Modules) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node, typing in _walk(tree, typing=False):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name != "calf_gpu"]
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, module, path)
            inside = [f"{source}.{alias.name}" for alias in node.names]
            names = list(dict.fromkeys(name if name in modules else source for name in inside))
        else:
            continue
        yield from (Import(module, name, node.lineno, typing) for name in names)


def _walk(node: ast.AST, typing: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield all nodes below one, in order, with whether only the type checker sees them."""
    for name, value in ast.iter_fields(node):
        only = typing or (name == "body" and isinstance(node, ast.If) and _is_type_checking(node.test))
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child, only
                yield from _walk(child, only)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _source(node: ast.ImportFrom, module: str, path: Path) -> str:
    """Return the full name of what follows ``from``."""
    if not node.level:
        return node.module or ""
    up = node.level - (path.name == "__init__.py")
    package = module.split(".")[: -up or None]
    return ".".join([*package, *([node.module] if node.module else [])])


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Print, check or write the graph; return 0, 1 if the check fails, or 2 if there is no place for it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare with CONTRIBUTING.md")
    what.add_argument("--write", action="store_true", help="write it into CONTRIBUTING.md")
    options = parser.parse_args(arguments)
    graph = draw(root)
    if not (options.check or options.write):
        print(graph, end="")
        return 0
    document = root / "CONTRIBUTING.md"
    text = document.read_text(encoding="utf-8")
    shown = BLOCK.search(text)
    if shown is None:
        print(
            f"{document}: no lines <!-- imports --> and <!-- /imports --> to put the graph between",
            file=sys.stderr,
        )
        return 2
    if options.write:
        document.write_text(text[: shown.start()] + graph + text[shown.end() :], encoding="utf-8")
    elif shown.group() != graph:
        print(
            f"{document}: the imports have changed: run python tools/import_graph.py --write", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
