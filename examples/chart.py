"""Draws numbers as a bar chart in SVG, to be put into a page or a README.

    curl 'http://localhost:8080/x/demo/chart?values=3,1,4,1,5&title=Visits' > chart.svg

`values` are 1 to 100 numbers, none below zero; `title` is optional. Anything else is answered
with 400 and the reason.
"""

import math
from html import escape

import pic

WIDTH, HEIGHT, TOP, GAP = 480, 160, 24, 2
MOST = 100


def numbers(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if len(values) > MOST:
        raise ValueError(f"at most {MOST} values, not {len(values)}")
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise ValueError("every value must be a number that is not below zero")
    return values


def bars(values: list[float]) -> str:
    step = WIDTH / len(values)
    highest = max(values) or 1
    parts = []
    for position, value in enumerate(values):
        height = (HEIGHT - TOP) * value / highest
        parts.append(
            f'<rect x="{position * step:.1f}" y="{HEIGHT - height:.1f}"'
            f' width="{max(step - GAP, 1):.1f}" height="{height:.1f}">'
            f"<title>{value:g}</title></rect>"
        )
    return "".join(parts)


def handler(request: pic.Request) -> pic.Response:
    try:
        values = numbers(request.query.get("values", ""))
    except ValueError as error:
        return pic.Response({"error": f"values: {error}"}, 400)
    title = escape(request.query.get("title", ""))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{title}" font-family="sans-serif" font-size="14">'
        f'<text y="15">{title}</text><g fill="#3b6ea5">{bars(values)}</g></svg>'
    )
    headers = {"cache-control": "public, max-age=300"}
    return pic.Response(svg, headers=headers, content_type="image/svg+xml")
