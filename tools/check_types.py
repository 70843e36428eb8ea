"""Check the types of library, application and tools with mypy, under the names they are imported as.

The application is the folder ``ursina/`` but is imported as ``calf_gpu.app``, which mypy cannot know: it gets a
temporary tree of links where the folders lie as the names say. Messages name the files of the checkout. The exit code
is mypy's.

Examples
--------
::

    python tools/check_types.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IN_APPLICATION = re.compile(r"^calf_gpu/app/(?!__init__\.py)", re.M)
"""Start of a message about a file that lies in ``ursina/``."""


def lay_out(root: Path, tree: Path) -> None:
    """Link the folders of a checkout into an empty one so that paths are those of the modules."""
    (tree / "calf_gpu" / "app").mkdir(parents=True)
    _link(root / "tools", tree / "tools")
    for path in (root / "calf_gpu").iterdir():
        if path.name != "app":
            _link(path, tree / "calf_gpu" / path.name)
    for path in (root / "calf_gpu" / "app" / "__init__.py", *(root / "ursina").iterdir()):
        _link(path, tree / "calf_gpu" / "app" / path.name)


def check(root: Path) -> tuple[str, int]:
    """Return mypy's messages about a checkout, and its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(root, Path(folder))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mypy", "calf_gpu", "tools"),
                *("--config-file", str(root / "pyproject.toml"), "--cache-dir", str(root / ".mypy_cache")),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return IN_APPLICATION.sub("ursina/", done.stdout.replace("\\", "/")), done.returncode


def _link(path: Path, link: Path) -> None:
    """Link to a file or folder, or copy it where links need a privilege."""
    try:
        link.symlink_to(path, target_is_directory=path.is_dir())
    except OSError:
        if path.is_dir():
            shutil.copytree(path, link)
        else:
            shutil.copy2(path, link)


if __name__ == "__main__":
    messages, code = check(ROOT)
    print(messages, end="")
    sys.exit(code)
