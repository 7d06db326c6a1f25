"""Who may import whom: one direction, from the base upwards. See CONTRIBUTING.md."""

import ast
from pathlib import Path

import pytest

import wgbench

ROOT = Path(wgbench.__file__).parent

# From the base upwards: a module may import those of rows above its own in this table, and nothing beside it.
# "wgbench" is the package itself: its __init__.py, which holds the four registries.
LAYERS = (
    ("errors", "network"),
    ("options", "bits", "disk", "hub", "index", "leaving", "recoded", "untrusted"),
    ("registry", "config"),
    ("types",),
    ("algorithms", "losses", "datasets", "backbones"),
    ("wgbench",),
    ("installation",),
    ("evaluation",),
    ("engine",),
    ("checkpoints",),
    ("runs",),
    ("launch", "results", "theory"),
    ("plots",),
    ("site",),
    ("request",),
    ("tracking",),
    ("suite",),
    ("suite_file", "suite_plans"),
    ("numerics",),
    ("drafting",),
    ("planning",),
    ("tuning",),
    ("suite_status",),
    ("suite_estimate", "cleaning"),
    ("conclusion",),
    ("protocol", "replay"),
    ("export",),
    ("checks", "templates"),
    ("scaffold",),
    ("cli",),
    ("api",),
    ("__main__",),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
PLUGINS = LAYERS[RANK["algorithms"]]


def module_of(path):
    """The dotted name of a file, and the package that its relative imports start from."""
    parts = ("wgbench", *path.relative_to(ROOT).with_suffix("").parts)
    package = parts[:-1]
    return ".".join(package if parts[-1] == "__init__" else parts), ".".join(package)


def imports(tree, package):
    """(line, dotted name) of everything of wgbench's that a syntax tree imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "wgbench" else [module]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "wgbench")


def layer(name):
    """The name in the table that a dotted name falls under; attributes of the package are the package."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__version__" else "wgbench"


def violations(name, package, source):
    """One line for each import that goes the wrong way."""
    own = layer(name)
    if own not in RANK:
        return [f"{name}: put {own!r} into the table of layers in tests/test_imports.py"]
    found = []
    for line, target in imports(facade(ast.parse(source)) if name == "wgbench" else ast.parse(source), package):
        other = layer(target)
        if other not in RANK:
            found.append(f"{name}:{line}: put {other!r} into the table of layers in tests/test_imports.py")
        elif other != own and RANK[other] >= RANK[own]:
            found.append(f"{name}:{line}: {own} must not import {target}")
    return found


def facade(tree):
    """The package itself without what it imports for type checkers alone: names that it hands on when asked for."""
    typing = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return ast.Module([n for n in tree.body if n not in typing], [])


def registry_violations(kind, source):
    """What the __init__.py of a plug-in package imports beside the registry; its base class is for type checkers."""
    tree = ast.parse(source)
    typing = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    running = ast.Module([n for n in tree.body if n not in typing], [])
    package = f"wgbench.{kind}"
    allowed = ((running, {"wgbench.registry"}), (ast.Module(typing, []), {f"{package}.base"}))
    return [
        f"{package}:{line}: must not import {target}"
        for part, names in allowed
        for line, target in imports(part, package)
        if target not in names
    ]


def test_imports_go_one_way():
    files = sorted(ROOT.rglob("*.py"))
    assert {ROOT / "__init__.py", ROOT / "engine" / "fit.py", ROOT / "cli" / "main.py"} <= set(files)
    found = [line for path in files for line in violations(*module_of(path), path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_a_plugin_package_holds_its_registry_and_nothing_else():
    sources = {kind: (ROOT / kind / "__init__.py").read_text(encoding="utf-8") for kind in PLUGINS}
    found = [line for kind, source in sources.items() for line in registry_violations(kind, source)]
    assert not found, "\n".join(found)


def test_each_module_has_one_place_in_the_table():
    assert len(RANK) == sum(map(len, LAYERS))


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        (
            "wgbench.algorithms.mine",
            "from wgbench.engine.fit import fit",
            "1: algorithms must not import wgbench.engine",
        ),
        (
            "wgbench.algorithms.mine",
            "import os\nfrom wgbench import datasets",
            "2: algorithms must not import wgbench.d",
        ),
        ("wgbench.losses.mine", "import wgbench.algorithms.base as b", "must not import wgbench.algorithms.base"),
        ("wgbench.backbones.mine", "from ..datasets import base", "must not import wgbench.datasets"),
        ("wgbench.datasets.mine", "from wgbench import __version__", "must not import wgbench.__version__"),
        ("wgbench.datasets.mine", "import wgbench", "must not import wgbench"),
        ("wgbench.evaluation.mine", "def f():\n    from wgbench import results", "2: evaluation must not import"),
        ("wgbench.engine.mine", "from wgbench import losses, runs", "engine must not import wgbench.runs"),
        ("wgbench.types", "if TYPE_CHECKING:\n    from wgbench.losses.base import Loss", "2: types must not import"),
        ("wgbench.launch.mine", "from wgbench.results import schema", "launch must not import wgbench.results"),
        ("wgbench.plots.mine", "from wgbench.site import page", "plots must not import wgbench.site"),
        ("wgbench.errors", "from wgbench.config import Cell", "errors must not import wgbench.config"),
        ("wgbench", "from wgbench import engine", "wgbench must not import wgbench.engine"),
        ("wgbench.brand_new", "", "put 'brand_new' into the table"),
        ("wgbench.cli.mine", "from wgbench.brand_new import x", "put 'brand_new' into the table"),
    ],
)
def test_an_import_that_goes_the_wrong_way_is_reported(name, source, said):
    (found,) = violations(name, name.rpartition(".")[0], source)
    assert said in found
    assert found.startswith(f"{name}:")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "wgbench.algorithms.mine",
            "import torch\nfrom wgbench.algorithms.base import Algorithm\nfrom . import weights",
        ),
        ("wgbench.registry", "from wgbench import options as opts"),
        ("wgbench.engine.mine", "from wgbench import algorithms\nfrom wgbench.evaluation.metrics import tally"),
        ("wgbench.cli.mine", "import wgbench\nfrom wgbench import __version__, protocol"),
        ("wgbench", "from wgbench import algorithms, losses"),
        ("wgbench", "if TYPE_CHECKING:\n    from wgbench.api import run"),
        ("wgbench.types", "import wgbenchmarks"),
    ],
)
def test_an_import_that_goes_the_right_way_is_not(name, source):
    assert violations(name, name.rpartition(".")[0], source) == []


@pytest.mark.parametrize(
    "source",
    [
        "from wgbench.losses.base import Loss",
        "from wgbench.losses.squared import Squared",
        "from wgbench import options",
        "if TYPE_CHECKING:\n    from wgbench.algorithms.base import Algorithm",
        "if TYPE_CHECKING:\n    from wgbench.types import Split",
    ],
)
def test_more_than_a_registry_in_a_plugin_package_is_reported(source):
    (found,) = registry_violations("losses", source)
    assert "wgbench.losses:" in found


def test_a_registry_alone_in_a_plugin_package_is_not():
    source = "from wgbench.registry import Registry\nif TYPE_CHECKING:\n    from wgbench.losses.base import Loss"
    assert registry_violations("losses", source) == []
