"""The post as one HTML file with everything in it."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgan_workshop.publish.notebooks import ROOT
from sgan_workshop.publish.pages import mathml
from sgan_workshop.publish.registry import FIGURES_FOLDER

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

STYLE_SHEET = ROOT / "blog" / "post.css"


def picture_of(name: str, suffix: str = ".png") -> Path:
    """The file that shows a figure best on a page: the film if it is one, or else the picture of that kind."""
    film = FIGURES_FOLDER / f"{name}.gif"
    return film if film.exists() else film.with_suffix(suffix)


def markdown_reader(figures: list[str]) -> MarkdownIt:
    """A Markdown reader: equations become MathML, code gets colours, pictures go into the page itself."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    def coloured(code: str, language: str, _: str) -> str:
        return highlight(code, get_lexer_by_name(language or "text"), HtmlFormatter(nowrap=True))

    markdown = MarkdownIt("commonmark", {"highlight": coloured}).enable("table")
    markdown.use(dollarmath_plugin, renderer=lambda latex, how: mathml(latex, block=how["display_mode"]))
    pictures = {f"images/{picture_of(name).name}": name for name in figures}

    def image(_: Any, tokens: list, index: int, *__: Any) -> str:
        token = tokens[index]
        name = pictures[token.attrs["src"]]
        # Lines and letters stay sharp however small the screen, and however far a reader zooms in.
        still = f"data:image/svg+xml;base64,{in_base64(FIGURES_FOLDER / f'{name}.svg')}"
        alt = token.content.replace('"', "&quot;")
        if picture_of(name).suffix != ".gif":
            return f'<img src="{still}" alt="{alt}">'
        moving = f"data:image/gif;base64,{in_base64(picture_of(name))}"
        quiet = f'<source srcset="{still}" media="(prefers-reduced-motion: reduce)">'
        return f'<picture>{quiet}<img src="{moving}" alt="{alt}"></picture>'

    markdown.add_render_rule("image", image)
    return markdown


def in_base64(path: Path) -> str:
    """A file's content as text."""
    return base64.b64encode(path.read_bytes()).decode()


def _wide(table: re.Match) -> str:
    """A table that may scroll by itself on a narrow screen; marked, if its cells hold numbers rather than sentences."""
    longest = max(len(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<td.*?</td>", table[0], re.DOTALL))
    return f'<div class="wide{" numbers" if longest < 40 else ""}">{table[0]}</div>'


def as_page(title: str, summary: str, body: str) -> str:
    """The whole HTML page around the post's body."""
    from pygments.formatters import HtmlFormatter

    # A picture and the paragraph in italics below it become a figure with its caption.
    body = re.sub(
        r"<p>(<(?:img|picture).*?)</p>\s*<p><em>(.*?)</em></p>",
        r"<figure>\1<figcaption>\2</figcaption></figure>",
        body,
        flags=re.DOTALL,
    )
    body = re.sub(r"<table>.*?</table>", _wide, body, flags=re.DOTALL)
    dark = HtmlFormatter(style="github-dark").get_style_defs("code")
    colours = f"{HtmlFormatter().get_style_defs('code')}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="{summary.replace('"', "&quot;")}">
<title>{title}</title>
<style>
{colours}
{STYLE_SHEET.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""
