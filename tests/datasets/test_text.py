"""Texts: tokenised once; MultiNLI and CivilComments in the layouts of the real files."""

import os
import zlib

import numpy as np
import pytest
import torch
from layouts import NEGATED, PLAIN, write_civilcomments, write_multinli

from wgbench import datasets, protocol
from wgbench.datasets import tokens
from wgbench.datasets.multinli import has_negation
from wgbench.errors import BadData, BadOption, MissingData
from wgbench.request import Request
from wgbench.types import Preprocess, Root

GROUPS = {"train": (8, 6, 8, 2, 8, 2), "val": (3, 2, 3, 2, 3, 2), "test": (4, 2, 4, 2, 4, 2)}


@pytest.fixture
def multinli(tmp_path):
    return write_multinli(tmp_path / "multinli", GROUPS)


@pytest.fixture
def civil(tmp_path):
    return write_civilcomments(tmp_path / "civilcomments")


def loaded(name, root, tokenizer=None, **options):
    dataset = datasets.make(name, subset=True, **options)
    dataset.prepare(root)
    return dataset, {s: dataset.load(root, s, Preprocess(tokenizer=tokenizer)) for s in ("train", "val", "test")}


def test_words_are_hashed_and_pairs_are_cut_at_the_longer_part(tmp_path):
    texts = [("It's A dog", "a Dog"), ("a b c d e f g h i", "x"), ("a b c d e f", "u v w x y z"), ("", None)]
    made = tokens.tokenized(tmp_path, "id", lambda: texts, 4, "words:1000", 8)
    known = {w: 1 + zlib.crc32(w.encode()) % 999 for w in ("it", "'", "s", "a", "dog")}
    assert made[0].tolist() == [known[w] for w in ("it", "'", "s", "a", "dog", "a", "dog")]
    assert made.length.tolist() == [7, 8, 8, 0]
    assert made.second.tolist() == [5, 7, 4, 0]
    batch = made.gather(torch.tensor([0, 3, 1]))
    assert batch.shape == (3, 8, 2)
    assert batch[0, :, 1].tolist() == [1, 1, 1, 1, 1, 2, 2, 0]
    assert batch[0, 7].tolist() == [0, 0]
    assert batch[1].sum() == 0


def test_texts_are_tokenised_once(tmp_path):
    def texts():
        calls.append(1)
        return [("a b", None)] * 3

    calls = []
    for _ in range(2):
        tokens.tokenized(tmp_path, "id", texts, 3, "words:100", 8)
    assert len(calls) == 1
    for changed in (("id2", "words:100", 8), ("id", "words:101", 8), ("id", "words:100", 9)):
        tokens.tokenized(tmp_path, changed[0], texts, 3, *changed[1:])
    assert len(calls) == 4


def test_an_unknown_tokenizer_is_named(tmp_path):
    with pytest.raises(BadOption, match=r"tokenizer 'bytes:4': no such kind"):
        tokens.tokenized(tmp_path, "id", lambda: [("a", None)], 1, "bytes:4", 8)


@pytest.mark.parametrize("sentence", NEGATED)
def test_negations(sentence):
    assert has_negation(sentence)


@pytest.mark.parametrize("sentence", PLAIN)
def test_other_words_are_no_negations(sentence):
    assert not has_negation(sentence)


def test_multinli_has_its_groups_and_pairs(multinli, tmp_path):
    root = Root(tmp_path / "cache", multinli)
    dataset, splits = loaded("multinli", root)
    for name, split in splits.items():
        assert split.group.bincount().tolist() == list(GROUPS[name])
        assert torch.equal(split.label, split.group // 2)
    assert dataset.group_names[3] == "entailment-negation"
    first, second = dataset.texts(root, "val")[0]
    assert (first, second) == ("contradiction premise 0 of val", PLAIN[0])
    x = splits["val"].x
    assert x.second[0] == 5  # the words of the premise
    expected = [
        tokens.bucket(w, 32768)
        for w in ["contradiction", "premise", "0", "of", "val", "somebody", "came", ",", "i", "think", "."]
    ]
    assert x[0].tolist() == expected


def test_multinli_without_subset_wants_the_published_counts(multinli, tmp_path):
    with pytest.raises(BadData, match=r"multinli train: .*expected \[57498, .* declare a part"):
        datasets.make("multinli").prepare(Root(tmp_path / "cache", multinli))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("metadata_random.csv", "1,0,0,0", "1,0,1,0", r"row 1 of the sentences does not have the label and negation"),
        ("metadata_random.csv", "1,0,0,0", "999,0,0,0", r"row 999 of the sentences"),
        ("metadata_random.csv", "1,0,0,0", "1,0,0,7", r"line 2: label, negation or split is out of range"),
        ("metadata_random.csv", "1,0,0,0", "1,zero,0,0", r"line 2: not four numbers"),
        ("metadata_random.csv", "sentence2_has_negation", "negation", r"no column 'sentence2_has_negation'"),
        ("multinli_1.0_train.jsonl", '"sentence1"', '"premise"', r"train\.jsonl, line 1: not a JSON object with"),
    ],
)
def test_wrong_multinli_files_are_named(multinli, tmp_path, file, old, new, says):
    text = (multinli / file).read_text()
    assert old in text
    (multinli / file).write_text(text.replace(old, new, 1))
    with pytest.raises(BadData, match=says):
        loaded("multinli", Root(tmp_path / "cache", multinli))


