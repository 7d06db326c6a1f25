"""Pages that follow from the code: a hook of mkdocs. Nothing that it makes is committed.

A page per algorithm, loss, dataset and network from registries and docstrings, the command line from its own help,
pictures of datasets that can be drawn offline, and the board's site beside the pages.
"""

import inspect
import io
import json
import re
import tempfile
from dataclasses import MISSING, fields
from functools import cached_property
from pathlib import Path
from typing import get_type_hints

from mkdocs.structure.files import File

import wgbench
from wgbench.config import Recipe
from wgbench.registry import KINDS
from wgbench.results.lack import narrowed

ROOT = Path(__file__).parents[1]
BOARD = ROOT / "leaderboards"
TITLES = {"algorithms": "Algorithms", "datasets": "Datasets", "backbones": "Networks", "losses": "Losses"}
COPIED = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "conduct.md": "CODE_OF_CONDUCT.md",
    "security.md": "SECURITY.md",
}
OPTIONAL = ("performance.md", "reliability.md", "launchers.md", "security.md")  # in the navigation where they exist
SMALL = {"waterbirds-synthetic": {"pixels": 128, "share": 0.11}}  # enough for a picture


def on_config(config):
    """The navigation without pages that are not there, with those that are made."""
    there = {p.name for p in Path(config.docs_dir).glob("*.md")} | {page for page, name in COPIED.items() if _is(name)}
    config.nav = _pruned(config.nav, {name for name in OPTIONAL if name not in there})
    return config


def on_files(files, config):
    """Add what is generated."""
    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_post_build(config):
    """The board as pages of its own, which entries' links lead to."""
    from wgbench.site.board import build

    build(BOARD, Path(config.site_dir) / "board")


def pages():
    """Path to content, text or bytes."""
    found = {page: _moved((ROOT / name).read_text(encoding="utf-8")) for page, name in COPIED.items() if _is(name)}
    found["cli.md"] = command_line()
    for kind in KINDS:
        registry, found[f"{kind}/index.md"] = getattr(wgbench, kind).registry, overview(kind, _rows(kind))
        for row in _rows(kind):
            found[f"{kind}/{page_of(row.name)}.md"] = plugin(kind, row, registry.find(_example(row.name)).target)
    return {**found, **pictures()}


def overview(kind, rows):
    """All plug-ins of a kind in one table."""
    lines = [f"| [{r.name.replace('<', '&lt;')}]({page_of(r.name)}.md) | {r.summary} |" for r in rows]
    more = f"Your own: `wgbench new {KINDS[kind]} NAME`, [Contributing](../contributing.md)."
    return "\n".join([f"# {TITLES[kind]}", "", "| name | what |", "|---|---|", *lines, "", more, ""])


def plugin(kind, row, cls):
    """The page of one plug-in: what it is, its options, and what is particular to its kind."""
    module = inspect.getdoc(inspect.getmodule(cls)) or ""
    parts = [f"# {_plain(row.name)}", _told(module, cls), _options(kind, row.name, cls)]
    parts += {"algorithms": _algorithm, "datasets": _dataset}.get(kind, _nothing)(row.name, cls)
    parts += [_tried(kind, row.name)]
    return "\n\n".join(part for part in parts if part) + "\n"


def command_line():
    """Every verb with its options, from the command line itself."""
    from typer.main import get_command

    from wgbench.cli.main import app

    said = (
        "Known errors are one line on stderr, exit status 2. Ctrl-C leaves a run that can be resumed, exit status 130."
    )
    sections = ["# The command line", said]
    for path, verb in _verbs("wgbench", get_command(app)):
        words = [path, *(p.name.upper() for p in verb.params if p.param_type_name == "argument")]
        sections += [f"## {path}", f"    {' '.join(words)}", _escaped(inspect.cleandoc(verb.help or ""))]
        rows = [_row(p) for p in verb.params if p.name != "help"]
        sections += ["\n".join(["| | what | default |", "|---|---|---|", *rows])] if rows else []
    return "\n\n".join(sections) + "\n"


def pictures():
    """Sheets of the image datasets that need no files."""
    from wgbench import datasets
    from wgbench.datasets.sheet import sheet
    from wgbench.types import Preprocess, Root

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in _drawn():
            dataset, root = datasets.make(name, **SMALL.get(name, {})), Root(Path(folder))
            dataset.prepare(root)
            image, sink = sheet(dataset.load(root, "train", Preprocess()), dataset.group_names, 6), io.BytesIO()
            image.save(sink, format="PNG")
            found[f"datasets/{name}.png"] = sink.getvalue()
    return found


def _rows(kind):
    """The built-in rows of a registry."""
    registry = getattr(wgbench, kind).registry
    return [row for row in map(registry.listing, registry.names()) if row.owner == "wgbench"]


def _is(name):
    return (ROOT / name).is_file()


def page_of(name):
    """The file name of a plug-in's page: `timm:<name>` is `timm`."""
    return name.partition(":")[0]


