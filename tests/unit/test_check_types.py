"""Types are checked under the names modules are imported as, and messages name the files people edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_types

FILES = {
    "pyproject.toml": "[tool.mypy]\nexplicit_package_bases = true\ndisallow_untyped_defs = true\n",
    "calf_gpu/__init__.py": "",
    "calf_gpu/app/__init__.py": "here: int = 'app'\n",
    "ursina/main.py": "from calf_gpu.app.config.options import size\n\nname: str = size()\n",
    "ursina/config/options.py": "def size() -> int:\n    return 3\n",
    "tools/report.py": "import calf_gpu.app.config.options\n\ncalf_gpu.app.config.options.size('x')\n",
}


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
def test_errors_are_found_across_folders_and_named_where_they_are(tmp_path, monkeypatch, links):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    if not links:
        monkeypatch.setattr(Path, "symlink_to", refuse)
    messages, code = check_types.check(tmp_path)
    assert code == 1
    errors = sorted(line.partition(": error")[0] for line in messages.splitlines() if ": error" in line)
    assert errors == ["calf_gpu/app/__init__.py:1", "tools/report.py:3", "ursina/main.py:3"], messages


def refuse(self, target, target_is_directory=False):
    raise OSError("a privilege is needed")
