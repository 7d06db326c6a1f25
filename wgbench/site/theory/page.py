"""Figures as PNG and SVG, the table as JSON, and one page that holds all of it and loads nothing."""

import base64
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from wgbench.disk import write_whole, writing
from wgbench.plots.files import rendered
from wgbench.plots.theory import figure
from wgbench.site.policy import policy
from wgbench.site.templates import templates
from wgbench.theory.records import Arrays, Finding, Row

HERE = Path(__file__).parent
PAGE, TABLE = "theory.html", "theory.json"
AGAIN = "then run the same command again: what was measured is kept"


def build(found: Sequence[tuple[Finding, Arrays]], out: Path) -> Path:
    """Write figures, JSON and page into a folder; the page. StoreFailed where the folder cannot be written."""
    with writing(out, AGAIN):
        out.mkdir(parents=True, exist_ok=True)
        pictures = [_picture(finding, arrays, out) for finding, arrays in found]
        findings = [finding for finding, _ in found]
        write_whole(out / TABLE, as_json(findings).encode())
        write_whole(out / PAGE, html(findings, pictures))
    return out / PAGE


def as_json(findings: Sequence[Finding]) -> str:
    """All findings with their verdicts."""
    rows = [{**f.model_dump(mode="json"), "verdict": f.verdict, "controls_fail": f.controls_fail} for f in findings]
    return json.dumps({"schema": 1, "claims": rows}, indent=1, allow_nan=False) + "\n"


def html(findings: Sequence[Finding], pictures: Sequence[str]) -> bytes:
    """The page in UTF-8. Everything is escaped, and its policy allows nothing but its own style and pictures."""
    style = (HERE / "theory.css").read_text(encoding="utf-8")
    text = _template().render(
        style=Markup(style),
        policy=policy(style, pictures=True),
        sections=list(zip(findings, pictures, strict=True)),
        told=told,
        fact=_number,
        quick=any(f.settings.quick for f in findings),
        seconds=sum(f.seconds for f in findings),
        processor=findings[0].processor if findings else "",
    )
    return text.encode("utf-8", "replace")


def told(row: Row) -> tuple[str, ...]:
    """A row in words: claim, predicted, measured, interval, verdict."""
    what = f"{'control: ' if row.control else ''}{row.what}"
    ends = "" if row.interval is None else f"[{_number(row.interval[0])}, {_number(row.interval[1])}]"
    verdict = f"{row.verdict}{', as it must' if row.control and row.verdict == 'not supported' else ''}"
    return what, row.predicted, _number(row.measured), ends, verdict


def _number(value: object) -> str:
    """A number with three significant digits; integers as they are."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _picture(finding: Finding, arrays: Arrays, out: Path) -> str:
    """The figure's files, and its picture as a data URI."""
    files = rendered(figure(finding, arrays))
    for kind, content in files.items():
        write_whole(out / f"{finding.claim}.{kind}", content)
    return "data:image/svg+xml;base64," + base64.b64encode(files["svg"]).decode()


@cache
def _template() -> jinja2.Template:
    return templates(HERE).get_template("theory.html")
