"""Launchers by name: what is missing or misspelt is told in one line."""

import sys

import pytest

import wgbench.launch
from wgbench.errors import BadOption, LaunchFailed, MissingExtra
from wgbench.launch.choose import launcher
from wgbench.launch.local import Workers


@pytest.fixture
def choose():
    """The launcher of a name, with options."""

    def make(name, **options):
        said = {"jobs": None, "cores": 1, "threads": 1, "registered": {}, "say": lambda _: None}
        return launcher(name, options, **said)

    return make


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_named(choose, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    for module in (name, f"{name}_array", f"{name}_cluster"):  # as if they were not imported yet
        monkeypatch.delitem(sys.modules, f"wgbench.launch.{module}", raising=False)
        monkeypatch.delattr(wgbench.launch, module, raising=False)
    with pytest.raises(MissingExtra, match=rf"--launcher {name}: {package} is not.*pip install 'wgbench\[{name}\]'"):
        choose(name)


def test_processes_here_are_the_default_and_take_no_options(choose):
    assert isinstance(choose("local"), Workers)
    with pytest.raises(BadOption, match=r"--launcher-option mem: .* take none"):
        choose("local", mem="16GB")


def test_unknown_launchers_and_options(choose):
    with pytest.raises(BadOption, match="take local, ray, slurm"):
        choose("kubernetes")
    pytest.importorskip("submitit")
    with pytest.raises(BadOption, match="no option 'partitoin'; did you mean partition"):
        choose("slurm", partitoin="gpu")


def test_a_machine_without_slurm_says_so(choose, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LaunchFailed, match="there is no Slurm here"), choose("slurm"):
        pass
