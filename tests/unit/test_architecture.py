"""Which room may import what: no cycles; what publishes a run draws nothing, what shows one learns nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from tools import import_graph
from tools.import_graph import edges, find_modules, is_door, read_imports, room_of

ROOT = Path(__file__).resolve().parents[2]
MODULES = find_modules(ROOT)
IMPORTS = [one for one in read_imports(MODULES) if not is_door(MODULES[one.importer])]
EDGES = edges(IMPORTS, MODULES)

PUBLISHING = ("config", "models", "stream", "systems", "training", "utils")
VIEWING = ("config", "stream", "utils", "visuals")
DRAWING_PACKAGES = ("direct", "panda3d", "ursina")
LEARNING_PACKAGES = ("gymnasium", "stable_baselines3", "torch")

ROOMS = sorted({room_of(module, MODULES) for module in MODULES})
ROOMS_KEPT_APART = [
    *(("stream", other) for other in ROOMS if other not in ("stream", "utils")),
    *((room, other) for room in VIEWING for other in ("models", "systems", "training")),
    ("training", "visuals"),
]
PACKAGES_KEPT_OUT = [
    *((room, package) for room in PUBLISHING for package in DRAWING_PACKAGES),
    *((room, package) for room in VIEWING for package in LEARNING_PACKAGES),
]


def places(imports) -> list[str]:
    return [f"{MODULES[i.importer].relative_to(ROOT)}:{i.line} imports {i.imported}" for i in imports]


def modules_of(rooms: tuple[str, ...]) -> list[str]:
    return [name for name, path in MODULES.items() if room_of(name, MODULES) in rooms and not is_door(path)]


def test_there_are_imports_to_judge():
    assert ("main", "visuals") in EDGES and ("visuals", "calf_gpu") in EDGES


def test_arrows_between_rooms_go_one_way():
    imported = {room: [other for importer, other in EDGES if importer == room] for room in ROOMS}
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        pytest.fail("\n".join(place for pair in pairwise(circle) for place in places(EDGES[pair])))


@pytest.mark.parametrize(("room", "other"), sorted(set(ROOMS_KEPT_APART)))
def test_room_does_not_import_the_other(room, other):
    assert places(EDGES.get((room, other), [])) == []


@pytest.mark.parametrize(("room", "package"), PACKAGES_KEPT_OUT)
def test_room_does_not_import_the_package(room, package):
    inside = [one for one in IMPORTS if room_of(one.importer, MODULES) == room]
    assert places([one for one in inside if one.imported.partition(".")[0] == package]) == []


def test_the_renderer_library_needs_nothing_but_panda3d_and_numpy():
    found = [
        one
        for one in IMPORTS
        if room_of(one.importer, MODULES) == "calf_gpu"
        and (top := one.imported.partition(".")[0]) not in sys.stdlib_module_names
        and top not in {"calf_gpu", "numpy", "panda3d", "direct"}
    ]
    assert places(found) == []


# -- the same while running, through all that is imported on the way --------------------------------------

KEEP_OUT = """
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in kept_out:
            raise ModuleNotFoundError(f"{name} is not to be imported here", name=name)

kept_out = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Missing())
failed = []
for module in sys.argv[2].split(","):
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        failed.append(f"{module}: {error}")
print(*failed, sep="\\n", end="")
"""


def run_python(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("rooms", "packages"),
    [(VIEWING, LEARNING_PACKAGES), (PUBLISHING, DRAWING_PACKAGES)],
    ids=["viewing without learning", "publishing without drawing"],
)
def test_modules_can_be_imported_where_the_other_sides_packages_are_missing(rooms, packages):
    assert run_python(KEEP_OUT, ",".join(packages), ",".join(modules_of(rooms))) == ""


def test_import_of_the_package_brings_nothing_but_itself():
    brought = "import sys; before = set(sys.modules); import calf_gpu; print(*set(sys.modules) - before)"
    modules = run_python(brought).split()
    assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names == {"calf_gpu"}
    assert [name for name in modules if name.startswith("calf_gpu")] == ["calf_gpu"]
    assert len(modules) < 40


# -- the graph itself --------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A small project with imports of every kind, and a page to show them on."""
    files = {
        "calf_gpu/__init__.py": "",
        "calf_gpu/__main__.py": "from calf_gpu.app.main import run",
        "calf_gpu/app/__init__.py": "",
        "calf_gpu/heights.py": "import numpy",
        "ursina/main.py": "def run():\n    from calf_gpu.app.blue import paint\n",
        "ursina/blue/__init__.py": "",
        "ursina/blue/paint.py": "import calf_gpu\nfrom ..green import leaf\nfrom . import brush\nimport ursina\n",
        "ursina/blue/brush.py": "import typing\nif typing.TYPE_CHECKING:\n    from calf_gpu import heights\n",
        "ursina/green/leaf.py": "try:\n    import calf_gpu.heights\nexcept ImportError:\n    import os\n",
        "ursina/training/visualizer.py": "from calf_gpu.app.blue import paint",
        "CONTRIBUTING.md": "before\n<!-- imports -->\nold\n<!-- /imports -->\nafter\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


GRAPH = """```mermaid
flowchart TD
    blue -.-> calf_gpu
    blue --> green
    green --> calf_gpu
    main --> blue
```
"""


def test_graph_shows_all_kinds_of_imports_but_those_of_doors(project):
    assert import_graph.draw(project) == GRAPH


def test_graph_is_checked_and_written(project, capsys):
    page = project / "CONTRIBUTING.md"
    assert import_graph.main(["--check"], project) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert import_graph.main(["--write"], project) == 0
    assert page.read_text() == f"before\n<!-- imports -->\n{GRAPH}<!-- /imports -->\nafter\n"
    assert import_graph.main(["--check"], project) == 0
    page.write_text("nothing to write between")
    assert import_graph.main(["--write"], project) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert page.read_text() == "nothing to write between"
