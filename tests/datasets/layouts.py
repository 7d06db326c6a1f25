"""Small folders in the layouts of the real archives, with files that can be learned from."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLUMNS = ("img_id", "img_filename", "y", "split", "place", "place_filename")
SPECIES = ("036.Northern_Flicker", "001.Black_footed_Albatross")
SMALL = {"train": (12, 3, 2, 9), "val": (3, 3, 2, 2), "test": (4, 4, 3, 3)}


def write_waterbirds(
    folder: Path, per_group: dict[str, tuple[int, ...]], size: tuple[int, int] = (60, 45), seed: int = 0
) -> Path:
    """Waterbirds' layout with real JPEGs of about `size` (width, height): `per_group` maps split to group counts.

    Birds are dark (land) or bright (water) ellipses, land is greenish and water bluish noise.
    """
    rng = np.random.default_rng(seed)
    groups = [(code, g) for code, s in enumerate(("train", "val", "test")) for g, n in enumerate(per_group[s]) if n]
    counts = [per_group[("train", "val", "test")[code]][g] for code, g in groups]
    rows: list[tuple[int | str, ...]] = []
    for (code, group), n in zip(groups, counts, strict=True):
        y, place = divmod(group, 2)
        (folder / SPECIES[y]).mkdir(parents=True, exist_ok=True)
        for i in range(len(rows), len(rows) + n):
            name = f"{SPECIES[y]}/Bird_{i:04d}.jpg"
            pixels = bird(rng, size[0] + i % 7, size[1] + i % 5, y, place)
            Image.fromarray(pixels).save(folder / name, quality=90)
            rows.append((i + 1, name, y, code, place, f"/b/bamboo_forest/{i:08d}.jpg"))
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return folder


def bird(rng: np.random.Generator, width: int, height: int, y: int, place: int) -> NDArray[np.uint8]:
    """One image, (height, width, 3)."""
    pixels = rng.integers(0, 90, (height, width, 3))
    pixels[:, :, 1 + place] += 90
    yy, xx = np.mgrid[:height, :width]
    pixels[((yy / height - 0.5) / 0.3) ** 2 + ((xx / width - 0.5) / 0.2) ** 2 < 1] = 230 if y else 20
    return pixels.astype(np.uint8)
