"""Files of initial weights."""

from pathlib import Path

import torch
from torch import Tensor, nn

from wgbench.errors import MissingWeights


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors or .pth file; pickled code is never run. MissingWeights says what is wrong."""
    asked = f"--weights {path.name}"
    if not path.is_file():
        raise MissingWeights(asked, "no such file", "give the path of a .safetensors or .pth file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # corrupt in any of many ways
        raise MissingWeights(asked, f"not a weight file ({type(problem).__name__})", "fetch it again") from problem
    tensors = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(tensors, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items()
    ):
        raise MissingWeights(asked, "it holds something else than tensors by name", "give a state dict")
    return dict(tensors)


def load_body(model: nn.Module, path: Path, heads: set[str]) -> None:
    """Load all weights but those of the modules named `heads`, which may have another number of classes."""

    def in_head(name: str) -> bool:
        return any(name.startswith(f"{head}.") for head in heads)

    given = {k: v for k, v in read_weights(path).items() if not in_head(k)}
    try:
        missing, unexpected = model.load_state_dict(given, strict=False)
    except RuntimeError:  # of other shapes
        remedy = "give the weights of this very model"
        raise MissingWeights(
            f"--weights {path.name}", "its tensors are another network's, of other shapes", remedy
        ) from None
    left = [k for k in missing if not in_head(k) and "num_batches_tracked" not in k]
    if left or unexpected:
        wrong = f"its tensors are another network's (first: {(left or unexpected)[0]})"
        raise MissingWeights(f"--weights {path.name}", wrong, "give the weights of this very model")