def _drawn():
    registry = wgbench.datasets.registry
    targets = ((name, registry.find(name).target) for name in registry.names() if ":" not in name)
    return [name for name, cls in targets if cls.embedded and cls.modality == "image"]


def _example(name):
    """A name that the registry resolves, of a row that takes something after the colon."""
    after = {"timm": "resnet18.tv_in1k", "linearized": "mlp", "text": "name", "folder": "photos", "hf": "where"}
    head, colon, _ = name.partition(":")
    return f"{head}:{after[head]}" if colon else name


def _told(module, cls):
    """Module and class docstrings. Formulas are plain text: no markup is read into them."""
    own = inspect.getdoc(cls) or ""
    inherited = next((c.__doc__ for c in cls.__mro__[1:] if c.__doc__), "")
    return _escaped(module) + ("" if own == inspect.cleandoc(inherited or "") else f"\n\n{_escaped(own)}")


def _options(kind, name, cls):
    """Fields with types and defaults, but for the one that the name holds: `timm:<name>`."""
    hints = get_type_hints(cls, include_extras=True)
    rows, named = [], name.partition(":")[2].strip("<>")
    for field in (f for f in fields(cls) if f.init and f.name != named):
        default = "none, must be given" if field.default is MISSING else f"`{field.default!r}`"
        rows.append(f"| `{field.name}` | {_type(hints[field.name])} | {default} |")
    if not rows:
        return "## Options\n\nNone."
    prefix = {"algorithms": "", "losses": "recipe.loss_options."}.get(kind, f"{KINDS[kind]}.")
    how = f"Given as `--set {prefix}NAME=VALUE`; part of every run's identity."
    return "\n".join(["## Options", "", "| name | type | default |", "|---|---|---|", *rows, "", how])


def _type(hint):
    """A type in words, with its bounds."""
    inner = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
    marks = [mark for part in getattr(hint, "__metadata__", ()) for mark in getattr(part, "metadata", ())]
    signs = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
    bounds = [f"{sign} {getattr(mark, key)}" for mark in marks for key, sign in signs if hasattr(mark, key)]
    plain = inner.__name__ if isinstance(inner, type) and not getattr(inner, "__args__", ()) else str(inner)
    return f"`{plain.replace('typing.', '').replace(' | ', ' or ')}`" + "".join(f", {bound}" for bound in bounds)


def _algorithm(name, cls):
    """Supervision, ranges of a search, published settings, relatives, entries."""
    fixed = isinstance(cls.needs, frozenset)
    needs = ", ".join(f"`{n}`" for n in sorted(cls.needs)) if fixed else "depends on its options"
    parts = [f"## Supervision\n\nBeside inputs and labels: {needs or 'none'}."]
    if cls.search:
        rows = "\n".join(f"- `{field}`: {drawn}" for field, drawn in cls.search.items())
        parts.append(f"## Search\n\n`wgbench run {name} DATASET --tune 8` draws from\n\n{rows}")
    if tuned := _tuned(name):
        parts.append(f"## Settings that come with a dataset\n\n{tuned}")
    registry = wgbench.algorithms.registry
    near = [n for n in registry.names() if n != name and _related(registry.find(n).target, cls)]
    if near:
        parts.append("## Variants\n\n" + ", ".join(f"[{n}]({page_of(n)}.md)" for n in near))
    return [*parts, _entries(name)]


def _related(a, b):
    return issubclass(a, b) or issubclass(b, a) or a.__module__ == b.__module__


def _tuned(name):
    registry, rows = wgbench.datasets.registry, []
    for dataset in registry.names():
        options = registry.find(_example(dataset)).target.tuned
        if isinstance(options, dict) and name in options:
            given = ", ".join(f"`{k}={v}`" for k, v in options[name].items())
            rows.append(f"- [{dataset}](../datasets/{page_of(dataset)}.md): {given}")
    return "\n".join(rows)


def _dataset(name, cls):
    """How to get it, counts, licence, default training, a picture."""
    shown = f"## How it looks\n\n![A row of training examples per group]({name}.png)"
    parts = [shown] if name in _drawn() else []
    keys = ("group_names", "counts", "recipe", "weight_decays", "backbone", "source", "citation", "licence")
    fixed = {key: getattr(cls, key) for key in keys if _is_fixed(cls, key)}
    about = [f"- {key}: {_escaped(fixed[key])}" for key in ("source", "citation", "licence") if key in fixed]
    parts += ["## Source\n\n" + "\n".join(about)] if about else []
    parts.append(f"## Getting it\n\n{_getting(name, cls)}")
    if fixed.get("counts") and "group_names" in fixed:
        rows = [[g, *(f"{n[i]:,}" for n in fixed["counts"].values())] for i, g in enumerate(fixed["group_names"])]
        parts.append("## Groups\n\n" + _table(["group", *fixed["counts"]], rows))
    if isinstance(fixed.get("recipe"), Recipe):
        parts.append("## Default training\n\n" + _table(["setting", "value"], _training(**fixed)))
    return [*parts, _entries_on(name)]


