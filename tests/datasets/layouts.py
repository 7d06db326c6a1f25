"""Small folders in the layouts of the real archives, with files that can be learned from."""

import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

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


FACES = ["5_o_Clock_Shadow", "Blond_Hair", "Male", "Young"]  # the real lists have forty attributes


def write_celeba(folder: Path, form: str, n: int = 24) -> Path:
    """CelebA's layout, lists as `form`: `n` faces; blond and male by the bits of the number, splits in turn."""
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, parts = [], []
    for i in range(n):
        name, blond, male = f"{i + 1:06d}.jpg", i >> 1 & 1, i & 1
        face(i, blond=bool(blond), male=bool(male)).save(folder / "img_align_celeba" / name)
        rows.append((name, -1, 2 * blond - 1, 2 * male - 1, 1))
        parts.append((name, i // 4 % 3))
    if form == "csv":
        lines = [",".join(["image_id", *FACES]), *(",".join(map(str, row)) for row in rows)]
        pairs = ["image_id,partition", *(f"{name},{part}" for name, part in parts)]
    else:
        lines = [str(n), " ".join(FACES), *(" ".join(f"{v!s:>2}" for v in row) for row in rows)]
        pairs = [f"{name} {part}" for name, part in parts]
    (folder / f"list_attr_celeba.{form}").write_text("\n".join(lines) + "\n")
    (folder / f"list_eval_partition.{form}").write_text("\n".join(pairs) + "\n")
    return folder


def face(i: int, *, blond: bool, male: bool) -> Image.Image:
    """A portrait of 178 x 218 pixels: hair yellow or brown, long or short with a moustache."""
    picture = Image.new("RGB", (178, 218), (60 + 17 * i % 150, 120, 190 - 23 * i % 120))
    pen, hair = ImageDraw.Draw(picture), (235, 205, 110) if blond else (60, 40, 25)
    pen.ellipse((34, 30, 144, 205 if not male else 120), fill=hair)
    pen.ellipse((46, 55, 132, 180), fill=(225 - i % 5 * 18, 180 - i % 5 * 18, 150 - i % 5 * 15))
    for x in (70, 108):
        pen.ellipse((x - 6, 100, x + 6, 110), fill="black")
    if male:
        pen.rectangle((68, 138, 110, 145), fill=hair)
    pen.arc((70, 135, 108, 162), 20, 160, fill=(150, 40, 40), width=4)
    return picture


NEGATED = ("Nobody came, I think.", "There was never a doubt!", "NO.", "He has nothing.")
PLAIN = ("Somebody came, I think.", "He knows, and tells nobody's brother.", "A note on nowhere.", "They came.")


def write_multinli(folder: Path, per_group: dict[str, tuple[int, ...]]) -> Path:
    """MultiNLI's three files and the metadata of the random split, with a row that annotators did not agree on."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("-", "A man sleeps.", "He dreams.", None)]
    for code, split in enumerate(("train", "val", "test")):
        for group, n in enumerate(per_group[split]):
            label, negation = divmod(group, 2)
            second = NEGATED if negation else PLAIN
            gold = ("contradiction", "entailment", "neutral")[label]
            rows += [(gold, f"{gold} premise {i} of {split}", second[i % 4], code) for i in range(n)]
    third = -(-len(rows) // 3)
    for part, name in enumerate(("train", "dev_matched", "dev_mismatched")):
        with (folder / f"multinli_1.0_{name}.jsonl").open("w") as file:
            for gold, first, second, _ in rows[part * third : (part + 1) * third]:
                line = {"annotator_labels": [gold], "genre": "fiction", "gold_label": gold, "pairID": "1e"}
                file.write(json.dumps({**line, "sentence1": first, "sentence2": second}) + "\n")
    with (folder / "metadata_random.csv").open("w") as file:
        file.write(",gold_label,sentence2_has_negation,split\n")
        for place, (gold, _, second, code) in enumerate(rows):
            if code is not None:
                label = ("contradiction", "entailment", "neutral").index(gold)
                file.write(f"{place},{label},{int(second in NEGATED)},{code}\n")
    return folder


def write_civilcomments(folder: Path, n: int = 36) -> Path:
    """CivilComments-WILDS' table: `n` comments per split, half of them toxic; every ninth mentions nobody."""
    names = ("male", "female", "LGBTQ", "christian", "muslim", "other_religions", "black", "white")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "all_data_with_identities.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "id", "comment_text", "split", "toxicity", *names, "identity_any", "severe_toxicity"])
        for split in ("train", "val", "test"):
            for i in range(n):
                who = i // 2 % 9
                raters = [0.5 + 0.1 * (j % 3) if j == who else 0.49 * (i % 2) for j in range(8)]
                if who == 0:
                    raters[7] = 1.0  # male and white: groups overlap
                text = f'{"awful" if i % 2 else "kind"} words, "quoted",\non {split} line {i}'
                toxicity = 0.5 if i % 2 else 0.4999
                writer.writerow([i, 5 * i, text, split, toxicity, *raters, float(who < 8), 0.0])
    return folder
