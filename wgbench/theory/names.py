"""The claims by name: what can be listed without torch."""

from typing import NamedTuple


class Name(NamedTuple):
    """A claim's title, and the module that measures it."""

    title: str
    module: str
    about: str


NAMES = {
    "theorem-1-2": Name("Theorems 1 and 2", "linear", "linear models end at one interpolator"),
    "corollary-3": Name("Corollary 3", "linearised", "so do linearised networks"),
    "theorem-4": Name("Theorem 4", "kernel", "the tangent kernel converges as width grows"),
    "theorem-5": Name("Theorem 5", "approximation", "wide networks stay close to their linearised twins"),
    "theorem-6": Name("Theorem 6", "limits", "wide networks end where ERM ends"),
    "appendix-c1": Name("Appendix C.1", "counterexample", "the counterexample to an older lemma"),
    "theorem-7": Name("Theorem 7", "penalty", "a small training risk means close to ERM, penalty or not"),
    "theorem-8": Name("Theorem 8", "penalty_wide", "the same for wide networks"),
    "assumption-1": Name("Assumption 1", "weights", "the weights converge, to values above 0"),
    "logistic": Name("Logistic loss", "logistic", "beyond the theorems: a trend, no verdict"),
}
