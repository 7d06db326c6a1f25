"""What entries are called: the algorithm, the loss where it is not cross-entropy, and what tells them apart."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wgbench.config import Recipe
from wgbench.results.by_hand import by_hand
from wgbench.results.lack import beside, lack
from wgbench.results.schema import Entry
from wgbench.results.stored import Stored

Fields = Mapping[str, Any]
USUAL_LOSS = Recipe.model_fields["loss"].default
TOLD = ("recipe.loss", "recipe.loss_options", "recipe.label_smoothing", "recipe.pretrained")  # by `loss` and `start`
COVERED = ("recipe.", "dataset.", "backbone.", "seeds", "weight decays")  # whose departures `partial` lists


def labels(entries: Sequence[Stored]) -> tuple[str, ...]:
    """A name of its own for every entry; that it is partial is said, or what else is not as the dataset has it."""
    held = [stored.entry for stored in entries]
    badges = [beside(entry.partial, own) for entry, own in zip(held, apart(held), strict=True)]
    return tuple(f"{name} ({said})" if said else name for name, said in zip(distinct(held), badges, strict=True))


def distinct(entries: Sequence[Entry]) -> list[str]:
    """A name of its own for every entry: an id ends it where the settings are the same."""
    names = [", ".join((e.algorithm.name, *own)) for e, own in zip(entries, apart(entries), strict=True)]
    return [f"{n} {e.id[:6]}" if names.count(n) > 1 else n for n, e in zip(names, entries, strict=True)]


def named(entry: Entry) -> str:
    """An entry by itself: `gdro`, or `gdro, loss squared, nu 0.1` where somebody chose these."""
    return ", ".join((entry.algorithm.name, *_own(entry)))


def titled(entry: Entry) -> str:
    """An entry, what it ran on and how often: `gdro on colored-digits, mlp, 5 seeds`."""
    n = len(entry.protocol.seeds)
    return f"{named(entry)} on {entry.dataset.name}, {entry.backbone.name}, {n} seed{'s' * (n > 1)}"


def apart(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    """What `named` tells beside the algorithm, and the settings that differ among entries with that name.

    A setting at the dataset's own value is left out where the entry shows that it is: nothing in `partial` names it.
    """
    names, fields = [named(e) for e in entries], [_telling(e) for e in entries]
    found = []
    for name, entry, own in zip(names, entries, fields, strict=True):
        alike = [f for other, f in zip(names, fields, strict=True) if other == name]
        said = [_said(k, own[k]) for k in differing(alike) if k in own and not _usual(entry, k)]
        found.append((*_own(entry), *said))
    return found


def differing(fields: Sequence[Fields]) -> Iterator[str]:
    """Names under which not all mappings have the same value, in their order."""
    for name in dict.fromkeys(k for f in fields for k in f):
        if any(f.get(name) != fields[0].get(name) for f in fields):
            yield name


def settings(entry: Entry) -> dict[str, Any]:
    """How an entry was trained, measured and run: all that may differ between entries on one ground."""
    environment = {k: v for k, v in entry.environment.items() if k not in ("device", "threads")}
    return flat(
        {
            "recipe": entry.recipe.model_dump(mode="json"),
            "loss": {entry.loss.name: entry.loss.options},
            "seeds": list(entry.protocol.seeds),
            "weight decays": list(entry.protocol.weight_decays),
            "mode": entry.mode.model_dump(mode="json"),
            "start": entry.backbone.start,
            "weights": entry.weights,
            "hyper-parameters": entry.tuning.label,
            "environment": {"device": entry.cost.device, "threads": entry.environment.get("threads"), **environment},
        }
    )


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def shown(value: Any, between: str = ", ") -> str:
    """A value for a reader: None as a dash."""
    if isinstance(value, list | tuple):
        return between.join(shown(v, between) for v in value)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _own(entry: Entry) -> tuple[str, ...]:
    """The loss where it is not cross-entropy, and options of the algorithm that were set by hand."""
    loss = () if entry.loss.name == USUAL_LOSS else (f"loss {entry.loss.name}",)
    return (*loss, *(_said(f"algorithm.{name}", value) for name, value in by_hand(entry).items()))


def _telling(entry: Entry) -> dict[str, Any]:
    """What may tell entries of one algorithm and loss apart, by dotted names; not where they ran."""
    plugins = {"algorithm": entry.algorithm, "backbone": entry.backbone, "dataset": entry.dataset}
    own = flat({owner: {"version": p.version, **p.options} for owner, p in plugins.items()})
    dropped = (*TOLD, "environment", "weights")
    kept = {k: v for k, v in settings(entry).items() if not any(k == d or k.startswith(f"{d}.") for d in dropped)}
    return own | kept


def _usual(entry: Entry, field: str) -> bool:
    """Whether the entry shows that a setting has the dataset's own value."""
    stated = [lack(line).name for line in entry.partial]
    name = field.removeprefix("recipe.")
    return field.startswith(COVERED) and not any(name == s or name.startswith(f"{s}.") for s in stated)


def _said(field: str, value: Any) -> str:
    owner, _, name = field.rpartition(".")
    name = f"{owner} version" if name == "version" else name.replace("_", " ")
    return f"{name} {shown(value, ' ')}"
