import numpy as np
import pytest
import torch

from wgbench import datasets
from wgbench.errors import BadData
from wgbench.types import Preprocess, Root


@pytest.fixture
def load(cache):
    def loader(**options):
        dataset = datasets.make("colored-digits", **options)
        dataset.prepare(Root(cache))
        return {s: dataset.load(Root(cache), s, Preprocess()) for s in ("train", "val", "test")}

    return loader


def agreement(split):
    return float((split.group % 2 == split.label).float().mean())


def test_sizes_groups_and_the_spurious_colour(load):
    splits = load()
    assert [len(splits[s]) for s in ("train", "val", "test")] == [1000, 200, 597]
    assert agreement(splits["train"]) == pytest.approx(0.95, abs=0.001)
    assert agreement(splits["val"]) == pytest.approx(0.5, abs=0.005)
    assert agreement(splits["test"]) == pytest.approx(0.5, abs=0.005)
    for split in splits.values():
        assert torch.equal(split.group // 2, split.label)
        assert split.x.shape[1:] == (3, 8, 8)


def test_the_colour_is_red_or_green_by_group_and_the_digit_is_real(load):
    from sklearn.datasets import load_digits

    digits = load_digits()
    train = load(noise=0)["train"]
    red, green, blue = train.x.unbind(1)  # blue is the ink alone
    ground = (red - blue).sum((1, 2)) > (green - blue).sum((1, 2))  # red ground
    assert torch.equal(ground.long(), 1 - train.group % 2)
    known = {tuple(np.round(d).astype(int)): t % 2 for d, t in zip(digits.data, digits.target, strict=True)}
    seen = [tuple((16 * ink).round().int().flatten().tolist()) for ink in blue]
    assert [known[s] for s in seen] == train.label.tolist()


def test_splits_are_disjoint_and_together_all_digits(load):
    rows = torch.cat([s.x[:, 2].flatten(1) for s in load(noise=0).values()])
    from sklearn.datasets import load_digits

    assert sorted(map(tuple, (16 * rows).round().int().tolist())) == sorted(
        map(tuple, load_digits().data.astype(int).tolist())
    )


def test_noise_is_gaussian_and_fixed_per_example(load):
    noisy, again, plain = load()["train"].x, load()["train"].x, load(noise=0)["train"].x
    assert torch.equal(noisy, again)
    rest = noisy - plain
    assert float(rest.std()) == pytest.approx(0.1, rel=0.01)
    assert float((rest.abs() < 0.1).float().mean()) == pytest.approx(0.683, abs=0.01)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_agreement_is_an_option(load, share):
    splits = load(agreement=share)
    assert agreement(splits["train"]) == pytest.approx(share, abs=0.001)
    assert agreement(splits["test"]) == pytest.approx(0.5, abs=0.005)


def test_draws_differ(load):
    assert not torch.equal(load()["train"].x, load(draw=1)["train"].x)


def test_damaged_digits_are_named(tmp_path):
    dataset = datasets.make("colored-digits")
    dataset.prepare(Root(tmp_path))
    (path,) = (tmp_path / "colored-digits").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadData, match=f"are not scikit-learn's; delete {path}"):
        dataset.load(Root(tmp_path), "train", Preprocess())


def test_flipped_labels_are_outliers_in_training_alone(load):
    plain, noisy = load(), load(label_noise=0.2)
    flipped = plain["train"].label != noisy["train"].label
    assert int(flipped.sum()) == 200
    assert torch.equal(plain["train"].x, noisy["train"].x)
    assert torch.equal(noisy["train"].group, 2 * noisy["train"].label + plain["train"].group % 2)
    assert torch.equal(plain["test"].label, noisy["test"].label)
