"""Datasets with groups by name: `make`, `names`, `info`, `register`."""

from typing import TYPE_CHECKING

from wgbench.registry import Registry

if TYPE_CHECKING:
    from wgbench.datasets.base import Dataset

registry: "Registry[Dataset]" = Registry(
    "datasets",
    {
        "colored-digits": (
            "wgbench.datasets.colored_digits:ColoredDigits",
            "real handwritten digits, parity against a background colour; ships with scikit-learn, offline",
        ),
        "waterbirds": (
            "wgbench.datasets.waterbirds:Waterbirds",
            "photographs of birds on land and water backgrounds (Sagawa et al. 2020)",
        ),
        "waterbirds-fixed": (
            "wgbench.datasets.waterbirds:FixedWaterbirds",
            "waterbirds with the labels of three mislabelled species corrected",
        ),
        "waterbirds-synthetic": (
            "wgbench.datasets.synthetic:SyntheticWaterbirds",
            "drawn birds with Waterbirds' group counts, at any resolution; offline",
        ),
        "celeba": ("wgbench.datasets.celeba:CelebA", "photographs of faces, blond hair against male"),
        "multinli": ("wgbench.datasets.multinli:MultiNLI", "pairs of sentences, inference against negation; text"),
        "civilcomments4": (
            "wgbench.datasets.civilcomments:CivilComments4",
            "toxic comments against any mention of an identity; text",
        ),
        "civilcomments16": (
            "wgbench.datasets.civilcomments:CivilComments16",
            "the same comments, scored on sixteen overlapping groups; text",
        ),
        "compas": ("wgbench.datasets.compas:Compas", "recidivism, overlapping groups by race and sex; a table"),
        "adult": ("wgbench.datasets.adult:Adult", "income above 50,000 dollars by sex; a table"),
        "colored-mnist": ("wgbench.datasets.colored_mnist:ColoredMNIST", "MNIST digits with a spurious ink colour"),
        "dominoes": ("wgbench.datasets.dominoes:Dominoes", "a spurious MNIST digit above a CIFAR-10 car or truck"),
        "folder:<path>": ("wgbench.datasets.folder:Folder", "a folder of one's own, images and a metadata.csv"),
        "hf:<where>": ("wgbench.datasets.hf:HuggingFace", "a dataset of the Hugging Face hub, or local files"),
    },
)
make, names, info, register = registry.make, registry.names, registry.info, registry.register
