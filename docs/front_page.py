"""What the README says of the board: a table, a figure, and three sentences with its numbers.

`python docs/front_page.py` writes them again, after `wgbench leaderboard build`.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from textwrap import wrap

from PIL import Image, PngImagePlugin

from wgbench.cli.markdown import shown, table
from wgbench.plots.files import rendered
from wgbench.plots.scores import early_selected_final
from wgbench.results import stored
from wgbench.results.board import Board, Measured, Value
from wgbench.results.labels import USUAL_LOSS
from wgbench.results.lack import lack, narrowed

ROOT = Path(__file__).parents[1]
BOARD, README, FIGURE = ROOT / "leaderboards", ROOT / "README.md", ROOT / "docs" / "early-against-final.png"
BLOCK = re.compile(r"(<!-- board: .*? -->\n).*?(<!-- end of board -->)", re.DOTALL)
DIGITS, PHOTOGRAPHS, COLOURED = "colored-digits", "dominoes", "colored-mnist"
MAIN = (  # algorithms and losses that are shown
    *((name, USUAL_LOSS) for name in ("erm", "iw", "gdro", "jtt", "cvar", "chi2", "subg", "dfr")),
    ("gdro", "squared"),
    ("gdro", "poly"),
)
COLOURS = 64  # of the picture: a quarter of the bytes, looking the same
SHOWN = "entries"  # the key in the picture under which it names them


def board(dataset: str) -> Board:
    """The board of a dataset's newest version."""
    found = [Board.model_validate_json(path.read_bytes()) for path in BOARD.glob(f"{dataset}-v*.json")]
    return max(found, key=lambda b: b.dataset.version)


def rows(dataset: str) -> list[Measured]:
    """The measured rows of a dataset on the board, in its order."""
    return [row for row in board(dataset).rows if isinstance(row, Measured)]


def row(dataset: str, algorithm: str, loss: str = USUAL_LOSS) -> Measured:
    """The row of an algorithm and a loss; of several the one that lacks the least."""
    found = [r for r in rows(dataset) if (r.algorithm.name, r.loss.name) == (algorithm, loss)]
    return min(found, key=lambda r: len(r.partial))


def main_rows() -> list[Measured]:
    """The rows of the table, in the board's order."""
    ids = {row(DIGITS, *which).id for which in MAIN}
    return [r for r in rows(DIGITS) if r.id in ids]


def block() -> str:
    """What stands between the marks in the README."""
    found = table(board(DIGITS), {r.id for r in main_rows()})
    title = f"Early, selected and final worst-group accuracy of the rows of the table on {DIGITS}"
    return f"\n{found}\n![{title}]({FIGURE.relative_to(ROOT).as_posix()})\n\n{sentences()}\n\n"


def sentences() -> str:
    """What the board says, in three sentences."""
    iw, gdro = (row(DIGITS, name) for name in ("iw", "gdro"))
    left = {loss: _value(row(DIGITS, "gdro", loss), "erm_excess_final") for loss in ("squared", "poly")}
    said = (
        f"Without weight decay, Group DRO is {_value(gdro, 'erm_excess_selected')} points above ERM at the epoch that "
        f"validation selects and {_value(gdro, 'erm_excess_final')} at the end of {gdro.epochs} epochs, importance "
        f"weighting {_value(iw, 'erm_excess_selected')} and {_value(iw, 'erm_excess_final')}; by then all three fit "
        f"the training set completely. What is left depends on the loss: {left['squared']} points for Group DRO with "
        f"`squared`, an interval that includes 0, and {left['poly']} with `poly`, each above ERM with the same loss. "
        f"From the selected epoch to the end, on `{PHOTOGRAPHS}`, real photographs with a digit as the shortcut"
        f"{_partial(row(PHOTOGRAPHS, 'gdro'))}, {_paths(PHOTOGRAPHS)}; on "
        f"`{COLOURED}`{_partial(row(COLOURED, 'gdro'))}, {_paths(COLOURED)}."
    )
    return "\n".join(wrap(said, 120, break_long_words=False, break_on_hyphens=False))


def untrue() -> Iterator[str]:
    """What the words of the sentences take for granted and the board does not say: then they want other words."""
    for r in (row(DIGITS, name) for name in ("erm", "iw", "gdro")):
        if _score(r, "train_acc_final").mean < 1:
            yield f"{r.name} fits the training set completely"
    for dataset, name in ((d, n) for d in (DIGITS, PHOTOGRAPHS, COLOURED) for n in ("iw", "gdro")):
        r = row(dataset, name)
        if _score(r, "wga_final").mean >= _score(r, "wga_selected").mean:
            yield f"{name} loses by training on, on {dataset}"
    squared = _score(row(DIGITS, "gdro", "squared"), "erm_excess_final")
    if not squared.low < 0 < squared.high:
        yield "the interval of squared includes 0"
    if _score(row(DIGITS, "gdro", "poly"), "erm_excess_final").low <= squared.high:
        yield "more is left with poly than with squared"


def figure() -> bytes:
    """The picture as PNG, which names its entries."""
    kept = [stored.load(BOARD / r.path) for r in main_rows()]
    picture = Image.open(BytesIO(rendered(early_selected_final(kept))["png"])).convert("RGB").quantize(COLOURS)
    about, sink = PngImagePlugin.PngInfo(), BytesIO()
    about.add_text(SHOWN, ids())
    picture.save(sink, "png", pnginfo=about, optimize=True)
    return sink.getvalue()


def ids() -> str:
    """The entries of the picture, in its order."""
    return " ".join(r.id for r in main_rows())


def filled(readme: str) -> str:
    """The README with what the board says now."""
    found, n = BLOCK.subn(lambda marks: f"{marks[1]}{block()}{marks[2]}", readme)
    if n != 1:
        raise SystemExit("README.md: the marks around the board are missing")
    return found


def _score(r: Measured, name: str) -> Value:
    score = r.scores[name]
    if score is None:
        raise SystemExit(f"{r.path} has no {name}: the sentences of docs/front_page.py want other words")
    return score


def _value(r: Measured, name: str) -> str:
    return shown(_score(r, name))


def _paths(dataset: str) -> str:
    """From the selected epoch to the end, and where ERM ends."""
    group, weights, erm = (row(dataset, name) for name in ("gdro", "iw", "erm"))
    went = [f"{_value(r, 'wga_selected')} to {_value(r, 'wga_final')}" for r in (group, weights)]
    ends = _value(erm, "wga_final")
    return f"Group DRO goes from {went[0]}, importance weighting from {went[1]}, and ERM ends at {ends}"


def _partial(r: Measured) -> str:
    """In brackets: in what an entry is partial."""
    return f" (partial: {', '.join(lack(line).short for line in r.partial)})" if narrowed(r.partial) else ""


if __name__ == "__main__":
    for wrong in untrue():
        raise SystemExit(f"no longer so: {wrong}. The sentences of docs/front_page.py want other words")
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    FIGURE.write_bytes(figure())
