"""Who may import whom: one direction, from the base upwards. See CONTRIBUTING.md."""

import ast
from pathlib import Path

import wgbench

ROOT = Path(wgbench.__file__).parent

# From the base upwards; a module may import those of its own row and of the rows above it in this table.
LAYERS = (
    ("errors", "options", "registry", "config", "bits", "request"),
    ("types",),
    ("algorithms", "losses", "datasets", "backbones"),
    ("evaluation",),
    ("engine",),
    ("runs",),
    ("launch", "results"),
    ("planning",),
    ("protocol",),
    ("checks",),
    ("cli",),
    ("__main__",),
)
PLUGINS = frozenset(LAYERS[2])
RANK = {name: i for i, row in enumerate(LAYERS) for name in row}


def imported(tree):
    """Modules of wgbench that a file imports, TYPE_CHECKING blocks left out, with their lines."""
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names if a.name.split(".")[0] == "wgbench")
        elif isinstance(node, ast.ImportFrom) and node.module == "wgbench":
            yield from ((f"wgbench.{a.name}", node.lineno) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wgbench."):
            yield node.module, node.lineno


def problems(name, source):
    """What a module imports and may not; `name` is its path below the package, dotted."""
    own = name.split(".")[0]
    if own not in RANK:
        return [f"{name}: not in the table of layers"]
    found = []
    for target, line in imported(ast.parse(source)):
        other = target.split(".")[1] if "." in target else ""
        if other in ("", "__version__"):  # the package itself holds the four registries
            ok = RANK[own] > RANK["algorithms"]
        elif other not in RANK:
            ok = False
        elif own in PLUGINS and other in PLUGINS:
            ok = own == other
        else:
            ok = RANK[other] <= RANK[own]
        if not ok:
            found.append(f"{name}:{line} imports {target}")
    return found


def test_imports_go_one_way():
    files = [p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py"]
    assert len(files) > 50
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in files}
    assert [x for name, path in names.items() for x in problems(name, path.read_text())] == []


def test_the_test_finds_what_it_looks_for():
    assert problems("algorithms.mine", "from wgbench.engine.fit import train") == [
        "algorithms.mine:1 imports wgbench.engine.fit"
    ]
    assert problems("losses.mine", "from wgbench.algorithms.base import Algorithm")
    assert problems("engine.mine", "def f():\n    from wgbench import runs")
    assert problems("types", "import wgbench.engine.fit")
    assert problems("brand_new", "") == ["brand_new: not in the table of layers"]
    assert problems("engine.mine", "from wgbench.algorithms import base\nfrom wgbench.types import Split") == []


def test_plugin_packages_hold_only_their_registry():
    for kind in PLUGINS:
        tree = ast.parse((ROOT / kind / "__init__.py").read_text())
        assert [m for m, _ in imported(tree)] == ["wgbench.registry"]
