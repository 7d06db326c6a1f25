"""Small folders in the layouts of the real archives."""

import csv

import numpy as np
import pytest
from PIL import Image

COLUMNS = ("img_id", "img_filename", "y", "split", "place", "place_filename")


def write_waterbirds(folder, counts, size=(60, 45), seed=0):
    """Waterbirds' layout with real JPEGs: `counts` maps split to examples of the four groups.

    Birds are bright or dark ellipses, land is greenish and water bluish noise.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for code, split in enumerate(("train", "val", "test")):
        for group, n in enumerate(counts[split]):
            y, place = divmod(group, 2)
            for _ in range(n):
                i = len(rows)
                species = "001.Black_footed_Albatross" if y else "036.Northern_Flicker"
                name = f"{species}/Bird_{i:04d}.jpg"
                (folder / species).mkdir(parents=True, exist_ok=True)
                w, h = size[0] + i % 7, size[1] + i % 5
                pixels = rng.integers(0, 90, (h, w, 3))
                pixels[:, :, 1 + place] += 90
                yy, xx = np.mgrid[:h, :w]
                bird = ((yy / h - 0.5) / 0.3) ** 2 + ((xx / w - 0.5) / 0.2) ** 2 < 1
                pixels[bird] = 230 if y else 20
                Image.fromarray(pixels.astype(np.uint8)).save(folder / name, quality=90)
                rows.append((i + 1, name, y, code, place, f"/b/bamboo_forest/{i:08d}.jpg"))
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return folder


SMALL = {"train": (12, 3, 2, 9), "val": (3, 3, 2, 2), "test": (4, 4, 3, 3)}


@pytest.fixture
def waterbirds(tmp_path):
    """A folder of 50 images in Waterbirds' layout."""
    return write_waterbirds(tmp_path / "birds", SMALL)
