"""Evaluation views of a whole split: deterministic, so they are made once and kept."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
from torch import Tensor

from wgbench.config import Views
from wgbench.datasets import flat
from wgbench.datasets.flat import Item
from wgbench.engine.pil import eval_view
from wgbench.types import Ragged

CHUNK = 256  # images that threads resize at once


def evaluation_views(x: Tensor | Ragged, views: Views, cache: Path) -> Tensor:
    """Evaluation views (N, size, size, C) of all images: made once, in threads, and kept beside the decoded images."""
    folder = cache / "views" / _key(x, views)
    threads = min(8, os.cpu_count() or 1)

    def made(_: Path) -> Iterator[Item | str]:
        with ThreadPoolExecutor(threads) as pool:  # resampling releases the GIL
            for start in range(0, len(x), CHUNK):
                rows = range(start, min(start + CHUNK, len(x)))
                yield from pool.map(
                    lambda i: flat.item(np.ascontiguousarray(eval_view(x[i].numpy(), views)), (views.size,)), rows
                )

    resampling = f"pillow {PIL.__version__}"
    manifest: dict[str, object] = {"eval": [list(step) for step in views.eval], "resampling": resampling}
    if isinstance(x, Ragged) and x.store is not None:
        manifest["made_from"] = str(x.store.resolve())  # views of a store that is gone are removed
    remedy = "delete the folder: it is made again"
    plan = flat.Plan(len(x), np.uint8, "evaluation views", "view", "resizing", made, manifest, remedy)
    return flat.open_or_build(folder, plan).data.view(len(x), views.size, views.size, -1)


def _key(x: Tensor | Ragged, views: Views) -> str:
    """What evaluation views are made from: which images, which steps, which version of the resampling."""
    seen = hashlib.sha256(f"1 pillow {PIL.__version__} {views.eval}".encode())
    if isinstance(x, Ragged) and x.store is not None:
        seen.update(f"{x.store.parent.name}/{x.store.name}".encode())
        seen.update(x.offset.numpy().tobytes())
    elif isinstance(x, Ragged):
        seen.update(torch.cat([x.offset, x.height, x.width]).numpy().tobytes())
        seen.update(x.data.numpy().data)
    else:
        seen.update(str(tuple(x.shape)).encode())
        seen.update(x.contiguous().numpy().data)
    return seen.hexdigest()[:32]
