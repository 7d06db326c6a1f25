"""A small installable package around a plug-in: what `wgbench new` writes."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import wgbench
from wgbench.disk import write_whole
from wgbench.errors import BadOption, NameTaken, StoreFailed, UnknownName
from wgbench.options import suggestion
from wgbench.registry import normalise


@dataclass(frozen=True)
class Kind:
    """What is particular about the packages of one kind; `try_it` follows `wgbench` on the command line."""

    plural: str
    summary: str
    try_it: str
    steps: tuple[str, ...]


TESTED = "Replace the number in `tests/` by one that you computed from the formula by hand."
KINDS: Mapping[str, Kind] = {
    "algorithm": Kind(
        "algorithms",
        "Tilted ERM: weights that grow exponentially with the loss.",
        "run {} colored-digits --seeds 2002 --wd 0",
        (
            "Replace the rule in `src/` by yours: `weigh`, or `sampling`, or `run` for several stages.",
            "Say in `needs` what supervision it uses. `wgbench check` finds out if that is not true.",
            TESTED,
        ),
    ),
    "dataset": Kind(
        "datasets",
        "Made-up points with a spurious coordinate.",
        "run gdro {} --seeds 2002 --wd 0",
        (
            "Replace `load` in `src/` by one that reads your data, and state its counts, source, citation and licence.",
            "Let `prepare` check what it reads (`wgbench.datasets.download` fetches with checksums).",
            "Choose recipe and grid on seeds that you do not report: ERM should reach 99.9 % training accuracy without "
            "weight decay, and less than 95 % at the largest.",
        ),
    ),
    "backbone": Kind(
        "backbones",
        "A network with one hidden layer of tanh units.",
        "run gdro colored-digits --backbone {} --seeds 2002 --wd 0",
        (
            "Replace the network in `src/` by yours: features, a head, weights drawn from torch's generator.",
            "Say in `preprocess` how images must be normalised, and their size if the network has one.",
        ),
    ),
    "loss": Kind(
        "losses",
        "Focal loss: cross-entropy that gives less to what is classified well already.",
        "run gdro colored-digits --set recipe.loss={} --seeds 2002 --wd 0",
        (
            "Replace `per_example` in `src/` by your loss. What it must know of the training set comes from `init`.",
            TESTED,
        ),
    ),
}  # fmt: skip


def package(kind: str, name: str) -> dict[str, str]:
    """The files of a package around a plug-in of that name, by their path in it."""
    kind = {known.plural: singular for singular, known in KINDS.items()}.get(kind, kind)
    known = _kind(kind)
    name = _free(kind, known, name)
    module = f"wgbench_{name.replace('-', '_')}"
    words = {
        "kind": kind,
        "kinds": known.plural,
        "name": name,
        "module": module,
        "cls": _class(kind, name),
        "distribution": f"wgbench-{name}",
        "summary": known.summary,
        "try": known.try_it.format(name),
        "steps": known.steps,
        "wgbench": ".".join(wgbench.__version__.split(".")[:2]),
    }
    parts = {part: _rendered(f"{kind}/{part}.py", words).strip() for part in ("imports", "own")}
    return {
        "pyproject.toml": _rendered("common/pyproject.toml", words),
        "README.md": _rendered("common/README.md", words),
        ".gitignore": _rendered("common/gitignore", words),
        ".github/workflows/ci.yml": _rendered("common/ci.yml", words),
        f"src/{module}/__init__.py": _rendered(f"{kind}/module.py", words),
        f"tests/test_{module.removeprefix('wgbench_')}.py": _rendered("common/test.py", words | parts),
    }


def write(kind: str, name: str, folder: Path | None = None) -> Path:
    """Write the package into a folder that is not there yet, `wgbench-NAME` if left out; the folder."""
    files = package(kind, name)
    folder = folder or Path(f"wgbench-{normalise(name)}")
    if folder.exists():
        raise StoreFailed(f"wgbench new {kind} {name}", f"{folder} exists", "choose another folder with --out")
    try:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / path, content.encode())
    except OSError as problem:
        raise StoreFailed(f"writing {folder}", str(problem.strerror), "choose another folder with --out") from None
    return folder


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise UnknownName(f"wgbench new {kind}", "no such kind", suggestion(kind, set(KINDS)))
    return KINDS[kind]


def _free(kind: str, known: Kind, name: str) -> str:
    """The name as registries compare it; refused where it cannot be one, or somebody has it."""
    asked, wanted = f"wgbench new {kind} {name}", normalise(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", wanted) or keyword.iskeyword(wanted):
        raise BadOption(asked, "no name", "take letters, digits and dashes, a letter first: my-method")
    owner = _owner(getattr(wgbench, known.plural).registry, wanted)
    if owner:
        raise NameTaken(asked, f"{owner} has that name", "choose another name")
    return wanted


def _owner(registry: Any, name: str) -> str | None:
    """Who has a name, also before a colon."""
    heads = {listed.partition(":")[0]: listed for listed in registry.names()}
    try:
        return str(registry.listing(heads[name]).owner if name in heads else registry.info(name).owner)
    except UnknownName:
        return None


def _class(kind: str, name: str) -> str:
    """The plug-in's class: named like it, unless its module uses that name for something else."""
    plain = "".join(part.capitalize() for part in name.split("-"))
    return plain + kind.capitalize() * bool(re.search(rf"\b{plain}\b", _template(f"{kind}/module.py")))


def _template(path: str) -> str:
    return resources.files("wgbench.templates").joinpath(*f"{path}.jinja".split("/")).read_text("utf-8")


def _rendered(path: str, words: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # no HTML
    return environment.from_string(_template(path)).render(words)
