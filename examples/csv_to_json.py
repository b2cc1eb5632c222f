"""Turns CSV into JSON lines, row by row: the first rows arrive while the last are still parsed.

    curl --data-binary @people.csv http://localhost:8080/x/demo/csv-to-json

The first row names the columns; comma, semicolon or tab is found by itself. Numbers become
numbers, an empty cell becomes null. A row with the wrong number of cells is reported on a line
of its own, `{"error": …, "line": …}`, and in the log; the rows around it are kept.
"""

import csv
import io
import json
from collections.abc import Generator

import pic


def delimiter(heading: str) -> str:
    return max(",;\t", key=heading.count)


def cell(text: str) -> str | float | int | None:
    if not text:
        return None
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        # 007 is a name and inf is no JSON: only what prints back the same way is a number.
        return number if str(number) == text and text not in {"inf", "-inf", "nan"} else text
    return text


def rows(text: str) -> Generator[str, None, None]:
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(heading))
    columns = next(reader, [])
    count = 0
    for values in reader:
        if not values:
            continue
        if len(values) != len(columns):
            fault = f"{len(values)} cells instead of {len(columns)}"
            print(f"line {reader.line_num}: {fault}")
            yield json.dumps({"error": fault, "line": reader.line_num}) + "\n"
            continue
        count += 1
        yield json.dumps(dict(zip(columns, map(cell, values), strict=True))) + "\n"
    print(f"converted {count} rows")


def handler(request: pic.Request) -> pic.Response:
    if not request.body:
        return pic.Response({"error": "send CSV as the body"}, 400)
    return pic.Response(rows(request.text()), content_type="application/x-ndjson")
