"""The post's Markdown as the programs want it that make blogs: figures with captions, equations, front matter, folders.

Equations are TeX between dollars in the template. Where a program would need a script from elsewhere to set them, or a
setting that its user may not have, they become MathML, which browsers show by themselves.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sgan_workshop.publish.pages import mathml

SLUG = "learning-from-images-that-nobody-has-labelled"
FIGURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(images/(?P<file>[^)]+)\)\n\n\*(?P<caption>.+?)\*(?=\n\n|\n?\Z)", re.DOTALL)
EQUATION = re.compile(
    r"(?P<code>```.*?```|`[^`\n]*`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$",
    re.DOTALL,
)


class Dialect(NamedTuple):
    """How one program wants a post."""

    post: str  # path of the Markdown file; {date} is the post's
    images: str  # folder of the pictures
    suffix: str  # of pictures that do not move
    figure: Callable[[str, str, str], str]  # from file, alternative text and caption
    equation: Callable[[str, bool], str] | None  # from MathML, on a line of its own or not; None keeps the TeX
    front: Callable[[dict[str, Any]], dict[str, Any]]  # from title, description, date, cover (a file) and tags
    others: dict[str, str] = {}  # noqa: RUF012 - further files that the post needs, which nobody changes


def _plain_figure(file: str, alt: str, caption: str) -> str:
    return f"![{alt}](images/{file})\n\n*{caption}*"


def _hugo_figure(file: str, alt: str, caption: str) -> str:
    alt, caption = (text.replace("\\", "\\\\").replace('"', '\\"') for text in (alt, caption))
    return f'{{{{< figure src="images/{file}" alt="{alt}" caption="{caption}" >}}}}'


def _jekyll_figure(file: str, alt: str, caption: str) -> str:
    from markdown_it import MarkdownIt

    source = f"{{{{ '/assets/{SLUG}/{file}' | relative_url }}}}"
    shown = MarkdownIt().renderInline(caption)
    return f'<figure>\n<img src="{source}" alt="{html.escape(alt)}">\n<figcaption>{shown}</figcaption>\n</figure>'


def _quarto_figure(file: str, alt: str, caption: str) -> str:
    alt = alt.replace("\\", "\\\\").replace('"', '\\"')
    return f'![{caption}](images/{file}){{fig-alt="{alt}"}}'


DIALECTS = {
    "markdown": Dialect(
        "post.md", "images", ".png", _plain_figure, None, lambda about: about | {"cover": f"images/{about['cover']}"}
    ),
    "hugo": Dialect(
        f"content/posts/{SLUG}/index.md",
        f"content/posts/{SLUG}/images",
        ".svg",
        _hugo_figure,
        lambda equation, block: f"{{{{< equation >}}}}{equation}{{{{< /equation >}}}}",
        lambda about: _without(about, "cover") | {"images": [f"images/{about['cover']}"]},
        # Hugo drops HTML from Markdown unless a setting allows it; what a shortcode gives is let through.
        {"layouts/shortcodes/equation.html": "{{ .Inner | safeHTML }}"},
    ),
    "jekyll": Dialect(
        f"_posts/{{date}}-{SLUG}.md",
        f"assets/{SLUG}",
        ".svg",
        _jekyll_figure,
        lambda equation, block: equation,
        lambda about: {"layout": "post"} | _without(about, "cover") | {"image": f"/assets/{SLUG}/{about['cover']}"},
    ),
    "quarto": Dialect(
        f"posts/{SLUG}/index.qmd",
        f"posts/{SLUG}/images",
        ".svg",
        _quarto_figure,
        None,
        lambda about: (
            _without(about, "cover", "tags")
            | {"categories": about["tags"], "image": f"images/{about['cover']}"}
            | {"format": {"html": {"html-math-method": "mathml"}}}
        ),
    ),
}


def translate(markdown: str, dialect: Dialect) -> str:
    """The post's body in a dialect.

    Args:
        markdown: with pictures as ``![…](images/…)`` and captions in italics below them, equations between dollars.
    """

    def one_figure(found: re.Match) -> str:
        file = found["file"] if found["file"].endswith(".gif") else found["file"].replace(".png", dialect.suffix)
        return dialect.figure(file, found["alt"], found["caption"])

    def one_equation(found: re.Match) -> str:
        if found["code"] or dialect.equation is None:
            return found[0]
        block = bool(found["block"])
        return dialect.equation(mathml(found["block"] or found["inline"], block), block)

    return FIGURE.sub(one_figure, EQUATION.sub(one_equation, markdown))


def front_matter(about: dict[str, Any]) -> str:
    """The lines above a post; JSON is YAML, and quotes what needs quoting."""
    lines = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in about.items())
    return f"---\n{lines}---\n"


def _without(about: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in about.items() if name not in names}
