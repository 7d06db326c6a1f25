"""Command lines that nobody would type: one line and exit 2, or what was asked."""

import json

import pytest
from hostility import NASTY, property_of, survives
from hypothesis import strategies as st

from wgbench import protocol
from wgbench.cli.main import outcome
from wgbench.cli.values import parsed
from wgbench.errors import WgbenchError

# What an operating system can hand over: any text without a zero byte, bytes that are no UTF-8 as \udc80 to \udcff.
GIVEN = [*(word for word in NASTY if word not in ("\x00", "\ud800")), "\udcff"]
WORDS = st.one_of(
    st.sampled_from(GIVEN),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12),
    st.integers(-3, 2**65).map(str),
    st.sampled_from(
        [".1", "1e-3", "[1, 2]", "{a: 1}", "null", "true", "2021-10-06", "*", "toy", "erm", "mlp", "0x1p4"]
    ),
)
NAMES = st.sampled_from(
    ["nu", "x", "recipe.lr", "recipe.epochs", "recipe.views", "recipe.augment", "recipe.loss", "recipe.batch_size",
     "backbone.width", "backbone.depth", "dataset.draw", "recipe.schedule", "a.b.c", "recipe.loss_options.tau"]
)  # fmt: skip
SETTINGS = st.builds("{}={}".format, NAMES, WORDS) | WORDS
OPTIONS = ("--seeds", "--wd", "--epochs", "--precision", "--device", "--threads", "--checkpoint-every", "--backbone",
           "--note", "--weights", "--data-dir", "--pipeline", "--launcher", "--launcher-option")  # fmt: skip


@pytest.fixture
def no_training(tmp_path, monkeypatch):
    """Requests end when all options are understood."""

    def stop(*_):
        raise WgbenchError("run", "everything is planned", "train")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(protocol._All, "train", stop)


def said(capsys, *words):
    """The exit status, after a look at what was printed."""
    code = outcome(list(words))
    err = capsys.readouterr().err
    assert code in (0, 1, 2)
    if code == 2:
        (line,) = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert line.startswith("wgbench: ")
        assert line.isprintable()
    return code


@property_of(
    given_=st.lists(st.tuples(st.sampled_from(OPTIONS), WORDS), max_size=2), settings_=st.lists(SETTINGS, max_size=2)
)
def test_options_of_run(given_, settings_, no_training, capsys):
    words = [word for option, value in given_ for word in (option, value)]
    words += [word for pair in settings_ for word in ("--set", pair)]
    said(capsys, "run", "gdro", "toy", "--jobs", "1", *words)


COMMANDS = [
    ("run", "{}", "toy"), ("run", "erm", "{}"), ("info", "{}"), ("ls", "{}"), ("data", "verify", "{}"),
    ("compare", "{}", "."), ("score", "{}", "--dataset", "toy"), ("suite", "status", "{}"), ("suite", "run", "{}"),
    ("leaderboard", "check", "{}"), ("leaderboard", "show", "{}"), ("leaderboard", "add", "{}"), ("replay", "{}"),
    ("report", "{}"), ("check", "loss", "{}"), ("run", "erm", "toy", "--jobs", "1", "--runs", "{}"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_names_and_paths(command, no_training, capsys):
    for word in GIVEN:
        said(capsys, *(part.replace("{}", word) for part in command))


@property_of(text=st.text(max_size=40) | WORDS)
def test_values_are_what_json_can_hold_or_text(text):
    found = survives(parsed, [f"a={text}"])
    assert found is None or json.dumps(found, allow_nan=False)
