"""The floors of the house, read from its imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {"gpunet.cli": ROOT / "cli", "gpunet.datasets": ROOT / "datasets", "gpunet": ROOT / "gpunet"}

# Lowest first.  A room imports its own files and lower floors; rooms of one floor never meet.
FLOORS = [
    {"gpunet", "gpunet.errors", "gpunet.interruption", "gpunet.paths", "gpunet.plain"},
    {"gpunet.members", "gpunet.writing"},
    {"gpunet.fields"},
    {"gpunet.backend"},
    {"gpunet.ops"},
    {"gpunet.initializers", "gpunet.schedules", "gpunet.checkpoint", "gpunet.cluster"},
    {"gpunet.parameter", "gpunet.losses", "gpunet.metrics", "gpunet.data"},
    {"gpunet.layers", "gpunet.optimizers", "gpunet.datasets"},
    {"gpunet.objectives"},
    {"gpunet.rbm"},
    {"gpunet.models", "gpunet.testing"},
    {"gpunet.vocabulary"},
    {"gpunet.families"},
    {"gpunet.config"},
    {"gpunet.training"},
    {"gpunet.experiment"},
    {"gpunet.persistence"},
    {"gpunet.stages"},
    {"gpunet.inspection"},
    {"gpunet.studies"},
    {"gpunet.ensembles", "gpunet.searches"},
    {"gpunet.api"},
    {"gpunet.interop"},
    {"gpunet.sklearn"},
    {"gpunet.cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules():
    for package, folder in ROOMS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *(p for p in parts if p != "__init__")]), path


MODULES = dict(modules())


def room_of(module):
    """The room of a module: the longest known name that it begins with; other packages are rooms of their own."""
    if module.split(".")[0] != "gpunet":
        return module
    return max((r for r in FLOOR if module == r or module.startswith(f"{r}.")), key=len)


def imports(module):
    """Absolute names of everything a module imports, also inside functions, but not for type checking alone."""
    path = MODULES[module]
    tree = ast.parse(path.read_text())
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    typing_only = {
        id(inner) for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in MODULES else origin


def test_the_face_loads_the_front_door_when_it_is_used_and_nothing_before():
    assert {room_of(imported) for imported in imports("gpunet")} <= {"gpunet", "gpunet.api", "gpunet.errors", "typing"}
    top = [n for n in ast.parse(MODULES["gpunet"].read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [node.module for node in top] == ["typing"]


@pytest.mark.parametrize("module", [module for module in MODULES if module != "gpunet"])
def test_imports_go_down(module):
    own = room_of(module)
    for imported in imports(module):
        if imported.split(".")[0] == "gpunet" and room_of(imported) != own:
            assert FLOOR[room_of(imported)] < FLOOR[own], f"{module} imports {imported}"


def test_only_the_front_door_and_the_command_line_read_files_of_data():
    readers = {m for m in MODULES for i in imports(m) if room_of(i) in ("gpunet.datasets", "gpunet.cli")}
    assert {room_of(m) for m in readers} == {"gpunet.datasets", "gpunet.api", "gpunet.cli"}


def test_modules_do_not_import_each_other_in_circles():
    # What the face loads when it is used is no import of it.
    graph = {m: {i for i in imports(m) if i in MODULES and i not in (m, "gpunet")} for m in MODULES if m != "gpunet"}
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path, module])
        if module in done:
            return
        path.append(module)
        for imported in graph[module]:
            visit(imported)
        done.add(path.pop())

    for module in graph:
        visit(module)


@pytest.mark.parametrize("module", MODULES)
def test_cupy_is_imported_in_the_backend_alone_and_never_on_import(module):
    found = [i for i in imports(module) if i.split(".")[0] == "cupy"]
    if room_of(module) != "gpunet.backend":
        assert not found
        return
    top = ast.parse(MODULES[module].read_text()).body
    assert not any(isinstance(n, ast.Import | ast.ImportFrom) and "cupy" in ast.unparse(n) for n in top)


@pytest.mark.parametrize("module", MODULES)
def test_modules_stay_small_and_print_only_in_the_command_line(module):
    text = MODULES[module].read_text()
    assert text.count("\n") <= 400
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
    if room_of(module) != "gpunet.cli":
        calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        assert not [c for c in calls if c.func.id in ("print", "eval", "exec", "__import__")]
    assert "pickle" not in {name.split(".")[0] for name in imports(module)}


def test_public_things_say_what_they_are():
    missing = []
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                missing += [f"{module}.{node.name}"] if not ast.get_docstring(node) else []
    assert not missing


def test_every_export_exists_and_is_sorted():
    import importlib

    for module, path in MODULES.items():
        if path.name == "__init__.py" and "__all__" in path.read_text():
            room = importlib.import_module(module)
            assert all(hasattr(room, name) for name in room.__all__)
            assert len(set(room.__all__)) == len(room.__all__)
