"""Code of other packages that an entry names: it is named, and runs only where somebody has said so."""

import json
import sys

import pytest
import typer

from wgbench import algorithms, datasets
from wgbench.api.result import Result
from wgbench.cli import shared
from wgbench.cli.main import outcome
from wgbench.errors import BadOption, Untrusted
from wgbench.results import schema, stored
from wgbench.results.identity import subject_of
from wgbench.results.trust import OURS, Trust, foreign, require

MODULE = """
from dataclasses import dataclass
from pathlib import Path
from wgbench.algorithms.erm import ERM as Tilted
from wgbench.checks.toy import Toy as Data
Path(__file__).with_name("ran").touch()
"""


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """An installed package with an algorithm and a dataset; the file that its code leaves behind when it runs."""
    place = tmp_path / "site"
    info = place / "acme_plugins-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugins\nVersion: 1.2\nSummary: More.\n")
    points = "[wgbench.algorithms]\ntilted = acme_module:Tilted\n[wgbench.datasets]\nacme-data = acme_module:Data\n"
    (info / "entry_points.txt").write_text(points)
    (place / "acme_module.py").write_text(MODULE)
    for registry in (algorithms.registry, datasets.registry):
        assert isinstance(registry._installed, list)
        monkeypatch.delitem(vars(registry), "_installed")  # metadata is read again, and forgotten at the end
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "acme_module", raising=False)
    yield place / "ran"
    sys.modules.pop("acme_module", None)


@pytest.fixture
def tilted(gdro, tamper):
    """An entry that names the package's algorithm, and says that it comes from somewhere else."""
    tamper.entry(gdro, lambda e: e["algorithm"].update(name="tilted", distribution="elsewhere 2.0"))
    tamper.entry(gdro, lambda e: e.update(id=subject_of(schema.read(gdro)).digest()))
    return gdro


def test_a_plug_in_of_another_package_is_named_with_what_the_entry_says(acme, tilted):
    (one,) = foreign(schema.read(tilted))
    assert str(one) == "algorithm 'tilted' is code of acme-plugins 1.2 (the entry states elsewhere 2.0)"
    assert not acme.exists()


@pytest.mark.parametrize(
    ("trust", "allowed"),
    [
        (Trust(), False),
        (OURS, False),
        (Trust(("acme",)), False),
        (Trust(("acme-plugins 1.2",)), False),
        (Trust(("other", "ACME_Plugins")), True),  # as package indices compare names
    ],
)
def test_only_who_is_trusted_by_name_may_run(acme, trust, allowed):
    assert trust.allows(algorithms.info("tilted")) is allowed
    assert trust.allows(algorithms.info("gdro"))
    assert trust.allows(datasets.info("toy")) is trust.program
    assert not acme.exists()


def test_the_remedy_names_the_package(acme, tilted):
    with pytest.raises(Untrusted, match=r"add --trust acme-plugins \(in Python: trust=\[.acme-plugins.\]\) to run"):
        require(schema.read(tilted), Trust(("acme",)), "replaying")
    require(schema.read(tilted), Trust(("acme-plugins",)), "replaying")
    assert not acme.exists()


@pytest.mark.parametrize("verb", [["replay"], ["export", "--predictions", "csv"]])
def test_verbs_refuse_in_one_line_and_run_nothing(acme, tilted, verb, capsys, tmp_path):
    assert outcome([*verb, str(tilted), *(["--out", str(tmp_path / "out")] if "export" in verb else [])]) == 2
    *notes, last = capsys.readouterr().err.splitlines()
    assert "add --trust acme-plugins (in Python" in last
    if "replay" in verb:
        assert notes == ["note: algorithm 'tilted' is code of acme-plugins 1.2 (the entry states elsewhere 2.0)"]
    assert not acme.exists()


def test_python_names_the_package_as_the_verb_does(acme, tilted, tmp_path):
    one = Result(stored.load(tilted))
    with pytest.raises(Untrusted, match="trust="):
        one.export(tmp_path / "out")
    for trust in (["acme-plugins"], "acme-plugins"):
        assert one.export(tmp_path / "out", seeds=[2002], trust=trust)
    with pytest.raises(BadOption, match=r"seeds=\[2002\]"):
        one.export(tmp_path / "out", seeds=2002, trust="acme-plugins")


@pytest.mark.parametrize("agreed", [True, False])
def test_in_a_terminal_replay_asks(acme, tilted, monkeypatch, agreed):
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda text, err: asked.append(text) or agreed)
    assert shared.trusted(tilted, []) == Trust(("acme-plugins",) if agreed else ())
    assert shared.trusted(tilted, ["acme-plugins"]) == Trust(("acme-plugins",))
    assert asked == ["run that code?"], "whom one trusts already is not asked about"


def test_what_a_dataset_of_another_package_promises_is_asked_of_those_who_are_trusted(acme, gdro, tamper, capsys):
    tamper.entry(gdro, lambda e: e["dataset"].update(name="acme-data"))
    assert outcome(["leaderboard", "check", str(gdro), "--json"]) == 2  # its id is that of an entry on other data
    (report,) = json.loads(capsys.readouterr().out)
    said = "dataset 'acme-data' is code of acme-plugins 1.2: what it promises was not asked; --trust acme-plugins runs"
    assert any(line.startswith(said) for line in report["remarks"]), report["remarks"]
    assert not acme.exists()
    assert outcome(["leaderboard", "check", str(gdro), "--json", "--trust", "acme-plugins"]) == 2
    (report,) = json.loads(capsys.readouterr().out)
    assert not any("what it promises was not asked" in line for line in report["remarks"])
    assert acme.exists()