def _training(recipe, weight_decays=(), backbone="", **_):
    """Rows of a dataset's default network, grid and recipe."""
    held = recipe.model_dump(mode="json", exclude={"weight_decay"})
    rows = [(key, _value(value)) for key, value in held.items() if value not in (None, {})]
    return [("network", backbone), ("weight decays", ", ".join(f"{w:g}" for w in weight_decays)), *rows]


def _value(value):
    return value if isinstance(value, str) else json.dumps(value)


def _is_fixed(cls, key):
    value = getattr(cls, key, None)
    return value is not None and not isinstance(value, property | cached_property)


def _getting(name, cls):
    if cls.embedded:
        return "Nothing to do: it needs neither files nor a network."
    if ":" in name:
        return "It is yours: the name says where it lies."
    return (
        f"    wgbench data get {name}\n\ndownloads it where its publisher allows that, and says what to do where not. "
        f"A copy of your own is compared with what was published by\n\n    wgbench data verify {name} --data-dir FOLDER"
    )


def _entries_on(name):
    """Where the committed board has rows on a dataset. The board's pages are no pages of mkdocs: hence HTML."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(BOARD.glob(f"{name}-v*.json"))]
    found = [f'<a href="{_on_board(b, "index.html")}">{len(b["rows"])} rows on the board</a>' for b in boards]
    return "## Entries\n\n" + ", ".join(found) if found else ""


def _entries(algorithm):
    """Rows of an algorithm on the committed boards: measured ones, with links to their pages."""
    rows = []
    for path in sorted(BOARD.glob("*-v*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for row in (r for r in board["rows"] if r["kind"] == "measured" and r["algorithm"]["name"] == algorithm):
            shown = [_percent(row["scores"].get(name)) for name in ("wga_early", "wga_selected", "wga_final")]
            lacks = ["partial"] if narrowed(row["partial"]) else []
            where = ", ".join([board["dataset"]["name"], row["backbone"]["name"], *row["apart"], *lacks])
            page = _on_board(board, f"entry-{row['id']}.html")
            rows.append([where, f'<a href="{page}">{row["id"]}</a>', *shown])
    if not rows:
        return ""
    head = ["on", "entry", "early", "selected", "final"]
    return "## Entries\n\nWorst-group accuracy on test, %.\n\n" + _table(head, rows)


def _percent(score):
    return "-" if score is None else f"{100 * score['mean']:.1f}"


def _on_board(board, page):
    """A page of the board's site, seen from the page of a plug-in."""
    return f"../../board/{board['dataset']['name']}-v{board['dataset']['version']}/{page}"


def _tried(kind, name):
    """A command that uses it."""
    commands = {
        "algorithms": "wgbench run {} colored-digits",
        "losses": "wgbench run gdro colored-digits --set recipe.loss={}",
        "datasets": "wgbench run gdro {}",
        "backbones": "wgbench run gdro waterbirds-synthetic --backbone {}",
    }
    return f"## Running it\n\n    {commands[kind].format(_example(name))}"


def _nothing(*_):
    return []


def _table(head, rows):
    """Columns of numbers stand on the right."""
    cells = [[str(c).replace("|", "\\|") for c in row] for row in rows]
    rules = [
        "--:" if all(re.fullmatch(r"[-\d.,]+", cell) for cell in column) else "---"
        for column in zip(*cells, strict=True)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rules, *cells))


def _escaped(text):
    """Text as it is written: characters that Markdown would read are escaped outside of code."""
    return "".join(part if part.startswith("`") else _plain(part) for part in re.split(r"(`[^`]*`)", text))


def _plain(text):
    return re.sub(r"([\\*_\[\]#|^~$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def _verbs(path, command):
    """Commands that do something, with the words that lead there."""
    if not hasattr(command, "commands"):
        return [(path, command)]
    return [found for name, inner in command.commands.items() for found in _verbs(f"{path} {name}", inner)]


def _row(parameter):
    is_argument, default = parameter.param_type_name == "argument", parameter.default
    names = parameter.name.upper() if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    shown = "" if parameter.required or default is None or default is False or callable(default) else f"`{default}`"
    return f"| `{names}` | {_escaped(getattr(parameter, 'help', '') or '')} | {shown} |"


def _moved(text):
    """A file of the repository's root as a page: links to other pages lead to their names here."""
    for page, name in COPIED.items():
        text = text.replace(f"]({name})", f"]({page})")
    return re.sub(r"\]\(docs/([^)]+)\)", r"](\1)", text)


def _section(kind):
    """A table of plug-ins and their pages."""
    return {TITLES[kind]: [f"{kind}/index.md", *({row.name: f"{kind}/{page_of(row.name)}.md"} for row in _rows(kind))]}


def _pruned(nav, gone):
    """A navigation without some pages, and with those of every plug-in under the table of its kind."""
    kept = []
    for item in nav:
        if isinstance(item, str) and item.endswith("/index.md"):
            kept.append(_section(item.removesuffix("/index.md")))
            continue
        ((title, target),) = item.items() if isinstance(item, dict) else [(None, item)]
        if isinstance(target, list):
            kept.append({title: _pruned(target, gone)})
        elif target not in gone:
            kept.append(item)
    return kept
