"""Suites, tables and predictions as a bad disk or an adversary leaves them: a value, or one line that helps."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hostility import VALUES, broken, changed, property_of, rows, survives
from hypothesis import strategies as st

from wgbench import suite_file
from wgbench.datasets import adult, celeba, civilcomments, compas, metadata, multinli
from wgbench.results.predictions import Truth, read_csv, score

SUITES = [path.read_text() for path in sorted((Path(__file__).parents[2] / "benchmarks").glob("*.yaml"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Overwritten by each example."""
    return tmp_path_factory.mktemp("hostile")


# Suites


@property_of(st.sampled_from(SUITES).map(str.encode).flatmap(broken) | VALUES.map(yaml.dump).map(str.encode), share=2)
def test_suites_of_broken_yaml(folder, content):
    (folder / "suite.yaml").write_bytes(content)
    survives(suite_file.read, folder / "suite.yaml")


@property_of(st.sampled_from([yaml.safe_load(text) for text in SUITES]).flatmap(changed), share=2)
def test_suites_of_other_values(folder, content):
    (folder / "suite.yaml").write_text(yaml.dump(content))
    found = survives(suite_file.read, folder / "suite.yaml")
    if found is not None:
        survives(found.items)


# Tables of datasets

BIRDS = [
    "img_id,img_filename,y,split,place,place_filename",
    *(f"{i},bird{i % 4}.jpg,{i % 2},{i % 3},{i // 2 % 2},/p/{i}.jpg" for i in range(4)),
]
CENSUS = "39, Gov, 77516, HS, 13, Never-married, Adm-clerical, Husband, White, Male, 2174, 0, 40, US, <=50K"
PEOPLE = [
    "id," + ",".join((*compas.NUMBERS, *compas.CODES, "is_recid")),
    *(f"{i},0,1,0,{i},{20 + i},F,Male,Other,{i % 2}" for i in range(4)),
]
FACES = ["image_id,Blond_Hair,Male", *(f"{i}.jpg,{(-1) ** i},1" for i in range(4))]
FACES_TEXT = ["4", "Blond_Hair Male", *(f"{i}.jpg {(-1) ** i} 1" for i in range(4))]
PARTS = ["image_id,partition", *(f"{i}.jpg,{i % 3}" for i in range(4))]
PAIRS = [",gold_label,sentence2_has_negation,split", *(f"{i},{i % 3},{i % 2},{i % 3}" for i in range(4))]


COMMENTS = [
    ",".join(("", "id", "comment_text", "split", "toxicity", *civilcomments.IDENTITIES)),
    *(f'{i},{i},"well, {i}",{("train", "val", "test")[i % 3]},0.{i},' + ",".join(["0.5"] * 8) for i in range(4)),
]


def uncached(read, *more):
    """A reader that keeps what it has read, asked anew."""
    return lambda path: read.__wrapped__(path, *more)


READERS = {
    metadata.METADATA: (BIRDS, lambda path: metadata._read.__wrapped__(path.parent, metadata.Columns())),
    "adult.data": ([CENSUS] * 3, lambda path: adult._numbers(list(adult._lines(path)))),
    compas.FILE: (PEOPLE, compas.read),
    "list_attr_celeba.csv": (FACES, celeba.read_attributes),
    "list_eval_partition.csv": (PARTS, celeba.read_partition),
    "list_attr_celeba.txt": (FACES_TEXT, celeba.read_attributes),
    civilcomments.FILE: (COMMENTS, uncached(civilcomments._read)),
    multinli.METADATA: (PAIRS, uncached(multinli._read_metadata)),
}


@pytest.mark.parametrize("name", READERS)
@property_of(st.data())
def test_tables(folder, name, data):
    lines, read = READERS[name]
    for i in range(4):
        (folder / f"bird{i}.jpg").touch()
    path = folder / name
    path.write_bytes(data.draw(rows(lines) | broken("\n".join(lines).encode())))
    survives(read, path)


# Predictions

TRUTH = Truth(
    label=np.array([0, 0, 1, 1]),
    columns=np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool),
    classes=("no", "yes"),
    group_names=("a", "b"),
    train_total=np.array([30, 10]),
)
GUESSES = ["seed,epoch,index,prediction", *(f"{s},{e},{i},no" for s in (1, 2) for e in (1, 2) for i in range(4))]


@property_of(rows(GUESSES) | broken("\n".join(GUESSES).encode()), share=2)
def test_predictions(folder, content):
    path = folder / "predictions.csv"
    path.write_bytes(content)
    found = survives(read_csv, path, TRUTH)
    if found is not None:
        score(found[0], TRUTH, epochs=found[1])
