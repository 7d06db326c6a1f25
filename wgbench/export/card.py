"""A model card: what was trained, on what data, with which scores, what for, and how to load it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wgbench import algorithms, datasets
from wgbench.errors import WgbenchError
from wgbench.evaluation.scores import Score
from wgbench.evaluation.written import percent, spread
from wgbench.export.models import Final
from wgbench.results.groups import group_accuracies
from wgbench.results.labels import named
from wgbench.results.remarks import remarks
from wgbench.results.schema import Entry
from wgbench.results.stored import Stored

SCORES = {
    "wga_final": "worst group, final: mean of the last epochs",
    "wga_early": "worst group, early: mean over the early window",
    "wga_selected": "worst group at the epoch of best val worst-group accuracy",
    "overfit_drop": "lost from selected to final",
    "acc_final": "average, final",
    "train_acc_final": "average on train, final",
    "erm_excess_final": "worst group, final, minus ERM's",
}
USE = """\
Research on worst-group performance: comparing reweighting algorithms, studying what a network that interpolates its
training data has learnt, reproducing the entry. The networks are trained to the end of a long horizon, on purpose past
the epoch that validation would choose; for the best accuracy take another. They are made for the groups named above and
say nothing about others. Not for decisions about people: benchmarks have the biases of their sources, and a worst-group
accuracy is a measurement on them, no guarantee."""


def card(entry: Stored, finals: Sequence[Final], shape: tuple[int, ...] | None, predictions: str) -> str:
    """The card as Markdown; `shape` of one input, channels first, and the name of the predictions' file."""
    e = entry.entry
    parts = [
        _front(e, finals),
        f"# {named(e)} on {e.dataset.name}, {e.backbone.name}\n",
        f"Entry `{e.id}` of wgbench, rules {e.rules}. {' '.join(f'{line}.' for line in remarks(e))}\n",
        f"## What was trained\n\n{_what(e)}\n",
        f"## Scores on test\n\n{_scores(e)}\n\n{_groups(entry)}\n",
        f"## Data\n\n{_data(e)}\n",
        f"## Intended use\n\n{USE}\n",
        f"## Files\n\n{_files(finals, predictions)}\n",
        *([f"## Loading\n\n{_loading(e, finals[0], shape)}\n"] if finals else []),
        f"## Repeating it\n\n    {e.command}\n",
    ]
    return "\n".join(parts)


def _front(e: Entry, finals: Sequence[Final]) -> str:
    """What model hubs read."""
    import yaml

    facts = {
        "library_name": "timm" if finals and finals[0].is_timm else "wgbench",
        "tags": ["wgbench", "group-robustness", e.algorithm.name],
        "datasets": [e.dataset.name],
        "metrics": ["accuracy"],
    }
    return f"---\n{yaml.safe_dump(facts, sort_keys=False)}---\n"


def _what(e: Entry) -> str:
    recipe = {
        k: v for k, v in e.recipe.model_dump(mode="json", exclude={"weight_decay"}).items() if v not in (None, {})
    }
    rows = {
        "algorithm": f"{_plugin(e.algorithm)}. {_first_line(algorithms.registry, e.algorithm.name)}",
        "supervision beside labels": ", ".join(e.algorithm.needs) or "none",
        "hyper-parameters": e.tuning.label,
        "network": f"{_plugin(e.backbone)}, {e.backbone.parameters:,} parameters, started {e.backbone.start}",
        "loss": _plugin(e.loss),
        "recipe": ", ".join(f"{k} {v}" for k, v in recipe.items()),
        "trained on": f"{e.environment.get('device', 'unknown')}, torch {_torch(e)}",
    }
    return _table(("", ""), rows.items())


def _scores(e: Entry) -> str:
    known = ((said, getattr(e.scores, name)) for name, said in SCORES.items())
    rows = [(said, spread(score), score.n) for said, score in known if isinstance(score, Score)]
    return "Percent, weight decay 0, with 95 % intervals over seeds.\n\n" + _table(("score", "mean", "seeds"), rows)


def _groups(entry: Stored) -> str:
    counts = entry.entry.dataset.counts
    found = group_accuracies(entry, "final")
    rows = []
    for i, name in enumerate(entry.entry.dataset.group_names):
        mean = found[name].mean if name in found else None
        rows.append((name, percent(mean), *(f"{counts[split]['total'][i]:,}" for split in ("train", "val", "test"))))
    return _table(("group", "accuracy at the end, %", "train", "val", "test"), rows)


def _data(e: Entry) -> str:
    try:
        cls: Any = datasets.registry.find(e.dataset.name).target
    except WgbenchError:
        return f"{_plugin(e.dataset)}, fingerprint `{e.dataset.fingerprint}`."
    facts = [
        (name, getattr(cls, name))
        for name in ("source", "citation", "licence")
        if isinstance(getattr(cls, name, None), str)
    ]
    said = "\n".join(f"- {name}: {value}" for name, value in facts)
    return f"{_plugin(e.dataset)}, fingerprint `{e.dataset.fingerprint}`.\n\n{said}"


def _files(finals: Sequence[Final], predictions: str) -> str:
    rows = [(f"`{f.file}`", f"seed {f.cell.seed}, weight decay {f.cell.weight_decay:g}", _whose(f)) for f in finals]
    said = "class predicted for every test example, by moment and seed, weight decay 0"
    return _table(("file", "what", ""), [*rows, (f"`{predictions}`", said, "")] if predictions else rows)


def _whose(final: Final) -> str:
    return "the entry's network" if final.exact else "trained again: rounding led it elsewhere than the entry's"


def _loading(e: Entry, final: Final, shape: tuple[int, ...] | None) -> str:
    classes = len(e.dataset.classes)
    order = f"Outputs are logits of {', '.join(e.dataset.classes)}, in that order."
    if final.is_timm:
        name = e.backbone.name.partition(":")[2]
        channels = f", in_chans={shape[0]}" if shape and shape[0] != 3 else ""
        code = f"""import timm

model = timm.create_model({name!r}, num_classes={classes}{channels}, checkpoint_path={final.file!r})
model.eval()"""
        views = f"evaluation view {e.recipe.views.eval}, " if e.recipe.views else ""
        seen = f"Inputs: {views}pixels / 255, normalised by the model's mean and std (`timm.data.resolve_data_config`)."
        return f"With plain timm:\n\n```python\n{code}\n```\n\n{order} {seen}"
    options = "".join(f", {k}={v!r}" for k, v in e.backbone.options.items())
    code = f"""import wgbench
from safetensors.torch import load_file
from wgbench.types import Spec

spec = Spec(shape={shape!r}, n_outputs={classes})
model = wgbench.make("backbone", {e.backbone.name!r}{options}).build(spec)
model.load_state_dict(load_file({final.file!r}))
model.eval()"""
    return f"```python\n{code}\n```\n\n{order}"


def _plugin(plugin: Any) -> str:
    options = ", ".join(f"{k}={v}" for k, v in plugin.options.items())
    return f"`{plugin.name}` version {plugin.version}" + (f" ({options})" if options else "")


def _first_line(registry: Any, name: str) -> str:
    try:
        return str(registry.info(name).summary)
    except WgbenchError:
        return ""


def _torch(e: Entry) -> str:
    packages: Mapping[str, Any] = e.environment.get("packages") or {}
    return str(packages.get("torch", "unknown"))


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells)])
