"""Exported networks predict what the entry says, plain timm loads its own, and cards say what they must."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

import wgbench
from wgbench import backbones, datasets
from wgbench.checks.toy import Toy
from wgbench.cli.main import outcome
from wgbench.errors import BadData, BadEntry, BadOption, MissingData
from wgbench.export import card, examples, folder, models
from wgbench.export.folder import Export
from wgbench.types import Preprocess, Root, Spec

NARROW = {"weight_decays": [0, 0.1], "epochs": 22, "progress": False, "baseline": False}


@pytest.fixture
def ran(tmp_path):
    datasets.register("toy", Toy)

    def run(algorithm, *, seeds=(1,), keep=True):
        return wgbench.run(algorithm, "toy", seeds=seeds, runs=tmp_path / "runs", keep=keep, **NARROW)

    return run


def predicted(file, classes=2):
    """What an exported network of the default backbone says of the toy data's test split."""
    network = wgbench.make("backbone", "mlp").build(Spec((3,), classes))
    network.load_state_dict(load_file(file))
    test = Toy().load(Root(file.parent), "test", Preprocess())
    return network.eval()(test.x).argmax(1).numpy()


# LfF has two networks, of which the second is the result; DFR another head than the one that was trained.
@pytest.mark.parametrize("algorithm", ["gdro", "lff", "dfr", "jtt"])
def test_the_exported_network_is_the_one_that_was_scored(algorithm, ran, tmp_path):
    result = ran(algorithm)
    done = folder.write(Export(result.folder, tmp_path / "out"))
    assert done.notes == ()
    assert [p.name for p in done.files] == ["model-seed1-wd0.safetensors", "predictions.csv", "README.md"]
    assert np.array_equal(predicted(done.files[0]), result.predictions["final", 1])


def test_a_network_that_was_not_kept_is_trained_again(ran, tmp_path):
    result = ran("gdro", seeds=(1, 2), keep=False)
    without = folder.write(Export(result.folder, tmp_path / "without"))
    assert [p.name for p in without.files] == ["predictions.csv", "README.md"]
    assert "no networks of seeds 1, 2: add --train" in without.notes[0]
    again = folder.write(Export(result.folder, tmp_path / "again", seeds=(2,), train=True))
    assert again.notes == ()
    assert again.files[0].name == "model-seed2-wd0.safetensors"
    assert np.array_equal(predicted(again.files[0]), result.predictions["final", 2])
    assert "the entry's network" in (tmp_path / "again" / "README.md").read_text()


def test_other_weight_decays_have_networks_too(ran, tmp_path):
    result = ran("erm")
    done = folder.write(Export(result.folder, tmp_path / "out", weight_decays=(0.1,)))
    assert done.files[0].name == "model-seed1-wd0.1.safetensors"


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit"])
def test_plain_timm_loads_its_models(name, toy_cell, tmp_path):
    import timm

    torch.manual_seed(0)
    network = backbones.make(name).build(Spec((3, 160, 160), 5)).eval()
    cell = toy_cell().model_copy(update={"backbone": toy_cell().backbone.model_copy(update={"name": name})})
    final = models.Final(cell, network.state_dict(), exact=True)
    path = tmp_path / final.file
    path.write_bytes(final.content({"entry": "0" * 16}))
    loaded = timm.create_model(name.partition(":")[2], num_classes=5, checkpoint_path=str(path)).eval()
    x = torch.randn(2, 3, 160, 160)
    assert torch.equal(loaded(x), network(x))


def test_predictions_name_labels_and_groups(ran, tmp_path):
    result = ran("gdro", seeds=(1, 2))
    for kind, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        done = folder.write(Export(result.folder, tmp_path / kind, format=kind))
        table = read(tmp_path / kind / f"predictions.{kind}")
        assert len(table) == 80
        assert done.files[-2].name == f"predictions.{kind}"
        groups = table.assign(right=table["final-2"] == table["label"]).groupby("group")["right"].mean()
        (cell,) = [c for c in result.entry.cells if (c.seed, c.weight_decay) == (2, 0)]
        last = result.curves.query("seed == 2 and weight_decay == 0 and split == 'test' and epoch == 22")
        assert groups.min() == pytest.approx(last.worst_group.item())
        assert cell.seed == 2


def test_without_the_data_there_are_predictions_alone(ran, tmp_path, monkeypatch):
    def gone(*_):
        raise MissingData("toy", "its files are not there", "give them with --data-dir")

    monkeypatch.setattr(examples, "test_split", gone)
    result = ran("gdro")
    done = folder.write(Export(result.folder, tmp_path / "out"))
    assert "without labels and groups: toy: its files are not there" in done.notes[0]
    assert list(pd.read_csv(tmp_path / "out" / "predictions.csv")) == ["index", "early-1", "final-1", "selected-1"]


def test_diverged_models_predict_none(ran, tmp_path):
    result = ran("gdro")
    held = dict(result.stored.predictions())
    table = examples.table(result.stored, None)
    assert set(table["final-1"]) <= {"no", "yes"}
    held["final-1"] = np.full(80, -1, np.int16)

    class Diverged:
        entry, shape = result.entry, result.stored.shape
        predictions = staticmethod(lambda: held)

    assert set(examples.table(Diverged(), None)["final-1"]) == {"none"}


