"""`wgbench data`: list, get, verify, show."""

import json
import shutil
import zipfile

import pytest
from layouts import SMALL, write_celeba, write_waterbirds
from PIL import Image

from wgbench.cli.main import outcome
from wgbench.datasets.waterbirds import Waterbirds


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


def test_ls_in_json(cli):
    rows = {row["name"]: row for row in json.loads(cli("ls", "--json")[1])}
    assert rows["waterbirds"]["sizes"] == {"train": 4795, "val": 1199, "test": 5794}
    assert len(rows["celeba"]["group_names"]) == 4
    assert rows["folder:<path>"].keys() == {"name", "summary"}


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "nowhere/sheet.png"], "No such file or directory; mend that, or name another file with --out"),
        (["--out", "."], "a folder lies where a file belongs; move it, or name another file with --out"),
    ],
)
def test_a_sheet_that_cannot_be_written_goes_elsewhere(cli, words, said):
    code, _, err = cli("show", "colored-digits", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_show_of_a_table_prints_rows(cli):
    _, out, _ = cli("show", "toy", "--per-group", "1")
    assert [x.split()[0] for x in out.splitlines()[-4:]] == ["no-0", "no-1", "yes-0", "yes-1"]


def test_a_table_has_no_picture_to_write(cli, tmp_path):
    code, out, err = cli("show", "toy", "--out", "sq.png")
    assert (code, out) == (2, "")
    assert "--out sq.png: toy has no pictures to draw; leave --out out: examples are printed" in err
    assert not (tmp_path / "sq.png").exists()


def test_mistakes(cli):
    code, _, err = cli("show", "colored-digits", "--split", "middle")
    assert (code, "write one of train, val, test" in err) == (2, True)
    code, _, err = cli("get", "celeba")
    assert (code, "give --data-dir" in err) == (2, True)
    code, _, err = cli("get", "colored-digit")
    assert (code, "did you mean colored-digits" in err) == (2, True)


def test_options_are_written_as_for_run_or_without_the_prefix(cli, tmp_path):
    write_waterbirds(tmp_path / "birds", SMALL)
    for option in ("subset=true", "dataset.subset=true"):
        code, out, _ = cli("get", "waterbirds", "--data-dir", "birds", "--set", option)
        assert (code, "waterbirds is ready" in out) == (0, True)


def test_verify_compares_published_checksums_whoever_fetched_the_files(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(Waterbirds, "counts", SMALL)
    write_waterbirds(tmp_path / "birds", SMALL)
    code, _, err = cli("verify", "waterbirds", "--data-dir", "birds")
    assert (code, "metadata.csv: its sha256 is not the published 2f023b9d" in err) == (2, True)
    assert "get it again from https://github.com/kohpangwei/group_DRO" in err
    assert cli("verify", "waterbirds", "--data-dir", "birds", "--set", "subset=true")[0] == 0


@pytest.mark.parametrize("name", ["waterbirds", "compas", "adult", "multinli", "civilcomments4", "colored-mnist"])
def test_verify_downloads_nothing(cli, tmp_path, monkeypatch, name):
    def asked(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("httpx.stream", asked)
    monkeypatch.setattr("httpx.head", asked)
    monkeypatch.setenv("WGBENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "empty")
    code, out, err = cli("verify", name)
    assert (code, out) == (2, "")
    assert err.endswith(f"verify {name}: nothing of it is here; get it: `wgbench data get {name}`\n")


def test_verify_leaves_what_is_left_of_a_download(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("WGBENCH_CACHE", str(tmp_path))
    left = tmp_path / "waterbirds" / "data" / "photograph.jpg"
    left.parent.mkdir(parents=True)
    left.touch()
    assert cli("verify", "waterbirds")[0] == 2
    assert left.exists()


def _column(folder):
    path = folder / "metadata.csv"
    path.write_text(path.read_text().replace(",place,", ",background,"))


def _line(old, new):
    def change(folder):
        path = folder / "metadata.csv"
        path.write_text(path.read_text().replace(old, new, 1))

    return change


def _empty(folder):
    next(folder.rglob("Bird_0004.jpg")).write_bytes(b"")


def _huge(folder):
    Image.new("1", (8001, 8000)).save(next(folder.rglob("Bird_0005.jpg")), format="PNG")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_column, "metadata.csv: no column 'place'; it must have img_filename, y, split, place"),
        (_line("Bird_0000.jpg,0,0,", "Bird_0000.jpg,0,3,"), "line 2: split is '3', not one of 0, 1, 2, train"),
        (_line("036.Northern", "../036.Northern"), "line 2: '../036.Northern_Flicker/Bird_0000.jpg' leads outside"),
        (_empty, "1 of 50 images cannot be used: 036.Northern_Flicker/Bird_0004.jpg (empty); copy these files again"),
        (_huge, "Bird_0005.jpg (8001 x 8000: above 64000000 pixels); copy these"),
    ],
)
def test_what_is_wrong_with_images_is_one_line(cli, tmp_path, change, said):
    change(write_waterbirds(tmp_path / "birds", SMALL))
    code, out, err = cli("get", "waterbirds", "--data-dir", "birds", "--set", "dataset.subset=true")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_wrong_counts_are_one_line(cli, tmp_path):
    write_waterbirds(tmp_path / "birds", SMALL)
    code, _, err = cli("get", "waterbirds", "--data-dir", "birds")
    assert (code, err.count("\n")) == (2, 1)
    assert "waterbirds train: examples per group are [12, 3, 2, 9], expected [3498, 184, 56, 1057]; give the" in err


def test_a_zip_that_leads_outside_is_one_line_and_writes_nothing(cli, tmp_path):
    folder = write_celeba(tmp_path / "faces", "txt")
    shutil.rmtree(folder / "img_align_celeba")
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/../../../escaped.jpg", "x")
    code, _, err = cli("get", "celeba", "--data-dir", "faces", "--set", "subset=true")
    assert (code, err.count("\n")) == (2, 1)
    assert "member 'img_align_celeba/../../../escaped.jpg' leads outside the folder" in err
    assert not list(tmp_path.rglob("escaped.jpg"))
