"""What to know about an entry: why a score is missing, and how much an interval says."""

import pytest
from committed import committed
from scipy import stats

from wgbench.results import schema
from wgbench.results.remarks import remarks


def edited(*, epochs=300, seeds=(2002, 2022, 2042)):
    entry = schema.read(committed("gdro"))
    return entry.model_copy(
        update={
            "recipe": entry.recipe.model_copy(update={"epochs": epochs}),
            "protocol": entry.protocol.model_copy(update={"seeds": seeds}),
        }
    )


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        (3, ["epochs 3: early scores need 20, final scores need 10"]),
        (10, ["epochs 10: early scores need 20"]),
        (20, []),
    ],
)
def test_a_short_run_says_which_scores_it_cannot_have(epochs, said):
    assert remarks(edited(epochs=epochs)) == said


def test_two_seeds_are_told_of():
    (line,) = remarks(edited(seeds=(2002, 2022)))
    assert [f"{stats.t.ppf(0.975, n - 1):.1f}" in line for n in (2, 3)] == [True, True]
    assert remarks(edited(seeds=(2002,))) == remarks(edited()) == []
