"""The examples of a dataset, for a training loop of one's own: those that wgbench trains on and scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import wgbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from wgbench.types import Ragged, Tokens


@dataclass(frozen=True)
class Examples:
    """One split, in the order that `index` of `wgbench score` counts in.

    `inputs[i]` is a float tensor, an image (height, width, channels) of bytes, or a text and its second part or None.
    """

    inputs: "Tensor | Ragged | Tokens | Sequence[tuple[str, str | None]]"
    labels: "NDArray[np.int64]"  # (N,) places in classes
    groups: "NDArray[np.int64]"  # (N,) the one that an example is trained in
    membership: "NDArray[np.bool_]"  # (N, G) those that it is scored in, places in group_names
    classes: tuple[str, ...]
    group_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def examples(
    dataset: Any, split: Literal["train", "val", "test"] = "test", *, data_dir: str | Path | None = None
) -> Examples:
    """The examples of a split; a dataset is given by name, or as `make` builds it, and downloaded where it has to be.

    >>> test = examples("colored-digits", "test")
    >>> test.inputs.shape, test.labels.shape, test.classes
    (torch.Size([597, 3, 8, 8]), (597,), ('even', 'odd'))
    >>> test.group_names[test.groups[0]] in test.group_names
    True
    >>> examples("colored-digits", "middle")
    Traceback (most recent call last):
    wgbench.errors.BadOption: split 'middle': no such split; write one of train, val, test
    """
    from wgbench.datasets.base import SPLITS
    from wgbench.drafting import cache_root
    from wgbench.errors import BadOption
    from wgbench.types import Preprocess, Root

    if split not in SPLITS:
        raise BadOption(f"split {split!r}", "no such split", f"write one of {', '.join(SPLITS)}")
    source = wgbench.datasets.make(dataset) if isinstance(dataset, str) else dataset
    root = Root(cache_root(), Path(data_dir).expanduser() if data_dir is not None else None)
    source.prepare(root)
    found = source.load(root, split, Preprocess())
    return Examples(
        inputs=source.texts(root, split) if source.modality == "text" else found.x,
        labels=found.label.numpy(),
        groups=found.group.numpy(),
        membership=found.columns.numpy(),
        classes=tuple(source.classes),
        group_names=tuple(source.group_names),
    )
