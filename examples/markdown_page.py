"""Renders Markdown as a page that is safe to show: what looks like HTML in it stays text.

    curl --data-binary @README.md http://localhost:8080/x/demo/markdown-page > readme.html

Headings, paragraphs, lists, quotes, fenced code, **bold**, *italic*, `code` and links to http,
https and mailto. A GET shows this text as an example.
"""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

import pic

STYLE = "body{max-width:42rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 sans-serif}"
BLOCKS = (
    ("heading", re.compile(r"(#{1,6})\s+(.*)")),
    ("ul", re.compile(r"[-*+]\s+(.*)")),
    ("ol", re.compile(r"\d{1,9}[.)]\s+(.*)")),
    ("quote", re.compile(r">\s?(.*)")),
)
LINK = re.compile(r"\[([^\]\[]+)\]\(((?:https?://|mailto:)[^\s()*]+)\)")


def inline(text: str) -> str:
    """Marks inside a line. The text is escaped first, so tags can only come from here."""
    pieces = re.split(r"`([^`]+)`", escape(text))
    return "".join(
        f"<code>{piece}</code>" if index % 2 else emphasis(piece)
        for index, piece in enumerate(pieces)
    )


def emphasis(text: str) -> str:
    linked = LINK.sub(r'<a href="\2">\1</a>', text)
    bold = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", linked)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", bold)


def classified(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Every line with the kind of block it belongs to; a fenced block comes as one piece."""
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("```"):
            code = []
            for inner in lines:
                if inner.strip() == "```":
                    break
                code.append(inner)
            yield "code", "\n".join(code)
        elif not stripped:
            yield "blank", ""
        else:
            yield next(
                (
                    (kind, stripped if kind == "heading" else found[1])
                    for kind, pattern in BLOCKS
                    if (found := pattern.fullmatch(stripped))
                ),
                ("text", stripped),
            )


def blocks(markdown: str) -> Iterator[str]:
    for kind, group in groupby(classified(iter(markdown.splitlines())), key=lambda pair: pair[0]):
        texts = [text for _, text in group]
        if kind == "heading":
            for text in texts:
                marks, _, title = text.partition(" ")
                yield f"<h{len(marks)}>{inline(title.strip())}</h{len(marks)}>"
        elif kind in {"ul", "ol"}:
            items = "".join(f"<li>{inline(text)}</li>" for text in texts)
            yield f"<{kind}>{items}</{kind}>"
        elif kind == "quote":
            yield f"<blockquote>{inline(' '.join(texts))}</blockquote>"
        elif kind == "code":
            yield from (f"<pre><code>{escape(text)}</code></pre>" for text in texts)
        elif kind == "text":
            yield f"<p>{inline(' '.join(texts))}</p>"


def handler(request: pic.Request) -> pic.Response:
    markdown = request.text() if request.method == "POST" else __doc__ or ""
    title = next((line.lstrip("# ") for line in markdown.splitlines() if line.strip()), "Page")
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style>{''.join(blocks(markdown))}</html>"
    )
    print("rendered", len(markdown), "characters")
    return pic.Response(page, content_type="text/html; charset=utf-8")
