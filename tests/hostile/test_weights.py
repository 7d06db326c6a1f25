"""Files of weights from anywhere: tensors by name that fit the network, or one line; their code is never run."""

import pickle
from collections import OrderedDict

import pytest
import torch
from hostility import VALUES, broken, property_of, survives
from hypothesis import strategies as st
from safetensors.torch import save_file

from wgbench.backbones.weights import load_body, read_weights
from wgbench.errors import MissingWeights


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def network():
    return torch.nn.Sequential(OrderedDict(body=torch.nn.Linear(4, 3), head=torch.nn.Linear(3, 2)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files in both forms, as bytes."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save({"state_dict": network().state_dict()}, folder / "w.pth")
    save_file(network().state_dict(), folder / "w.safetensors")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@property_of(data=st.data(), share=2)
def test_broken_files(name, data, whole, tmp_path):
    (tmp_path / name).write_bytes(data.draw(broken(whole[name])))
    survives(load_body, network(), tmp_path / name, {"head"})


@property_of(value=VALUES)
def test_files_of_other_values(value, tmp_path):
    torch.save(value, tmp_path / "w.pth")
    survives(load_body, network(), tmp_path / "w.pth", {"head"})


def test_what_they_would_run_is_not_run(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    with pytest.raises(MissingWeights, match="not a weight file"):
        read_weights(tmp_path / "w.pth")
    torch.save({"state_dict": Touch(tmp_path / "touched")}, tmp_path / "w.pth")
    with pytest.raises(MissingWeights, match="not a weight file"):
        read_weights(tmp_path / "w.pth")
    assert not (tmp_path / "touched").exists()


def test_tensors_of_other_shapes_are_another_networks(tmp_path):
    save_file({"body.weight": torch.zeros(9, 9), "body.bias": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(MissingWeights, match="another network's, of other shapes; give the weights of this very model"):
        load_body(network(), tmp_path / "w.safetensors", {"head"})
