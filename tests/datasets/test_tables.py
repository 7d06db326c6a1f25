"""COMPAS and Adult: their source's format, their counts, what is said of damage."""

import csv
import shutil
import zipfile

import numpy as np
import pytest
import torch

from wgbench import datasets
from wgbench.datasets import adult, compas
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Root


def write_compas(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / compas.FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", *compas.NUMBERS, *compas.CODES, "is_recid", "name"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def person(i, **changes):
    row = dict.fromkeys(compas.NUMBERS, i % 3) | {"age": 20 + i % 50, "c_charge_degree": "FM"[i % 2]}
    row |= {"sex": ("Male", "Female")[i % 5 == 0], "race": ("Other", "Caucasian")[i % 3 == 0], "is_recid": i % 2}
    return row | {"id": i, "name": f"a, b{i}"} | changes


@pytest.fixture
def small(tmp_path, monkeypatch):
    folder = write_compas(tmp_path / "data" / "compas", [person(i) for i in range(500)])
    from wgbench.datasets.download import digest

    monkeypatch.setattr(compas.Compas, "sha256", {compas.FILE: digest(folder / compas.FILE)})
    monkeypatch.setattr(compas, "check_counts", lambda *_: None)
    return Root(tmp_path / "cache", tmp_path / "data")


def test_compas_has_eight_features_and_overlapping_groups(small):
    dataset = datasets.make("compas")
    dataset.prepare(small)
    splits = {s: dataset.load(small, s, Preprocess()) for s in ("train", "val", "test")}
    assert [len(s) for s in splits.values()] == [280, 70, 150]
    for split in splits.values():
        white, others, female, male = split.columns.unbind(1)
        assert torch.equal(white, ~others)
        assert torch.equal(female, ~male)
        assert torch.equal(white, split.x[:, 7] == 0)
        assert torch.equal(split.group, 2 * others.long() + male.long())
        assert 2.0 <= float(split.x[:, 4].min()) < float(split.x[:, 4].max()) <= 7.0  # age / 10


def test_the_carved_part_is_stratified(small):
    dataset = datasets.make("compas")
    train, val = (dataset.load(small, s, Preprocess()) for s in ("train", "val"))
    for g in range(4):
        n, m = int((train.group == g).sum()), int((val.group == g).sum())
        assert m / (n + m) == pytest.approx(0.2, abs=0.05)


def test_another_table_is_refused(tmp_path):
    (tmp_path / "nowhere").mkdir()
    write_compas(tmp_path / "data", [person(1)])
    with pytest.raises(BadData, match="not those of the published table; get it again from https"):
        datasets.make("compas").prepare(Root(tmp_path / "cache", tmp_path / "data"))
    with pytest.raises(MissingData, match=r"no compas-scores-two-years\.csv there nor in compas/"):
        datasets.make("compas").prepare(Root(tmp_path / "cache", tmp_path / "nowhere"))


def test_damage_of_the_table_is_named_with_its_line(tmp_path):
    path = write_compas(tmp_path, [person(1), person(2, age="old")]) / compas.FILE
    with pytest.raises(BadData, match=r"line 3: .old. is not a number"):
        compas.read(path)
    path.write_text("id,age\n1,2\n")
    with pytest.raises(BadData, match="no column 'juv_fel_count'"):
        compas.read(path)


def test_compas_counts_on_the_real_file(given_data, tmp_path):
    if not (given_data / "compas").is_dir():
        pytest.skip("no compas/ there")
    dataset, root = datasets.make("compas"), Root(tmp_path, given_data)
    dataset.prepare(root)
    train, val, test = (dataset.load(root, s, Preprocess()) for s in ("train", "val", "test"))
    whole = torch.cat([train.columns, val.columns])
    assert whole.sum(0).tolist() == [1714, 3335, 998, 4051]
    assert int(train.label.sum() + val.label.sum()) == 2459
    assert (len(test), int(test.label.sum())) == (2165, 1012)
    assert (train.x[0].tolist(), int(train.label[0])) == ([0, 0, 0, 2, 2.5, 0, 1, 0], 1)


def adult_line(i, income):
    male = i % 3 != 0
    words = ["Private", "HS-grad", "Divorced", "Sales", "?", "White", "Male" if male else "Female", "Cuba"]
    numbers = [20 + i % 40, 1000 + i, 9, i % 5 * 100, 0, 40]
    fields = dict(zip(adult.NUMBERS, map(str, numbers), strict=True))
    fields |= dict(zip(adult.WORDS, words[:6] + words[7:], strict=True)) if len(adult.WORDS) == 7 else {}
    fields |= {1: "Private", 3: ("HS-grad", "Masters")[i % 2], 5: "Divorced", 6: "Sales", 7: "Wife", 8: "White"}
    fields |= {9: words[6], 13: ("Cuba", "?")[i % 2], 14: income}
    return ", ".join(fields[k] for k in range(15))


@pytest.fixture
def incomes(tmp_path, monkeypatch):
    folder = tmp_path / "adult"
    folder.mkdir()
    lines = [adult_line(i, (">50K", "<=50K")[i % 4 > 0]) for i in range(400)]
    (folder / adult.TRAIN).write_text("\n".join(lines) + "\n\n")
    tests = [adult_line(i, (">50K.", "<=50K.")[i % 4 > 0]) for i in range(100)]
    (folder / adult.TEST).write_text("|1x3 Cross validator\n" + "\n".join(tests) + "\n")
    monkeypatch.setattr(adult, "check_counts", lambda *_: None)
    return Root(tmp_path / "cache", tmp_path)


def test_adult_reads_its_odd_test_file_and_standardises_on_train(incomes):
    dataset = datasets.make("adult")
    train, val, test = (dataset.load(incomes, s, Preprocess()) for s in ("train", "val", "test"))
    assert [len(s) for s in (train, val, test)] == [320, 80, 100]
    numbers = torch.cat([train.x, val.x])[:, :6]
    assert numbers[:, 0].mean().abs() < 1e-5
    assert float(numbers[:, 1].std(correction=0)) == pytest.approx(1, rel=1e-4)
    assert set(np.unique(test.x[:, 6:].numpy())) == {0.0, 1.0}
    assert float(test.label.float().mean()) == 0.25
    assert torch.equal(test.group, 2 * test.label + torch.tensor([int(i % 3 != 0) for i in range(100)]))


def test_a_short_line_of_adult_is_named(incomes):
    path = incomes.data / "adult" / adult.TRAIN
    path.write_text(path.read_text() + "39, State-gov\n")
    with pytest.raises(BadData, match="line 402: 2 fields instead of 15"):
        datasets.make("adult").load(incomes, "train", Preprocess())


@pytest.mark.parametrize("name", ["adult", "compas"])
def test_samples_have_the_shapes_of_the_tables(name, request):
    root, dataset = request.getfixturevalue({"adult": "incomes", "compas": "small"}[name]), datasets.make(name)
    real, made = dataset.load(root, "val", Preprocess()), dataset.sample(40, 0)
    wide = {"adult": 108, "compas": 8}[name]  # what the published tables come to; the small one has fewer words
    assert made.x.shape == (40, wide)
    assert (made.x.dtype, made.n_classes, made.n_groups) == (real.x.dtype, real.n_classes, real.n_groups)
    assert made.columns.shape == (40, len(dataset.group_names))
    assert made.columns.any(0).all()
    assert torch.equal(made.x, dataset.sample(40, 0).x)
    assert not torch.equal(made.x, dataset.sample(40, 1).x)


@pytest.mark.parametrize("name", ["adult", "compas"])
def test_a_changed_table_is_other_data(name, request):
    root, dataset = request.getfixturevalue({"adult": "incomes", "compas": "small"}[name]), datasets.make(name)
    before, path = dataset.fingerprint(root), root.data / name / {"adult": adult.TEST, "compas": compas.FILE}[name]
    assert before == dataset.fingerprint(root)
    path.write_bytes(path.read_bytes() + b"\n")
    assert dataset.fingerprint(root) != before


def test_a_label_that_is_none_and_an_empty_table_are_named(tmp_path, incomes):
    path = write_compas(tmp_path / "a", [person(1, is_recid="2")]) / compas.FILE
    with pytest.raises(BadData, match="line 2: is_recid is '2', neither 0 nor 1"):
        compas.read(path)
    with pytest.raises(BadData, match="it has no rows; get the table again"):
        compas.read(write_compas(tmp_path / "b", []) / compas.FILE)
    (incomes.data / "adult" / adult.TEST).unlink()
    with pytest.raises(BadData, match=r"adult\.test: not there; get both files"):
        datasets.make("adult").load(incomes, "test", Preprocess())
    (incomes.data / "adult" / adult.TRAIN).write_text("\n")
    with pytest.raises(BadData, match=r"adult\.data: it has no rows"):
        datasets.make("adult").load(incomes, "train", Preprocess())


def test_without_a_folder_the_tables_are_downloaded_once(incomes, small, tmp_path, monkeypatch):
    asked = []

    def fetch(urls, path, checksum, by_hand):
        asked.append((*urls, checksum))
        assert "--data-dir" in by_hand
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name in (adult.TRAIN, adult.TEST):
                    archive.write(incomes.data / "adult" / name, name)
        else:
            shutil.copyfile(small.data / "compas" / compas.FILE, path)
        return path

    monkeypatch.setattr("wgbench.datasets.download.fetch", fetch)
    root = Root(tmp_path / "empty")
    for name, given in (("adult", incomes), ("compas", small)):
        dataset = datasets.make(name)
        dataset.prepare(root)
        assert torch.equal(dataset.load(root, "val", Preprocess()).x, dataset.load(given, "val", Preprocess()).x)
    assert asked[0] == (adult.Adult.url, None)  # its publisher states no checksum
    assert asked[-1] == (compas.Compas.url, compas.Compas.sha256[compas.FILE])
    assert len([one for one in asked if one[0] == adult.Adult.url]) == 1
