"""Suites: products to requests, files and what is wrong with them, and the paper's numbers in those that come along."""

import json
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from wgbench import algorithms, losses, suite_file
from wgbench.config import SEEDS
from wgbench.drafting import draft
from wgbench.errors import BadSuite
from wgbench.registry import BUILT_IN
from wgbench.suite import Suite

ROOT = Path(__file__).parents[1]
NAMES = [
    "colored-mnist-cpu",
    "compas",
    "dominoes-cpu",
    "embedded",
    "paper-figure1",
    "paper-figure2",
    "paper-figure3",
    "paper-table1",
    "remedies",
    "smoke",
]


def suite(*entries, **fields):
    """A suite as its file would give it."""
    return Suite.model_validate_json(json.dumps({"title": "t", "entries": entries, **fields}))


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text if isinstance(text, str) else "\n".join(text))
    return path


# Products


def test_a_product_is_every_combination_with_algorithms_varying_fastest():
    items = suite({"algorithms": ["erm", "iw"], "datasets": ["toy", "adult"], "backbones": ["mlp", "linear"]}).items()
    combinations = [(i.request.dataset, i.request.backbone, i.request.algorithm) for i in items]
    assert combinations == [(d, b, a) for d in ("toy", "adult") for b in ("mlp", "linear") for a in ("erm", "iw")]


def test_variants_override_their_product_and_settings_are_merged():
    outer = {
        "algorithms": ["erm", "iw"],
        "datasets": ["toy"],
        "epochs": 7,
        "settings": {"recipe.lr": 0.1, "dataset.n": 8},
    }
    inner = [
        {"label": "plain"},
        {"label": "other", "algorithms": ["gdro"], "epochs": 9, "settings": {"recipe.lr": 0.2, "nu": 0.5}, "note": "n"},
    ]
    first, second, third = (i.request for i in suite({**outer, "variants": inner}).items())
    assert (first.algorithm, second.algorithm, third.algorithm) == ("erm", "iw", "gdro")
    assert (first.epochs, third.epochs) == (7, 9)
    assert first.settings == {"recipe.lr": 0.1, "dataset.n": 8}
    assert third.settings == {"recipe.lr": 0.2, "dataset.n": 8, "nu": 0.5}
    assert (first.note, third.note) == ("plain", "n")
    assert (first.seeds, first.weight_decays, first.pretrained, first.baseline) == (None, None, None, True)


def test_circumstances_reach_every_request_and_weights_those_that_start_from_some(tmp_path):
    part = {
        "algorithms": ["erm"],
        "datasets": ["toy"],
        "variants": [{"pretrained": True}, {"pretrained": False}, {"epochs": 1}],
    }
    items = suite(part).items({"store": tmp_path, "jobs": 3, "weights": tmp_path / "w"})
    assert all(i.request.store == tmp_path and i.request.jobs == 3 for i in items)
    assert [i.request.weights for i in items] == [tmp_path / "w", None, None]


def test_patterns_fit_labels_algorithms_datasets_networks_and_names():
    part = {
        "algorithms": ["erm", "gdro-balanced"],
        "datasets": ["toy"],
        "variants": [{"label": "more data"}, {"epochs": 2}],
    }
    items = suite(part).items()

    def fitting(pattern):
        return [i.name for i in items if i.matches(pattern)]

    assert fitting("gdro*") == ["gdro-balanced on toy, more data", "gdro-balanced on toy"]
    assert fitting("more data") == ["erm on toy, more data", "gdro-balanced on toy, more data"]
    assert len(fitting("toy")) == 4
    assert fitting("nothing") == []


# What is refused