def test_a_missing_multinli_file_is_named(multinli, tmp_path):
    (multinli / "multinli_1.0_dev_matched.jsonl").unlink()
    with pytest.raises(MissingData, match=r"no multinli_1\.0_dev_matched\.jsonl beside metadata_random\.csv; get"):
        loaded("multinli", Root(tmp_path / "cache", multinli))


def test_civilcomments4_counts_any_identity(civil, tmp_path):
    dataset, splits = loaded("civilcomments4", Root(tmp_path / "cache", civil))
    assert splits["train"].group.bincount().tolist() == [2, 16, 2, 16]
    assert splits["train"].label.tolist() == [0, 1] * 18
    assert dataset.group_names[1] == "fine-identity"
    assert dataset.texts(Root(tmp_path / "cache", civil), "test")[1][0] == 'awful words, "quoted",\non test line 1'


def test_civilcomments16_scores_overlapping_groups(civil, tmp_path):
    dataset, splits = loaded("civilcomments16", Root(tmp_path / "cache", civil))
    split = splits["test"]
    assert split.columns.shape == (36, 16)
    assert dataset.group_names[8 + 2] == "toxic-LGBTQ"
    assert split.columns.sum(0).tolist() == [2] * 7 + [4] + [2] * 7 + [4]  # the men are white as well
    assert split.columns.sum(1).tolist() == [2, 2, *[1] * 14, 0, 0] * 2  # nobody is mentioned in every ninth pair
    assert split.n_groups == 4  # training: label x black
    assert split.group.bincount().tolist() == [16, 2, 16, 2]


def test_wrong_civilcomments_tables_are_named(civil, tmp_path):
    path = civil / "all_data_with_identities.csv"
    text = path.read_text()
    path.write_text(text.replace(",val,", ",dev,", 1))
    with pytest.raises(BadData, match=r"comment 36: split is 'dev', not one of train, val, test"):
        loaded("civilcomments4", Root(tmp_path / "cache", civil))
    path.write_text(text.replace("christian", "buddhist", 1))
    os.utime(path, ns=(1, 1))
    with pytest.raises(BadData, match=r"no table with the columns toxicity, male, .*christian"):
        loaded("civilcomments4", Root(tmp_path / "cache", civil))
    path.write_text(text.replace("0.4999", "mild", 1))
    with pytest.raises(BadData, match=r"column 'toxicity' holds something else than numbers"):
        loaded("civilcomments4", Root(tmp_path / "cache", civil))
    path.write_text(text)
    with pytest.raises(BadData, match=r"civilcomments train: .*\[36\], expected \[269038\]"):
        datasets.make("civilcomments4").prepare(Root(tmp_path / "cache", civil))


@pytest.mark.parametrize("name", ["multinli", "civilcomments4", "civilcomments16"])
def test_samples_have_the_shapes_of_the_data(name, multinli, civil, tmp_path):
    folder = multinli if name == "multinli" else civil
    dataset, splits = loaded(name, Root(tmp_path / "cache", folder))
    sample = dataset.sample(40, 0)
    assert (len(sample), sample.n_classes, sample.n_groups) == (40, splits["val"].n_classes, splits["val"].n_groups)
    assert sample.columns.shape[1] == len(dataset.group_names)
    assert sample.columns.any(0).all()
    assert int(sample.x.length.max()) <= 12


def test_a_bag_of_words_learns_civilcomments(civil, tmp_path):
    settings = {"dataset.subset": True, "recipe.lr": 0.01, "recipe.batch_size": 12}
    common = {"backbone": "bag", "pretrained": False, "data_dir": civil, "settings": settings, "baseline": False}
    result = protocol.run(
        Request(
            "gdro", "civilcomments16", **common, seeds=(1,), weight_decays=(0.0,), epochs=21, jobs=1, store=tmp_path
        )
    )
    assert result.entry.scores.wga_final.mean == 1  # the first word tells
    counts = result.entry.dataset.counts["test"]
    assert (len(counts["total"]), counts["n"]) == (16, 36)


def test_a_network_for_images_is_refused(civil, tmp_path):
    request = Request("erm", "civilcomments4", backbone="mlp", pretrained=False, data_dir=civil, jobs=1, store=tmp_path)
    with pytest.raises(BadOption, match=r"--backbone mlp: it does not read texts; take --backbone bag"):
        protocol.run(request)
    with pytest.raises(BadOption, match=r"--backbone bag: it does not read tables; take --backbone mlp"):
        protocol.run(Request("erm", "toy", backbone="bag", jobs=1, store=tmp_path))


def test_made_up_tokens_are_random_and_fixed():
    a, b, c = (tokens.made_up(9, np.random.default_rng(seed), pairs=True) for seed in (0, 0, 1))
    assert a.data.equal(b.data)
    assert not a.data.equal(c.data)
    assert (a.second < a.length).all()
