"""The house plan: an import may only point to a lower row, or to the left inside a row."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Section 4 of the design, with the rooms that were added since; lower rows first, left to right.
ROWS = [
    ["support", "secret", "errors", "operations", "_locks", "_states"],
    ["provider", "_policy", "_hookspecs", "_signing", "_events"],
    ["_guard", "_replies", "_steps", "_blame", "_facts", "_calls", "_schedule", "_pipeline"],
    ["_transports"],
    ["_drivers"],
    ["_registry", "_accounts", "_memory"],
    ["_client"],
    ["_connect"],
    ["testing", "_cli"],
]
PLACES = {room: (row, place) for row, rooms in enumerate(ROWS) for place, room in enumerate(rooms)}

PLUGIN_DOORS = {
    "convops.provider",
    "convops.errors",
    "convops.operations",
    "convops.support",
    "convops.secret",
}
SIMULATOR_FILES = {"simulator.py", "_simulated_state.py"}
HTTP_LIBRARIES = {
    "httpx",
    "httpx2",
    "httpcore",
    "httptools",
    "h11",
    "h2",
    "aiohttp",
    "requests",
    "urllib3",
    "pyreqwest",
}
RUN_TIME = {"attrs", "cattrs", "pluggy"}


def modules(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py"))


def module_name(path, top):
    parts = path.relative_to(ROOT / top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, package):
    """Return every module a file imports by whatever statement: type-only and late ones too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            found |= {submodule_or_module(node.module, alias.name, package) for alias in node.names}
    return found


def submodule_or_module(module, name, package):
    """`from convops import _hookspecs` names a room, not the root."""
    place = ROOT / package / Path(*module.split("."))
    is_module = (place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file()
    return f"{module}.{name}" if is_module else module


def room_of(module):
    return module.split(".")[1]


def place_of(module):
    """Return row and place; a room without one stands above all others until it is given one."""
    return PLACES.get(room_of(module), (len(ROWS), 0))


def points_down_or_left(here, there):
    return there[0] < here[0] or (there[0] == here[0] and there[1] < here[1])


CORE = [path for path in modules("convops") if path != ROOT / "convops" / "__init__.py"]
PLUGINS = modules("plugins")


def ids(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def test_every_room_has_a_place():
    assert {room_of(module_name(path, ".")) for path in CORE} <= PLACES.keys()


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_imports_point_down_or_to_the_left(path):
    here = module_name(path, ".")
    wrong = [
        module
        for module in sorted(imports(path, "."))
        if module.startswith("convops.")
        and room_of(module) != room_of(here)
        and not points_down_or_left(place_of(here), place_of(module))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_nothing_inside_imports_the_root(path):
    assert "convops" not in imports(path, ".")


def test_the_root_only_passes_on_what_others_hold():
    tree = ast.parse((ROOT / "convops" / "__init__.py").read_text("utf-8"))
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.AnnAssign, ast.If)
    assert [type(node).__name__ for node in tree.body if not isinstance(node, allowed)] == []
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] == []


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_the_core_knows_no_plugin(path):
    assert [module for module in imports(path, ".") if module.startswith("convops_")] == []


@pytest.mark.parametrize("path", [*CORE, *PLUGINS], ids=ids([*CORE, *PLUGINS]))
def test_an_http_library_is_imported_behind_the_seam_only(path):
    used = {module.partition(".")[0] for module in imports(path, ".")} & HTTP_LIBRARIES
    if path.parent == ROOT / "convops" / "_transports":
        # httpx is loaded by name, for httpx2 may stand in its place.
        assert used <= {"aiohttp", "httptools"}
    else:
        assert used == set()


@pytest.mark.parametrize("path", PLUGINS, ids=ids(PLUGINS))
def test_a_plugin_imports_the_contract_and_the_values_and_nothing_private(path):
    own = path.relative_to(ROOT / "plugins").parts[0]
    doors = PLUGIN_DOORS | ({"convops.testing"} if path.name in SIMULATOR_FILES else set())
    ours = {module for module in imports(path, "plugins") if module.partition(".")[0].startswith("convops")}
    strange = {module for module in ours - doors if module != own and not module.startswith(f"{own}.")}
    assert strange == set()


@pytest.mark.parametrize("path", PLUGINS, ids=ids(PLUGINS))
def test_a_plugin_needs_nothing_but_the_standard_library_and_what_the_core_brings(path):
    own = path.relative_to(ROOT / "plugins").parts[0]
    tops = {module.partition(".")[0] for module in imports(path, "plugins")}
    assert tops - sys.stdlib_module_names - RUN_TIME - {"convops", own} == set()


@pytest.mark.parametrize("path", PLUGINS, ids=ids(PLUGINS))
def test_a_plugin_does_no_input_or_output(path):
    if path.name in SIMULATOR_FILES:
        return
    used = {module.partition(".")[0] for module in imports(path, "plugins")}
    assert used.isdisjoint(
        {"asyncio", "http", "io", "os", "pathlib", "random", "secrets", "socket", "ssl", "time"}
    )


@pytest.mark.parametrize(
    "path",
    [path for path in CORE if place_of(module_name(path, "."))[0] <= 2],
    ids=str,
)
def test_no_row_under_the_seam_touches_network_clock_or_chance(path):
    used = {module.partition(".")[0] for module in imports(path, ".")}
    assert used.isdisjoint({"asyncio", "http", "os", "pathlib", "random", "secrets", "socket", "ssl", "time"})


# This door loads late what it shows, as the root does; what it shows lies below it all the same.
LATE_DOOR = ROOT / "convops" / "testing" / "__init__.py"
HIDING = [path for path in [*CORE, *PLUGINS] if path != LATE_DOOR]


@pytest.mark.parametrize("path", HIDING, ids=ids(HIDING))
def test_no_import_hides_behind_type_checking(path):
    assert "TYPE_CHECKING" not in path.read_text("utf-8")
