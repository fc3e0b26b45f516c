"""The matrix as a picture: a panel for each operation, a pair of bars for each number of connections.

Plain SVG with a background of its own, so that it reads the same on light and dark pages. Each panel has its own scale; bars
show medians, the lines on them the least and the most of all rounds.
"""

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from bench.client import Measured
from bench.matrix import Row, Spread

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT = 300, 230
MARGIN, HEAD = 16, 64
PLOT_LEFT, PLOT_TOP, PLOT_BOTTOM = 46, 34, 40
BAR_WIDTH = 30
COLOURS = {"Stator": "#1f6feb", "DynamoDB Local": "#b0b7c3"}
INK, FAINT = "#24292f", "#d8dee4"


def chart(rows: Sequence[Row]) -> str:
    """The SVG document: requests a second of both servers."""
    operations = list(dict.fromkeys(row.operation for row in rows))
    width = COLUMNS * PANEL_WIDTH + 2 * MARGIN
    height = HEAD + -(-len(operations) // COLUMNS) * PANEL_HEIGHT + MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' font-family="system-ui, sans-serif" font-size="11">'
        ),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(MARGIN, 26, "Requests a second, by connections", size=16, anchor="start", bold=True),
        *_legend(),
    ]
    for place, operation in enumerate(operations):
        left = MARGIN + place % COLUMNS * PANEL_WIDTH
        top = HEAD + place // COLUMNS * PANEL_HEIGHT
        parts += [
            f'<g transform="translate({left} {top})">',
            *_panel([r for r in rows if r.operation == operation]),
            "</g>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend() -> Iterator[str]:
    left = MARGIN
    for name, colour in COLOURS.items():
        yield f'<rect x="{left}" y="38" width="12" height="12" fill="{colour}"/>'
        yield _text(left + 18, 48, name, anchor="start")
        left += 40 + 7 * len(name)


def _panel(rows: Sequence[Row]) -> Iterator[str]:
    step = _step(max(max(row.stator(_rate).most, row.peer(_rate).most) for row in rows))
    floor = PANEL_HEIGHT - PLOT_BOTTOM
    right = PANEL_WIDTH - MARGIN
    per_unit = (floor - PLOT_TOP) / (4 * step)
    yield _text(PLOT_LEFT, 18, rows[0].operation, size=13, anchor="start", bold=True)
    for tick in range(5):
        y = floor - tick * step * per_unit
        yield f'<line x1="{PLOT_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>'
        yield _text(PLOT_LEFT - 6, y + 4, _short(tick * step), anchor="end")
    for place, row in enumerate(rows):
        middle = PLOT_LEFT + (right - PLOT_LEFT) * (place + 0.5) / len(rows)
        yield from _bar(middle - BAR_WIDTH - 1, floor, row.stator(_rate), per_unit, COLOURS["Stator"])
        yield from _bar(middle + 1, floor, row.peer(_rate), per_unit, COLOURS["DynamoDB Local"])
        yield _text(middle, floor + 16, str(row.connections))
        yield _text(middle, floor + 30, f"{row.ratio.median:.1f} times", bold=True)


def _bar(left: float, floor: float, rate: Spread, per_unit: float, colour: str) -> Iterator[str]:
    height = rate.median * per_unit
    middle = left + BAR_WIDTH / 2
    least, most = floor - rate.least * per_unit, floor - rate.most * per_unit
    yield f'<rect x="{left:.1f}" y="{floor - height:.1f}" width="{BAR_WIDTH}" height="{height:.1f}" fill="{colour}"/>'
    yield f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{least:.1f}" y2="{most:.1f}" stroke="{INK}" stroke-width="1.5"/>'
    yield _text(middle, most - 4, _short(rate.median))


def _rate(measured: Measured) -> float:
    return measured.requests_per_s


def _step(most: float) -> float:
    """A quarter of a scale that ends in a round number and leaves room above the highest bar."""
    raw = most * 1.12 / 4
    power = 10 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= raw)


def _short(rate: float) -> str:
    if rate >= 10_000:
        return f"{rate / 1000:.0f}k"
    return f"{rate / 1000:.1f}k" if rate >= 1_000 else f"{rate:.0f}"


def _text(x: float, y: float, content: str, *, size: int = 11, anchor: str = "middle", bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{INK}"{weight}>{escape(content)}</text>'
