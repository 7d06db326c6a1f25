"""What the package never does, whoever asks: unpickle, evaluate, load YAML that can make objects, open a shell."""

import ast
from pathlib import Path

import wgbench

TREES = {path: ast.parse(path.read_text()) for path in Path(wgbench.__file__).parent.rglob("*.py")}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
                   "yaml.full_load", "tempfile.mktemp", "numpy.fromregex"}  # fmt: skip


def calls():
    """Every call: where it is, the dotted name of what is called, and its arguments by keyword."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                named = {word.arg: ast.unparse(word.value) for word in node.keywords}
                yield f"{path.name}:{node.lineno}", ast.unparse(node.func), named


def test_nothing_is_unpickled():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & FORBIDDEN_MODULES, f"{path.name}:{node.lineno}"


def test_nothing_is_evaluated():
    assert not [(where, name) for where, name, _ in calls() if name in FORBIDDEN_CALLS]


def test_what_could_unpickle_is_told_not_to():
    for where, name, named in calls():
        if name in ("torch.load", "torch.hub.load_state_dict_from_url"):
            assert named.get("weights_only") == "True", where
        if name in ("np.load", "numpy.load"):
            assert named.get("allow_pickle", "False") == "False", where
        assert named.get("trust_remote_code", "False") == "False", where
        assert named.get("shell", "False") == "False", where


def test_yaml_is_read_by_the_safe_loader():
    for where, name, named in calls():
        if name.startswith("yaml.") and "Loader" in named:
            assert named["Loader"] == "yaml.SafeLoader", where


def test_the_walk_sees_what_it_looks_for():
    names = [name for _, name, _ in calls()]
    assert "yaml.safe_load" in names
    assert len(TREES) > 150
