import sys
from pathlib import Path

import pytest
import torch

from wgbench import backbones
from wgbench.errors import BadOption, MissingWeights, UnknownName
from wgbench.types import Spec

SMALL = Spec((3, 8, 8), 2)
NETWORKS = [("linear", SMALL), ("mlp", SMALL), ("cnn", SMALL), ("cnn", Spec((1, 28, 28), 3))]
NETWORKS += [("timm:resnet18", Spec((3, 32, 32), 2)), ("timm:test_vit", Spec((3, 160, 160), 2))]


@pytest.mark.parametrize(("name", "spec"), NETWORKS)
def test_the_output_is_the_head_of_the_features(name, spec):
    network = backbones.make(name).build(spec).eval()
    x = torch.randn(2, *spec.shape)
    features = network.features(x)
    assert features.dim() == 2
    assert torch.equal(network.head(features), network(x))
    assert network(x).shape == (2, spec.n_outputs)
    network(x).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_mlp_has_the_width_and_depth_it_was_asked_for():
    network = backbones.make("mlp", width=7, depth=3).build(SMALL)
    assert [tuple(p.shape) for p in network.parameters() if p.dim() == 2] == [(7, 192), (7, 7), (7, 7), (2, 7)]


def test_cnn_pools_to_four_pixels_and_refuses_tables():
    network = backbones.make("cnn", width=4).build(Spec((3, 64, 64), 2))
    assert sum(isinstance(m, torch.nn.MaxPool2d) for m in network.modules()) == 4
    with pytest.raises(BadOption, match="are no images; take --backbone mlp"):
        backbones.make("cnn").build(Spec((8,), 2))


def test_the_alias_is_torchvisions_training_and_initialisation():
    assert backbones.registry.find("resnet18").name == "timm:resnet18.tv_in1k"
    network = backbones.make("resnet18").build(Spec((3, 32, 32), 2))
    last_gammas = [b.bn2.weight for layer in ("layer1", "layer4") for b in getattr(network.model, layer)]
    assert all((g == 1).all() for g in last_gammas)  # timm's default is 0
    pre = backbones.make("resnet18").preprocess()
    assert pre.mean == pytest.approx((0.485, 0.456, 0.406))
    assert pre.size == 224


def test_an_unknown_model_of_timm_is_named():
    with pytest.raises(UnknownName, match="timm has no such model"):
        backbones.make("timm:resnet1x8").preprocess()


@pytest.mark.parametrize("name", ["linear", "mlp", "cnn"])
def test_our_own_networks_have_nothing_pretrained(name):
    with pytest.raises(MissingWeights, match=r"no pretrained weights; add --no-pretrained$"):
        backbones.make(name).build(Spec((3, 8, 8), 2, pretrained=True))
    with pytest.raises(MissingWeights, match=r"no pretrained weights; add --no-pretrained and drop --weights$"):
        backbones.make(name).build(Spec((3, 8, 8), 2, pretrained=True, weights=Path("mine.pth")))


def test_without_the_hub_the_message_names_the_way_out(monkeypatch):
    import timm

    def offline(*_, **__):
        raise OSError("no route to the hub")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(MissingWeights, match=r"give a file with --weights PATH .* or start from scratch"):
        backbones.make("resnet18").fetch(Spec((3, 224, 224), 2, pretrained=True))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_from_a_file_fill_everything_but_the_head(tmp_path, suffix):
    from safetensors.torch import save_file

    torch.manual_seed(1)
    source = backbones.make("resnet18").build(Spec((3, 32, 32), 1000))  # ImageNet's number of classes
    tensors = {k: v.contiguous() for k, v in source.model.state_dict().items()}
    path = tmp_path / f"w{suffix}"
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    torch.manual_seed(2)
    spec = Spec((3, 32, 32), 2, weights=path)
    backbones.make("resnet18").fetch(spec)
    loaded = backbones.make("resnet18").build(spec)
    assert torch.equal(loaded.model.conv1.weight, source.model.conv1.weight)
    assert loaded.head.weight.shape == (2, 512)


def test_wrong_weight_files_are_refused(tmp_path):
    spec = Spec((3, 32, 32), 2, weights=tmp_path / "w.pth")
    with pytest.raises(MissingWeights, match="no such file"):
        backbones.make("resnet18").fetch(spec)
    (tmp_path / "w.pth").write_bytes(b"<html>not found</html>")
    with pytest.raises(MissingWeights, match="not a weight file"):
        backbones.make("resnet18").build(spec)
    torch.save({"somebody": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(MissingWeights, match=r"another network's .*; give the weights of this very model"):
        backbones.make("resnet18").build(spec)


def test_pickled_code_in_a_weight_file_does_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (sys.modules["os"].mkdir, (str(tmp_path / "owned"),))

    torch.save({"x": Evil()}, tmp_path / "w.pth")
    with pytest.raises(MissingWeights, match="not a weight file"):
        backbones.make("resnet18").build(Spec((3, 32, 32), 2, weights=tmp_path / "w.pth"))
    assert not (tmp_path / "owned").exists()