def test_the_card_says_what_a_card_must(ran, tmp_path):
    result = ran("dfr")
    folder.write(Export(result.folder, tmp_path / "out"))
    text = (tmp_path / "out" / "README.md").read_text()
    facts = yaml.safe_load(text.split("---\n")[1])
    assert facts["tags"] == ["wgbench", "group-robustness", "dfr"]
    for heading in ("What was trained", "Scores on test", "Data", "Intended use", "Files", "Loading", "Repeating it"):
        assert f"\n## {heading}\n" in text
    assert "partial: seeds 1 instead of" in text
    assert "| supervision beside labels | val_group, val_label |" in text
    assert f"{100 * result.entry.scores.wga_final.mean:.1f}" in text
    assert f"    {result.entry.command}\n" in text
    code = text.split("```python\n")[1].split("```")[0]
    names = {}
    exec(code.replace("load_file('", f"load_file('{tmp_path}/out/"), names)  # what a reader would type
    assert names["model"](torch.zeros(1, 3)).shape == (1, 2)


def test_the_files_say_what_they_are(ran, tmp_path):
    result = ran("erm")
    folder.write(Export(result.folder, tmp_path / "out"))
    with safe_open(tmp_path / "out" / "model-seed1-wd0.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["wgbench"])
    assert facts["entry"] == result.id
    assert facts["classes"] == ["no", "yes"]
    assert facts["cell"]["seed"] == 1


def test_another_network_than_the_entrys_is_refused(ran, tmp_path):
    result = ran("erm")
    (path,) = [p for p in (tmp_path / "runs").rglob("stage-1.safetensors") if _weight_decay(p) == 0]
    (other,) = [p for p in (tmp_path / "runs").rglob("stage-1.safetensors") if _weight_decay(p) == 0.1]
    path.write_bytes(other.read_bytes())
    with pytest.raises(BadEntry, match="its network is another than the entry's"):
        folder.write(Export(result.folder, tmp_path / "out"))
    path.write_bytes(b"nothing")
    with pytest.raises(BadEntry, match="the file is damaged; train it again: --train"):
        folder.write(Export(result.folder, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_folder_with_the_export_of_another_entry_is_refused_and_stays(ran, tmp_path, capsys):
    one, other = ran("erm"), ran("gdro")
    one.export(tmp_path / "out")
    before = (tmp_path / "out" / "README.md").read_text()
    assert outcome(["export", str(other.folder), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"exporting entry {other.id} to" in said
    assert f"there is the export of entry {one.id}; choose another folder with --out" in said
    (tmp_path / "out" / "README.md").unlink()  # as a killed export leaves it
    with pytest.raises(BadOption, match=one.id):
        other.export(tmp_path / "out")
    one.export(tmp_path / "out")
    assert (tmp_path / "out" / "README.md").read_text() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    with pytest.raises(BadOption, match=r"there is a README.md that is no card"):
        one.export(tmp_path / "mine")


def _weight_decay(path):
    return json.loads((path.parent / "cell.json").read_text())["cell"]["recipe"]["weight_decay"]


def test_on_the_command_line_and_from_python(ran, tmp_path, monkeypatch, capsys):
    result = ran("gdro")
    monkeypatch.chdir(tmp_path)
    assert outcome(["export", str(result.folder), "--predictions", "parquet"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"export/{result.id}/model-seed1-wd0.safetensors",
        f"export/{result.id}/predictions.parquet",
        f"export/{result.id}/README.md",
    ]
    assert outcome(["export", str(result.folder), "--seeds", "3"]) == 2
    assert "--seeds 3: the entry has no such run; take one of 1" in capsys.readouterr().err
    assert result.export()[-1].as_posix() == f"export/{result.id}/README.md"
    assert {p.name for p in result.export("there")} == {"model-seed1-wd0.safetensors", "predictions.csv", "README.md"}
    with pytest.raises(BadOption, match="did you mean seeds"):
        result.export("there", seed=1)


@pytest.mark.parametrize(("channels", "said"), [(3, "num_classes=2, checkpoint"), (1, "num_classes=2, in_chans=1, ch")])
def test_the_card_of_a_timm_model_loads_it_with_timm(ran, toy_cell, channels, said):
    entry = ran("gdro").entry
    described = entry.backbone.model_copy(update={"name": "timm:test_resnet"})
    entry = entry.model_copy(update={"backbone": described})
    cell = toy_cell().model_copy(update={"backbone": toy_cell().backbone.model_copy(update={"name": described.name})})
    text = card._loading(entry, models.Final(cell, {}, exact=True), (channels, 160, 160))
    assert f"timm.create_model('test_resnet', {said}" in text
    assert "Outputs are logits of no, yes, in that order." in text


def test_the_card_of_data_that_is_not_registered_here_names_it(ran):
    entry = ran("gdro").entry
    other = entry.model_copy(update={"dataset": entry.dataset.model_copy(update={"name": "elsewhere"})})
    said = card._data(other)
    assert said.startswith("`elsewhere` version 1")
    assert said.endswith(f"fingerprint `{entry.dataset.fingerprint}`.")
    assert "licence" not in said


def test_other_data_than_the_entrys_gives_no_labels(ran):
    result = ran("gdro")
    dataset = result.entry.dataset.model_copy(update={"fingerprint": "1" * 16})
    changed = wgbench.Result(type(result.stored)(result.entry.model_copy(update={"dataset": dataset}), result.folder))
    said = rf"its fingerprint is {'0' * 16}, the entry's {'1' * 16}; give the same files with --data-dir"
    with pytest.raises(BadData, match=said):
        examples.test_split(changed.stored, Root(result.folder))
