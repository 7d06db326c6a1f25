"""`wgbench data`: list, get, verify, show."""

import pytest
from PIL import Image

from wgbench.cli.main import outcome


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        code = outcome(["data", *words])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def test_ls_tells_sizes_and_licences(cli):
    _, out, _ = cli("ls")
    (line,) = [x for x in out.splitlines() if x.startswith("waterbirds ")]
    assert "4,795 / 1,199 / 5,794" in line
    assert "non-commercial" in line


def test_get_and_verify_say_that_it_is_there(cli):
    code, out, _ = cli("get", "colored-digits")
    assert (code, "colored-digits is ready" in out) == (0, True)
    _, out, _ = cli("verify", "colored-digits", "--set", "agreement=.9")
    assert "is as it should be" in out
    assert out.split("all")[1].split()[:3] == ["1,000", "200", "597"]


def test_show_draws_a_row_of_examples_per_group(cli, tmp_path):
    code, out, _ = cli("show", "waterbirds-synthetic", "--set", "pixels=32", "--set", "share=.02", "--per-group", "4")
    assert code == 0
    assert "wrote waterbirds-synthetic.png" in out
    sheet = Image.open(tmp_path / "waterbirds-synthetic.png").convert("RGB")
    left, right = (sheet.getpixel((x, 6 + 20 + 110)) for x in (20, 20 + 134))
    assert left != (255, 255, 255) != right


def test_show_of_a_table_prints_rows(cli):
    _, out, _ = cli("show", "toy", "--per-group", "1")
    assert [x.split()[0] for x in out.splitlines()[-4:]] == ["no-0", "no-1", "yes-0", "yes-1"]


def test_mistakes(cli):
    code, _, err = cli("show", "colored-digits", "--split", "middle")
    assert (code, "write one of train, val, test" in err) == (2, True)
    code, _, err = cli("get", "celeba")
    assert (code, "give --data-dir" in err) == (2, True)
    code, _, err = cli("get", "colored-digit")
    assert (code, "did you mean colored-digits" in err) == (2, True)
