"""Which epoch to keep: functions of train and val curves only.

Accuracies are compared as float64, which is exact here. Rounding keeps order, so it can only turn an inequality into a
tie, and two accuracies that round to the same double in [0, 1] are at most 2^-53 apart. Different fractions a/b and c/d
are at least 1/(bd) apart, 2^-52 for splits of up to 2^26 examples; equal fractions round to equal doubles.
"""

from wgbench.evaluation.curves import Visible


def by_worst_group(visible: Visible) -> int:
    """Row (epoch - 1) of the best val worst-group accuracy, the first on ties."""
    return int(visible.val.worst_group_acc.argmax())


def by_accuracy(visible: Visible) -> int:
    """Row (epoch - 1) of the best val accuracy, the first on ties: needs no group labels."""
    return int(visible.val.acc.argmax())


def by_worst_class(visible: Visible) -> int:
    """Row (epoch - 1) of the best val accuracy on the worst class, the first on ties: needs no group labels."""
    return int(visible.val.worst_class_acc.argmax())
