"""The command line as a user meets it: output, one-line errors, exit codes, what is not imported."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from committed import committed

from wgbench import __version__
from wgbench.checks import CheckFailed
from wgbench.cli.main import outcome

QUICK = ["--epochs", "22", "--jobs", "1"]


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Run a command line in an empty folder: (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        code = outcome(list(words))
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def said(result):
    """The one line of an error."""
    code, out, err = result
    assert code == 2, err
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    return lines[0]


def test_a_run_ends_with_a_table_and_an_entry(cli, tmp_path):
    code, out, err = cli("run", "gdro", "toy", *QUICK)
    assert code == 0, err
    for word in ("early", "selected", "final", "drop", "by weight decay", "partial: epochs 22 instead of 24", "entry:"):
        assert word in out
    (folder,) = [p for p in (tmp_path / "runs" / "entries").iterdir() if str(p.name) in out]
    entry = json.loads((folder / "entry.json").read_text())
    assert entry["schema"] == 1
    assert entry["algorithm"]["name"] == "gdro"
    assert len(entry["cells"]) == 10
    assert (tmp_path / "runs" / "entries" / entry["baseline"] / "entry.json").is_file()
    assert entry["scores"]["erm_excess_final"]["n"] == 5


def test_json_is_the_entry_and_nothing_else(cli, tmp_path):
    code, out, _ = cli("run", "erm", "toy", *QUICK, "--json", "--seeds", "1,2", "--wd", "0")
    entry = json.loads(out)
    assert code == 0
    assert entry["partial"] == [
        "seeds 1,2 instead of 2002,2022,2042,2062,2082",
        "weight decays 0 instead of 0,0.1",
        "epochs 22 instead of 24",
    ]
    assert entry == json.loads((tmp_path / "runs" / "entries" / entry["id"] / "entry.json").read_text())


def test_the_loss_counts_among_the_supervision_and_is_recorded_whole(cli):
    words = ["--set", "recipe.loss=vs", "--set", "recipe.loss_options.by=group", "--wd", "0", "--seeds", "1"]
    entry = json.loads(cli("run", "erm", "toy", *QUICK, "--json", *words)[1])
    assert entry["algorithm"]["needs"] == ["train_group"]
    assert entry["loss"] == {"name": "vs", "version": 1, "options": {"gamma": 0.15, "tau": 1.25, "by": "group"}}


def test_a_second_call_trains_nothing(cli, tmp_path):
    cli("run", "erm", "toy", *QUICK, "--wd", "0", "--seeds", "1")
    (result,) = (tmp_path / "runs").rglob("result.json")
    before = result.stat().st_mtime_ns
    code, _, err = cli("run", "erm", "toy", *QUICK, "--wd", "0", "--seeds", "1")
    assert code == 0
    assert "1 of 1 cells are done already" in err
    assert result.stat().st_mtime_ns == before


def test_settings_reach_their_owners(cli):
    words = ["--set", "nu=.5", "--set", "recipe.lr=0.05", "--set", "dataset.n=40", "--set", "backbone.width=8"]
    _, out, _ = cli("run", "gdro", "toy", *QUICK, "--wd", "0", "--seeds", "1", "--no-baseline", "--json", *words)
    entry = json.loads(out)
    assert entry["algorithm"]["options"]["nu"] == 0.5
    assert entry["recipe"]["lr"] == 0.05
    assert entry["dataset"]["options"] == {"n": 40, "blind": ""}
    assert entry["backbone"]["options"] == {"width": 8, "depth": 1}
    assert entry["partial"][-4:] == [
        "lr 0.05 instead of 0.1",
        "dataset.n 40 instead of 80",
        "backbone.width 8 instead of 256",
        "no ERM baseline",
    ]
    assert entry["command"].startswith("wgbench run gdro toy --seeds 1 --wd 0 --epochs 22 --set nu=0.5")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["run", "grdo", "colored-digits"], "did you mean gdro"),
        (
            ["run", "colored-digits", "gdro"],
            "a dataset, and gdro an algorithm; write the algorithm first: `wgbench run gdro colored-digits`",
        ),
        (["run", "gdro", "colored-digit"], "did you mean colored-digits"),
        (["run", "gdro", "toy", "--backbone", "mpl"], "did you mean mlp"),
        (["run", "gdro", "toy", "--set", "nuu=1"], "did you mean nu?"),
        (["run", "gdro", "toy", "--set", "nu=much"], "valid number"),
        (["run", "gdro", "toy", "--set", "recipe.lrr=1"], "did you mean lr?"),
        (["run", "gdro", "toy", "--set", "recipe.weight_decay=1"], "write --wd 0,.1 instead"),
        (["run", "gdro", "toy", "--set", "model.width=1"], "backbone.NAME=VALUE"),
        (["run", "gdro", "toy", "--set", "nu"], "write --set nu=.1"),
        (
            ["run", "gdro", "toy", "--set", "nu=-1"],
            "nu=-1: it should be greater than 0; give a value of type float, ",
        ),
        (["run", "gdro", "toy", "--set", "recipe.lr=-1"], "recipe.lr=-1: it should be greater than 0; see `wgbench i"),
        (["run", "gdro", "toy", "--seeds", "a,b"], "--seeds a,b: not a list of whole numbers; write --seeds 2002,2022"),
        (["run", "gdro", "toy", "--wd", "abc"], "--wd abc: not a list of numbers; write --wd 0,.1"),
        (["run", "gdro", "toy", "--seeds", "1,2,1"], "wgbench: seeds 1,2,1: 1 is there twice; give each once"),
        (["run", "gdro", "toy", "--seeds", "-1"], "seeds -1: -1 does not fit, it should be greater than or equal to 0"),
        (["run", "gdro", "toy", "--wd", "0,-.1"], "weight decays 0,-0.1: -0.1 does not fit, it should be greater than"),
        (["run", "gdro", "toy", "--wd", "nan"], "it should be a finite number; give some as 0,.1"),
        (["run", "gdro", "toy", "--weights", "nowhere.pth"], "no such file"),
        (["run", "gdro", "toy", "--device", "warp"], "--device warp: no such device; take --device cpu or auto"),
        (
            ["run", "gdro", "toy", "--device", "vulkan"],
            "not available here (this torch cannot use it); take --device cpu",
        ),
        (["run", "gdro", "toy", "--device", "meta"], "--device meta: not available here ("),
        (["run", "gdro", "toy", "--pretrained"], "add --no-pretrained"),
        (["run", "gdro", "toy", "--set", "recipe.loss=hinge"], "cross-entropy"),
        (["run", "gdro", "toy", "--epochs", "-5"], "-5"),
        (["run", "gdro", "toy", "--epochs", "-5"], "see `wgbench run --help`"),
        (
            ["run", "gdro", "toy", "--precision", "fp8"],
            "fp8' is not one of 'auto', 'fp64', 'fp32', 'tf32', 'bf16'",
        ),
        (["run", "gdro"], "see `wgbench run --help`"),
        (["leaderboard", "add"], "see `wgbench leaderboard add --help`"),
        (["ls", "algoritms"], "did you mean algorithms?"),
        (["leaderboard", "show"], "no board there; give the folder of one: --board FOLDER"),
        (["info", "gdr"], "did you mean gdro"),
        (["leaderboard", "add", "nowhere"], "give the folder that `wgbench run` printed"),
        (["fly"], "see `wgbench --help`"),
        (["run", "gdro", "toy", "--ray-address", "auto"], "cells are not run by Ray; add --launcher ray"),
        (["run", "gdro", "toy", "--set", f"nu={'[' * 600}"], "nested too deeply; write a number, a text or a short"),
        (["run", "gdro", "toy", "--compile", "--pipeline", "reference"], "drop one of --compile and --pipeline"),
        (
            ["run", "gdro", "toy", "--set", "recipe.loss=squared", "--set", "recipe.label_smoothing=.1"],
            "the loss squared has no smoothing; leave it 0, or take cross-entropy",
        ),
        (["check", "algoritm", "erm"], "did you mean algorithm?"),
        (["check", "algo", "gdro"], "no such kind; did you mean algorithm?"),
        (["check", "zzz", "gdro"], "the kinds are algorithm, loss, dataset, backbone"),
        (["theory", "theorem-5", "--widths", "a,b"], "write --widths 64,128,256,512,1024"),
    ],
)
def test_mistakes_are_said_in_one_line_with_the_remedy(cli, words, remedy):
    assert remedy in said(cli(*words, *(["--jobs", "1"] if words[0] == "run" else [])))


def test_an_output_path_that_is_a_file_stays_one(cli, tmp_path):
    (tmp_path / "runs").write_text("mine")
    line = said(cli("run", "gdro", "toy", *QUICK))
    assert "a file lies where a folder belongs; move it, or give another --runs" in line
    assert (tmp_path / "runs").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["leaderboard", "add", "ENTRY"], "or choose another board with --to"),
        (["leaderboard", "build", "--board", "board"], "or build a copy of the board with --board"),
    ],
)
def test_what_cannot_be_written_says_where_else(cli, tmp_path, monkeypatch, words, remedy):
    (tmp_path / "board" / "results").mkdir(parents=True)

    def read_only(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", read_only)
    line = said(cli(*[str(committed("erm")) if word == "ENTRY" else word for word in words]))
    assert f"Permission denied; mend that, {remedy}" in line


def test_traceback_shows_the_rest(cli):
    from wgbench.errors import UnknownName

    with pytest.raises(UnknownName):
        cli("--traceback", "run", "grdo", "toy")


def test_ctrl_c_says_how_to_go_on(cli, monkeypatch):
    from wgbench import protocol

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(protocol, "run", interrupted)
    code, _, err = cli("run", "gdro", "toy", *QUICK)
    assert code == 130
    assert "the same command goes on, with runs from their last checkpoints" in err


def test_the_version_is_said_alone(cli):
    assert cli("--version") == (0, f"wgbench {__version__}\n", "")


@pytest.mark.parametrize("problem", [OSError(5, "Input/output error"), ZeroDivisionError("by nothing")])
def test_an_error_that_nobody_foresaw_is_not_hidden(cli, monkeypatch, problem):
    def fails(*_, **__):
        raise problem

    monkeypatch.setattr("wgbench.checks.checks", fails)
    with pytest.raises(type(problem)):
        cli("check", "algorithm", "erm")


def test_checks_that_fail_are_sentences_and_the_others_are_run(cli, monkeypatch):
    def broken():
        raise CheckFailed("algorithm erm", "it prints", "let it return what it has to say")

    class Check:
        def __init__(self, name, run):
            self.name, self.run = name, run

        def __call__(self):
            self.run()

        def __str__(self):
            return self.name

    monkeypatch.setattr("wgbench.checks.checks", lambda *_: [Check("purity", broken), Check("order", lambda: None)])
    code, out, err = cli("check", "algorithm", "erm")
    assert code == 2
    assert out.splitlines() == ["FAIL  purity: it prints; let it return what it has to say", "ok    order"]
    assert err == "wgbench: check algorithm erm: 1 checks failed; mend the first, and run it again\n"


def test_ls_lists_every_kind_and_takes_patterns(cli):
    _, out, _ = cli("ls")
    assert all(word in out for word in ("gdro", "colored-digits", "timm:<name>", "cross-entropy"))
    _, out, _ = cli("ls", "algorithms", "gdro*", "--json")
    assert [row["name"] for row in json.loads(out)["algorithms"]] == ["gdro", "gdro-balanced"]
    _, out, _ = cli("ls", "backbones", "timm:resnet18*")
    assert "timm:resnet18" in out


def test_info_tells_fields_defaults_needs_and_source(cli):
    _, out, _ = cli("info", "gdro")
    assert all(
        word in out for word in ("option nu: float, default 0.01", "needs: train_group", "Sagawa", "from wgbench")
    )
    _, out, _ = cli("info", "colored-digits")
    assert all(word in out for word in ("option agreement", "recipe.epochs", "weight_decays", "licence: CC BY 4.0"))
    assert "  group even-green: train 25, val 46, test 153\n" in out


def test_what_a_name_carries_is_no_option_of_run(cli):
    out = cli("info", "folder:<path>")[1]
    assert "  option path: str, in the name: folder:<path>\n" in out
    assert "  option target: str, default 'y'\n" in out
    assert "  other options are given to `run` as --set dataset.NAME=VALUE\n" in out
    assert "other options" not in cli("info", "colored-digits")[1]
    assert "options are given" not in cli("info", "timm:<name>")[1]
    (one,) = json.loads(cli("info", "folder:photos", "--json")[1])
    assert one["options"]["path"] == {"type": "str", "given as": "folder:<path>"}


def test_info_in_json_is_what_the_lines_say(cli):
    (one,) = json.loads(cli("info", "gdro", "--json")[1])
    assert (one["name"], one["kind"], one["owner"], one["needs"]) == ("gdro", "algorithm", "wgbench", ["train_group"])
    assert one["options"]["nu"] == {"type": "float", "default": 0.01}
    (one,) = json.loads(cli("info", "colored-digits", "--json")[1])
    assert [sum(one["counts"][split]) for split in ("train", "val", "test")] == [1000, 200, 597]
    assert one["recipe"]["loss"] == "cross-entropy"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gdroo", "no such name; did you mean gdro"),
        ("waterbird", "no such name; did you mean waterbirds"),
        ("folder", "a path belongs after the colon; write folder:<path>"),
    ],
)
def test_info_of_an_unknown_name_has_the_advice_of_the_kind_that_comes_closest(cli, name, said):
    code, out, err = cli("info", name)
    assert (code, out) == (2, "")
    assert f"wgbench info {name}: {said}" in err


def test_info_tells_what_it_is_first_and_folds_paragraphs_by_the_terminal(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = cli("info", "gdro")[1].splitlines()
    assert lines[:3] == [
        "gdro (algorithm, from wgbench, version 1)",
        "",
        "Group DRO: group weights q grow exponentially with group ",
    ]
    second = "\n".join(lines).split("\n\n")[2].splitlines()
    assert len(second) > 5
    assert all(len(line) > 40 for line in second[:-1])  # no line breaks of the source within it


def test_an_entry_is_added_to_a_board_once_and_only_whole(cli, tmp_path):
    cli("run", "erm", "toy", *QUICK, "--wd", "0", "--seeds", "1")
    (folder,) = (tmp_path / "runs" / "entries").iterdir()
    code, out, err = cli("leaderboard", "add", str(folder), "--to", "board")
    assert code == 0, err
    target = tmp_path / "board" / "results" / "toy-v1" / "mlp" / "erm" / folder.name
    assert str(target.relative_to(tmp_path)) in out.replace("\n", "")
    assert {p.name for p in target.iterdir()} == {"entry.json", "curves.parquet", "predictions.parquet"}
    assert cli("leaderboard", "add", str(folder), "--to", "board")[0] == 0  # the same again: nothing to do
    (folder / "curves.parquet").write_bytes(b"other")
    assert "curves.parquet is not the file that was scored" in said(cli("leaderboard", "add", str(folder)))
    changed = (folder / "entry.json").read_text().replace('"epochs": 22', '"epochs": 23')
    (folder / "entry.json").write_text(changed)
    assert "its id does not follow from what it says it ran" in said(cli("leaderboard", "add", str(folder)))
    (folder / "entry.json").write_text("{}")
    assert "give a file that wgbench wrote" in said(cli("leaderboard", "add", str(folder)))


HEAVY = {"torch", "torchvision", "timm", "sklearn", "datasets", "matplotlib", "scipy", "pandas", "PIL", "pyarrow"}
HEAVY |= {"httpx", "huggingface_hub", "transformers"}
NEEDLESS = {"numpy", "yaml", "filelock", "multiprocessing", "wgbench.launch", "wgbench.runs"}  # to list and to help


def imported(*words, cwd=None, watched=HEAVY):
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom wgbench.cli.main import outcome\n"  # coverage imports some itself
        f"code = outcome({list(words)!r})\n"
        f"print('IMPORTED', *sorted({watched!r} & sys.modules.keys() - before))\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode in (0, 2), done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "words",
    [
        ["ls"],
        ["ls", "algorithms"],
        ["--help"],
        ["run", "--help"],
        ["run", "grdo", "toy"],
        ["suite", "--help"],
        ["compare", "--help"],
        ["score", "--help"],
        ["replay", "--help"],
        ["leaderboard", "submit", "--help"],
    ],
)
def test_listing_help_and_misspelt_names_import_nothing_heavy(words):
    assert imported(*words, watched=HEAVY if "grdo" in words else HEAVY | NEEDLESS) == []


def test_running_erm_on_digits_imports_neither_timm_nor_torchvision(tmp_path):
    words = ["run", "erm", "colored-digits", "--epochs", "2", "--seeds", "1", "--wd", "0", "--jobs", "1"]
    heavy = imported(*words, cwd=tmp_path)
    assert "torch" in heavy
    assert not {"timm", "torchvision", "datasets", "matplotlib"} & set(heavy)
