"""Which figures a report shows, and what they are called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from wgbench.config import slug
from wgbench.plots import accuracy, scores, weight_decay, weights
from wgbench.plots.series import plain
from wgbench.results.ground import Ground
from wgbench.results.labels import USUAL_LOSS
from wgbench.results.stored import Stored
from wgbench.site.board.numbers import percent

PAPER = ("erm", "iw", "gdro")  # the algorithms of the paper's figures
MOST = 6  # lines that one panel can hold


@dataclass(frozen=True)
class Plate:
    """A figure with its file's name, what stands below it, and what it shows to those who do not see it."""

    name: str
    caption: str
    alt: str
    draw: Callable[[], Figure]


def of_ground(ground: Ground) -> list[Plate]:
    """Figures that compare the entries on one ground; none where there is a single one."""
    entries, kept = ground.entries, plain(ground.entries)
    if len(entries) < 2:
        return []
    few = _few(kept)
    names = "; ".join(_names(ground, few))
    ends = f"Final worst-group accuracy: {_ends(ground)}."
    found = [
        Plate("early-selected-final", "Early, selected and final worst-group accuracy on test, no weight decay.",
              f"Dots with intervals, a row per entry. {ends}", lambda: scores.early_selected_final(entries)),
        Plate("groups", "Final test accuracy of every group, no weight decay.",
              "Dots with intervals, a row per entry, a marker per group; numbers in the table of groups.",
              lambda: scores.final_by_group(entries)),
        Plate("accuracy", f"Average and worst-group accuracy on train and test over epochs: {names}.",
              f"Four panels of lines over epochs. {ends}", lambda: accuracy.accuracy_curves(few)),
    ] if kept else []  # fmt: skip
    if len(few) < len(kept):
        caption = "Average and worst-group accuracy on train and test over epochs, a panel per entry."
        alt = f"Four lines in each of {len(kept)} panels. {ends}"
        found.append(Plate("per-algorithm", caption, alt, lambda: accuracy.accuracy_per_algorithm(entries)))
    if any(stored.entry.scores.wd_curve for stored in entries):
        caption = "Final accuracy along the grid of weight decays, and the band within 5 points of selection."
        alt = f"A panel per entry. Weight decays within the band: {_bands(ground)}."
        found.append(Plate("robustness", caption, alt, lambda: weight_decay.weight_decay_robustness(entries)))
    return found


def of_entry(stored: Stored, label: str) -> list[Plate]:
    """Figures of one entry."""
    name, final = file_name(stored), stored.entry.scores.wga_final
    end = f" Worst group on test at the end: {percent(final.mean)} %." if final else ""
    found = [
        Plate(f"{name}-accuracy", "Accuracy over epochs, no weight decay.", f"{label}: four lines over epochs.{end}",
              lambda: accuracy.accuracy_of(stored)),
        Plate(f"{name}-groups", "Test accuracy of every group, no weight decay.",
              f"{label}: a line per group; numbers in the table of this entry.",
              lambda: accuracy.group_accuracies(stored)),
        Plate(f"{name}-weights", "Weights of the training groups, no weight decay.",
              f"{label}: share of the weights of each group over epochs.", lambda: weights.group_weights(stored)),
    ] if plain([stored]) else []  # fmt: skip
    if len(stored.entry.protocol.weight_decays) > 1 or not found:
        caption = "Average train and worst-group test accuracy, a line per weight decay."
        alt = f"{label}: two panels of lines over epochs, one line per weight decay."
        found.append(Plate(f"{name}-weight-decay", caption, alt, lambda: weight_decay.weight_decay_curves(stored)))
    return found


def file_name(stored: Stored) -> str:
    """What the files of an entry begin with."""
    return f"{slug(stored.entry.algorithm.name)}-{stored.entry.id[:6]}"


def _few(entries: Sequence[Stored]) -> list[Stored]:
    """All entries where one panel can hold them, else those of the paper's algorithms and loss, else the best."""
    if len(entries) <= MOST:
        return list(entries)
    paper = [s for s in entries if s.entry.algorithm.name in PAPER and s.entry.loss.name == USUAL_LOSS]
    return (paper or list(entries))[:MOST]


def _names(ground: Ground, some: Sequence[Stored]) -> list[str]:
    return [label for label, s in zip(ground.labels, ground.entries, strict=True) if s in some]


def _ends(ground: Ground) -> str:
    named = zip(ground.labels, (s.entry.scores.wga_final for s in ground.entries), strict=True)
    return "; ".join(f"{label} {percent(final.mean)} %" for label, final in named if final) or "none"


def _bands(ground: Ground) -> str:
    named = zip(ground.labels, (s.entry.scores for s in ground.entries), strict=True)
    return "; ".join(f"{label} {s.wd_band} of {s.wd_band_of}" for label, s in named if s.wd_band is not None) or "none"
