"""Lines of `partial`, read back: what they speak of, and what a board says of them in a word."""

import pytest

from wgbench.results.lack import badge, beside, lack


@pytest.mark.parametrize(
    ("line", "name", "short", "kind"),
    [
        ("seeds 2002 instead of 2002,2022", "seeds", "seeds", "narrowed"),
        ("weight decays 0 instead of 0,0.1", "weight decays", "weight decays", "narrowed"),
        ("epochs 50 instead of 300", "epochs", "epochs", "narrowed"),
        ("no ERM baseline", "no ERM baseline", "no ERM baseline", "narrowed"),
        ("lr 0.004 instead of 0.02", "lr", "lr", "changed"),
        ("loss_options {'alpha': 2.0, 'beta': 1} instead of {}", "loss_options", "loss options", "changed"),
        ("backbone.width 8 instead of 32", "backbone.width", "width", "changed"),
        ("dataset.examples 5000 instead of 8000", "dataset.examples", "examples", "data"),
        ("the data is a declared subset", "the data is a declared subset", "the data is a declared subset", "data"),
        ("the data is the user's own", "the data is the user's own", "the data is the user's own", "data"),
    ],
)
def test_a_line_says_which_setting_and_how_it_departs(line, name, short, kind):
    found = lack(line)
    assert (found.name, found.short, found.kind) == (name, short, kind)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), ""),
        (("loss vs instead of cross-entropy",), "other loss"),
        (("loss vs instead of cross-entropy", "lr 0.1 instead of 0.2"), "other loss, lr"),
        (("loss vs instead of cross-entropy", "seeds 1 instead of 1,2"), "partial"),
        (("the data is the user's own",), "partial"),
    ],
)
def test_only_what_was_run_in_part_is_partial(lines, said):
    assert badge(lines) == said


@pytest.mark.parametrize(
    ("lines", "name", "said"),
    [
        (("backbone.width 10 instead of 256",), ("width 10",), ""),
        (("loss poly instead of cross-entropy", "loss_options {'a': 2} instead of {}"), ("loss poly",), ""),
        (("loss vs instead of cross-entropy", "lr 0.1 instead of 0.2"), ("loss vs",), "other lr"),
        (("backbone.width 10 instead of 256",), (), "other width"),
        (("backbone.width 10 instead of 256", "epochs 1 instead of 2"), ("width 10",), "partial"),
    ],
)
def test_what_a_name_tells_is_not_said_twice(lines, name, said):
    assert beside(lines, name) == said