GOOD = "title: t\nentries:\n  - {algorithms: [erm], datasets: [toy]}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it should be an object"),
        ("[1, 2]", "it should be an object"),
        ("title: t", "entries: Field required; add it"),
        ("title: t\nentries: []", "entries: Tuple should have at least 1 item"),
        (GOOD.replace("title: t", "titel: t\ntitle: t"), r"no field 'titel'; did you mean title\?"),
        (GOOD.replace("algorithms", "algorithm"), r"entries\.0: no field 'algorithm'; did you mean algorithms\?"),
        (GOOD.replace("toy]", "toy], variants: [{epoch: 3}]"), r"variants\.0: no field 'epoch'; did you mean epochs"),
        (GOOD.replace("[erm]", "erm"), r"entries\.0\.algorithms: it should be a valid array"),
        (GOOD.replace("[erm]", "[1]"), r"algorithms\.0: it should be a valid string; write a text, in quotes"),
        (GOOD.replace("[erm]", "[]"), r"algorithms: Tuple should have at least 1 item"),
        (GOOD.replace(", datasets: [toy]", ""), r"entries\.0: it has no datasets; give them, as datasets: \[toy\]"),
        (GOOD.replace("toy]", "toy], epochs: '3'"), r"entries\.0\.epochs: it should be a valid integer"),
        (GOOD.replace("toy]", "toy], epochs: 0"), r"epochs: it should be greater than 0"),
        (GOOD.replace("toy]", "toy], seeds: [1.5]"), r"seeds\.0: it should be a valid integer"),
        (GOOD.replace("toy]", "toy], weight_decays: [-1]"), r"weight_decays\.0: .*greater than or equal to 0"),
        (GOOD.replace("toy]", "toy], weight_decays: [1e-3]"), r"weight_decays\.0: it should be a valid number"),
        (GOOD.replace("toy]", "toy], weight_decays: [.nan]"), "it holds a number that is not finite"),
        (GOOD.replace("toy]", "toy], note: 2021-10-06"), "a value is no text.*write it in quotes"),
        (GOOD.replace("toy]", "toy], settings: {1: 2}"), "line 3: the key '1' is no text; write it in quotes"),
        (GOOD.replace("toy]", "toy], settings: {nu: 1, nu: 2}"), "line 3: the key 'nu' is written twice; drop one"),
        (GOOD + "title: again", "line 4: the key 'title' is written twice"),
        (GOOD + GOOD.partition("\n")[2].replace("entries:\n", ""), "erm on toy is listed twice; drop one"),
        (GOOD.replace("[erm]", "[erm, ERM]"), "ERM on toy is listed twice"),
        ("title: &a t\nentries: *a", "line 1: anchors and aliases are not read; use variants"),
        ("title: !!python/object/apply:os.system [true]", "line 1: no YAML .*python/object/apply"),
        ("title: t\n  bad: [", "line 2: no YAML"),
        ("title: t\n\tentries: 1", "line 2: no YAML"),
        ("--- 1\n--- 2", "no YAML"),
        ("title: \x00", "no YAML"),
        ("[" * 5000, "nested too deeply|no YAML"),
        ("title: t\nentries:\n" + "  - {algorithms: [erm], datasets: [toy]}\n" * 7000, "larger than 256 KiB"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_are_told_in_one_line_with_place_and_remedy(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(BadSuite, match=said) as caught:
        suite_file.read(path)
    assert str(caught.value).startswith(f"suite {path}: ")
    assert "\n" not in str(caught.value)


def test_a_product_of_too_many_entries_is_not_multiplied_out():
    many = {"algorithms": [f"a{i}" for i in range(300)], "datasets": [f"d{i}" for i in range(300)]}
    with pytest.raises(ValidationError, match="90000 entries, and 10000 are the most"):
        suite(many)


def test_files_that_are_none(tmp_path):
    with pytest.raises(BadSuite, match=r"it is not there.*`wgbench suite list`"):
        suite_file.find(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(BadSuite, match=r"neither a file nor a suite.*did you mean embedded\?"):
        suite_file.find("embeded")
    (tmp_path / "latin.yaml").write_bytes(b"title: \xff")
    with pytest.raises(BadSuite, match="it is no text in UTF-8"):
        suite_file.find(str(tmp_path / "latin.yaml"))
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(BadSuite, match="it is no file"):
        suite_file.find(str(tmp_path / "folder.yaml"))


# Those that come with wgbench


def test_all_suites_are_packaged_and_found_by_name():
    assert suite_file.names() == NAMES
    with (ROOT / "pyproject.toml").open("rb") as file:
        included = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {k: v for k, v in included.items() if k.startswith("benchmarks/")} == {
        f"benchmarks/{name}.yaml": f"wgbench/benchmarks/{name}.yaml" for name in NAMES
    }
    assert suite_file.find(str(ROOT / "benchmarks" / "smoke.yaml")) == suite_file.find("smoke")


@pytest.mark.parametrize("name", NAMES)
def test_every_suite_is_one_that_can_be_run(name):
    items = suite_file.find(name)[1].items()
    subjects = [draft(i.request).subject(lambda: "0" * 16) for i in items]
    ids = [s.digest() for s in subjects]
    assert len(set(ids)) == len(ids), "an entry is listed twice"


def recipes(name):
    """What every entry of a suite comes down to, by dataset and algorithm."""
    made = [draft(i.request) for i in suite_file.find(name)[1].items()]
    assert len({(d.source.name, d.algorithm_record.name) for d in made}) == len(made)
    return {(d.source.name, d.algorithm_record.name): d for d in made}


GRIDS = {"waterbirds": (0.0, 0.05, 0.1, 0.15, 0.2), "celeba": (0.0, 0.001, 0.01, 0.1)}
PAPER = ("erm", "iw", "gdro")


@pytest.mark.parametrize(
    ("name", "epochs", "names", "seeds"),
    [
        ("paper-table1", {"waterbirds": 500, "celeba": 250}, PAPER, SEEDS),
        ("paper-figure1", {"waterbirds": 500, "celeba": 200}, PAPER, SEEDS),
        ("paper-figure2", {"celeba": 250}, ("iw", "gdro"), SEEDS[:1]),
        ("paper-figure3", {"waterbirds": 1000, "celeba": 300}, ("gdro",), SEEDS[:1]),
    ],
)
def test_the_papers_suites_are_its_recipes(name, epochs, names, seeds):
    found = recipes(name)
    assert set(found) == {(dataset, algorithm) for dataset in epochs for algorithm in names}
    for (dataset, algorithm), made in found.items():
        recipe, views, birds = made.recipe, made.recipe.views, dataset == "waterbirds"
        assert recipe.epochs == epochs[dataset]
        assert (recipe.lr, recipe.batch_size) == ((1e-4, 128) if birds else (1e-3, 400))
        assert (recipe.optimizer, recipe.momentum, recipe.schedule) == ("sgd", 0.9, "constant")
        assert (recipe.l2_to_init, recipe.label_smoothing, recipe.loss) == (0, 0, "cross-entropy")
        assert recipe.pretrained == birds
        assert made.backbone_record.name == "timm:resnet18.tv_in1k"
        assert (views.size, views.scale, views.flip, views.jitter) == (224, (0.7, 1.0), True, 0)
        assert views.ratio == ((3 / 4, 4 / 3) if birds else (1.0, 4 / 3))
        assert views.eval == ((("resize", 256), ("crop", 224)) if birds else (("crop", 178), ("resize", 224)))
        assert made.protocol.seeds == seeds
        grid = name == "paper-figure2" or (name == "paper-table1" and algorithm != "erm")
        assert made.protocol.weight_decays == (GRIDS[dataset] if grid else (0.0,))
        assert (made.protocol.early, made.protocol.last) == ((11, 20), 10)
        if algorithm == "gdro":
            assert made.algorithm_record.options["nu"] == 0.01


def test_the_figures_share_their_runs_with_the_table():
    cells = {
        name: {c.id for made in recipes(name).values() for c in made.subject(str).cells()}
        for name in NAMES
        if name.startswith("paper")
    }
    assert cells["paper-figure2"] < cells["paper-table1"]
    assert len(cells["paper-figure1"] & cells["paper-table1"]) == 3 * 5  # waterbirds; celeba has another horizon


def test_embedded_has_every_algorithm_and_loss_at_its_defaults_and_needs_no_download():
    items = suite_file.find("embedded")[1].items()
    plain = {i.request.algorithm for i in items if not i.request.settings}
    ours = {n for n in algorithms.names() if algorithms.registry.listing(n).owner == BUILT_IN}
    assert plain == ours
    lossy = {(i.request.settings["recipe.loss"], i.request.algorithm) for i in items if i.request.settings}
    others = {n for n in losses.names() if losses.registry.listing(n).owner == BUILT_IN} - {"cross-entropy"}
    assert lossy == {(loss, algorithm) for loss in others for algorithm in PAPER}
    assert {i.request.dataset for i in items} == {"colored-digits"}
    assert all(i.request.seeds is i.request.weight_decays is i.request.epochs is None for i in items)


def test_remedies_differ_from_nothing_in_one_thing_each():
    made = {}
    for item in suite_file.find("remedies")[1].items():
        made.setdefault((item.request.dataset, item.label), draft(item.request))
    dominoes = {label: d for (dataset, label), d in made.items() if dataset == "dominoes"}
    none, paper, strong = (dominoes[f"augmentation {kind}"].recipe.views for kind in ("none", "paper", "strong"))
    assert (none.scale, none.flip, none.jitter) == (None, False, 0)
    assert (paper.scale, paper.flip, paper.jitter) == ((0.7, 1.0), True, 0)
    assert (strong.scale, strong.flip, strong.jitter) == ((0.25, 1.0), True, 0.4)
    assert none.eval == paper.eval == strong.eval
    examples = {label: d.source.options["examples"] for label, d in dominoes.items()}
    assert {label for label, n in examples.items() if n != 5000} == {"more data"}
    assert examples["more data"] == 8000
    assert {label for label, d in dominoes.items() if d.recipe.l2_to_init} == {"l2 to init, .001", "l2 to init, .01"}
    grids = {label for (_, label), d in made.items() if d.protocol.weight_decays != (0.0,)}
    assert grids == {"weight decay"}
    assert {label for (_, label), d in made.items() if d.algorithm_record.name.startswith("sub")} == {"subsampling"}
