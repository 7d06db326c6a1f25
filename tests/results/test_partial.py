"""What an entry says that it lacks: settings by name, in words."""

import pytest

from wgbench import datasets
from wgbench.config import replaced
from wgbench.drafting import foreseen
from wgbench.request import Request
from wgbench.results.partial import lacks


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ()),
        ({"lr": 0.5}, ("lr 0.5 instead of 0.0001",)),
        (
            {"views.size": 64},
            ("views.size 64 instead of 224", "views.eval resize 73, crop 64 instead of resize 256, crop 224"),
        ),
        ({"views.scale": None}, ("views.scale None instead of 0.7, 1.0",)),
        ({"views.flip": False, "epochs": 5}, ("epochs 5 instead of 500", "views.flip False instead of True")),
    ],
)
def test_a_changed_recipe_is_told_part_by_part(changes, said):
    dataset = datasets.make("waterbirds")
    subject = foreseen(Request("erm", "waterbirds"))
    changed = subject.model_copy(update={"recipe": replaced(dataset.recipe, changes)})
    assert lacks(changed, dataset, has_baseline=True) == said
