"""What the site says about scores and columns: one place for every definition."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "difference", "loss", "epoch"]  # a difference has a sign, a loss is good when negative


@dataclass(frozen=True)
class Word:
    """A score by the name of its field: how it is called, what it is, and in what it is counted."""

    label: str
    definition: str
    unit: Unit = "share"


SCORES: dict[str, Word] = {
    "wga_early": Word(
        "early",
        "Worst-group accuracy on test, mean over the early window of epochs: a fixed early stop that nobody tuned.",
    ),
    "wga_selected": Word(
        "selected", "Worst-group accuracy on test at the epoch with the best worst-group accuracy on validation."
    ),
    "wga_selected_by_acc": Word(
        "selected by accuracy", "The same at the epoch of best validation accuracy, which needs no group labels."
    ),
    "wga_selected_by_worst_class": Word(
        "selected by worst class", "The same at the epoch at which the worst class does best on validation."
    ),
    "wga_final": Word(
        "final", "Worst-group accuracy on test, mean over the last epochs: what is left. The board ranks by it."
    ),
    "val_wga_final": Word("final, on validation", "Worst-group accuracy on validation, mean over the last epochs."),
    "overfit_drop": Word(
        "drop",
        "Selected minus final: what is lost by training on. Only where every seed fits the training set "
        "(99.9 % of it) by half of the horizon; otherwise there is none.",
        "loss",
    ),
    "drop_from_early": Word("drop from early", "Early minus final.", "loss"),
    "erm_excess_early": Word("early - ERM", "Early minus ERM's, paired by seed.", "difference"),
    "erm_excess_selected": Word("selected - ERM", "Selected minus ERM's, paired by seed.", "difference"),
    "erm_excess_final": Word(
        "final - ERM",
        "Final minus that of ERM with the same loss and recipe, paired by seed: what reweighting is worth at the end.",
        "difference",
    ),
    "wd_mean": Word("mean over weight decays", "Final worst-group accuracy, mean over the grid of weight decays."),
    "wd_worst": Word("worst weight decay", "Final worst-group accuracy at the least favourable weight decay, 0 too."),
    "wd_best": Word(
        "best weight decay", "Final worst-group accuracy at the weight decay above 0 that is best on validation."
    ),
    "acc_final": Word("accuracy", "Accuracy on test over all examples, mean over the last epochs."),
    "acc_train_weighted_final": Word(
        "accuracy, train weights", "Test accuracy of the groups, weighted by their sizes in train; last epochs."
    ),
    "acc_group_mean_final": Word("accuracy, mean of groups", "Unweighted mean of the groups' test accuracies."),
    "train_acc_early": Word("train accuracy, early", "Accuracy on train over the early window, un-augmented."),
    "train_acc_final": Word("train accuracy, final", "Accuracy on train over the last epochs, un-augmented."),
    "selected_epoch": Word("selected epoch", "The epoch that validation selects.", "epoch"),
    "interpolation_epoch": Word("interpolation epoch", "The first epoch with 99.9 % accuracy on train.", "epoch"),
    "hold_epoch": Word("hold epoch", "The epoch from which on train accuracy stays at 100 %.", "epoch"),
}

SUPERVISION = {
    "train_group": "train groups",
    "val_group": "val groups",
    "val_label": "val labels",
}

LEVELS = {
    "schema": "the files are complete and well-formed",
    "recount": "scores, counts and hashes follow from each other (consistency, not truth)",
    "replay": "one seed was trained again for some epochs, and its counts agree",
    "full": "one seed was trained again to the full horizon, and its counts agree",
}


DEPARTURES = {  # by their kind
    "narrowed": "Run in part",
    "data": "Data",
    "changed": "Other settings",
}


@dataclass(frozen=True)
class Column:
    """A column of a dataset's table. `first` is the direction that a first click sorts in."""

    key: str
    label: str
    about: str
    first: Literal["ascending", "descending"] = "descending"
    text: bool = False


COLUMNS: tuple[Column, ...] = (
    Column(
        "rank",
        "#",
        "Place by final worst-group accuracy among complete, fully replayed entries of one network.",
        "ascending",
    ),
    Column(
        "algorithm",
        "algorithm",
        "The method, with its loss where that is not cross-entropy, and settings that tell rows apart.",
        "ascending",
        text=True,
    ),
    Column("needs", "supervision", "Labels it may see beyond the labels of train.", "ascending", text=True),
    Column("wga_early", "early", SCORES["wga_early"].definition),
    Column("wga_selected", "selected", SCORES["wga_selected"].definition),
    Column("wga_final", "final", SCORES["wga_final"].definition),
    Column("overfit_drop", "drop", SCORES["overfit_drop"].definition),
    Column("wd_worst", "worst wd", SCORES["wd_worst"].definition),
    Column(
        "wd_band",
        "wd band",
        "How many of the weight decays above 0 end within 5 points of the selected accuracy.",
    ),
    Column("erm_excess_final", "final - ERM", SCORES["erm_excess_final"].definition),
    Column(
        "erm_distance",
        "unlike ERM",
        "Share of test examples that the final model predicts otherwise than ERM's of the same seed, "
        "on the group where that is largest.",
    ),
    Column("network", "network", "The network that was trained.", "ascending", text=True),
    Column("tuning", "tuning", "How hyper-parameters were chosen: defaults, or a declared search.", "ascending", True),
    Column("level", "verified", "How far the entry was checked and replayed: schema, recount, replay, full."),
    Column("cost", "cost", "Time that the runs of the entry took, added up.", "ascending"),
    Column("parameters", "params / ex.", "Parameters of the network per training example."),
)

REPORTED: tuple[Column, ...] = (
    Column("algorithm", "algorithm", "The method, by its name here.", "ascending", text=True),
    Column("source", "source", "Who reports it.", "ascending", text=True),
    Column("weight_decay", "weight decay", "As the source states it.", "ascending"),
    Column("when", "epochs", "The early window, or the last epochs.", "ascending", text=True),
    Column("train_acc", "train accuracy", "Average accuracy on train."),
    Column("wga", "worst group, test", "Worst-group accuracy on test."),
)
