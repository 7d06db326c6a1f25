"""How far the headline on colored-digits depends on its settings: one row per setting, as a Markdown table.

    python benchmarks/colored_digits_sensitivity.py --runs runs

ERM, importance weighting and Group DRO at weight decay 0, five seeds each. Finished cells are not run again.
"""

import argparse
from pathlib import Path

from wgbench import protocol
from wgbench.evaluation.scores import Score
from wgbench.request import Request

SETTINGS: list[tuple[str, dict[str, float]]] = [
    ("as it is (agreement .95)", {}),
    ("agreement .90", {"dataset.agreement": 0.9}),
    ("agreement .98", {"dataset.agreement": 0.98}),
    ("agreement .50 (control)", {"dataset.agreement": 0.5}),
    ("learning rate x 1/2", {"recipe.lr": 0.01}),
    ("learning rate x 2", {"recipe.lr": 0.04}),
    ("width x 1/4", {"backbone.width": 64}),
    ("no noise", {"dataset.noise": 0.0}),
    *((f"draw {draw}", {"dataset.draw": draw}) for draw in (1, 2, 3, 4)),
]
COLUMNS = ("wga_early", "wga_selected", "wga_final", "overfit_drop", "erm_excess_selected", "erm_excess_final")


def shown(score: Score | None) -> str:
    if score is None or score.low is None or score.high is None:
        return "-"
    return f"{100 * score.mean:.1f} ± {50 * (score.high - score.low):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    store = parser.parse_args().runs
    print("| setting | algorithm | early | selected | final | drop | selected - ERM | final - ERM | 100 % train from |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, settings in SETTINGS:
        for algorithm in ("erm", "iw", "gdro"):
            request = Request(
                algorithm, "colored-digits", weight_decays=(0.0,), settings=settings, store=store, baseline=True
            )
            scores = protocol.run(request).entry.scores
            hold = scores.hold_epoch
            held = "never" if hold is None else f"{max(hold.per_seed.values()):.0f}"
            print(
                f"| {name} | {algorithm} |",
                *(f"{shown(getattr(scores, c))} |" for c in COLUMNS),
                f"{held} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
