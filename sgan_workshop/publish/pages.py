"""A notebook as a web page that reads well without a network, made without Sphinx, which only the site needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sgan_utils.support.files import write_text

WIDGET = "application/vnd.jupyter.widget-view+json"
APPENDICES = ("glossary", "maths")  # pages of docs/ that lessons link to; they stand beside the lessons' pages
# What nbconvert leaves out: code in folds and in outputs is code, and answers keep their distance.
STYLE = """<style>
.jp-RenderedHTMLCommon pre, .jp-RenderedHTMLCommon code, details .highlight pre
{ font-family: var(--jp-code-font-family-default, monospace); }
.jp-RenderedHTMLCommon details { margin: 0.5em 0 1.2em; }
.jp-RenderedHTMLCommon details .highlight { overflow-x: auto; }
.jp-OutputArea-output, .jp-RenderedHTMLCommon math[display="block"] { overflow-x: auto; }
.jp-RenderedHTMLCommon pre, .jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere; }
.jp-OutputArea-output pre.columns { white-space: pre; overflow-wrap: normal; }
@media (max-width: 600px) {
  body.jp-Notebook { padding: 0 4px; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none; }
  .jp-RenderedHTMLCommon table { display: block; overflow-x: auto; }
}
</style>"""


def mathml(latex: str, block: bool) -> str:
    """An equation as MathML, which browsers show without any script: on a line of its own, or within a sentence."""
    from latex2mathml.converter import convert

    # The library leaves no space between a function's name and what it is taken of, as in "log x".
    latex = re.sub(r"\\(log|ln|exp)\s*(?!\\left|[({])", r"\\\1\\,", latex)
    return convert(latex, display="block" if block else "inline")


def write_page(notebook: Any, page: Path) -> None:
    """A notebook as one HTML file that reads well without a network.

    Equations become MathML, widgets a remark, solutions fold, and links lead to the other lessons' pages.
    """
    from nbconvert import HTMLExporter
    from nbformat.v4 import new_markdown_cell
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    notebook.cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])]
    aside: list[str] = []  # HTML that nbconvert would tear apart: it goes in at the end, where placeholders stand
    for number, cell in enumerate(notebook.cells):
        if "solution" in cell.metadata.get("tags", []):
            code = highlight(cell.source, PythonLexer(), HtmlFormatter())
            aside.append(f"<details><summary>Solution</summary>{code}</details>")
            notebook.cells[number] = new_markdown_cell(_placeholder(len(aside) - 1))
        elif cell.cell_type == "markdown":
            cell.source = _set_equations_aside(cell.source, aside)
            cell.source = _link_to_pages(cell.source)
        else:
            cell.outputs = outputs_for_a_page(cell)
    exporter = HTMLExporter(embed_images=True, mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    body, _ = exporter.from_notebook_node(notebook)
    for number, html in enumerate(aside):
        body = body.replace(_placeholder(number), html, 1)
    body = re.sub(r"(?<=<pre)>([^<]*)(?=</pre>)", lambda text: f"{_columns(text[1])}>{text[1]}", body)
    title = next((c.source.lstrip("# ").splitlines()[0] for c in notebook.cells if c.cell_type == "markdown"), "")
    body = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", body, count=1).replace("</head>", f"{STYLE}</head>")
    write_text(page, body)


def write_appendices(docs: Path, pages: Path) -> None:
    """The glossary and the maths as pages, where the lessons' pages link to them."""
    from nbformat.v4 import new_markdown_cell, new_notebook

    for name in APPENDICES:
        text = (docs / f"{name}.md").read_text(encoding="utf-8")
        write_page(new_notebook(cells=[new_markdown_cell(text)]), pages / f"{name}.html")
        html = (pages / f"{name}.html").read_text(encoding="utf-8")
        # Links name headings in lower case, as GitHub and the site do.
        html = re.sub(r'<h\d id="[^"]+"', lambda heading: heading[0].lower(), html)
        write_text(pages / f"{name}.html", html)


def _link_to_pages(markdown: str) -> str:
    """Links to notebooks and appendices lead to their pages."""
    markdown = re.sub(r"\]\((?:\.\./notebooks/)?(\d\d_\w+)\.ipynb\)", r"](\1.html)", markdown)
    return re.sub(rf"\]\((?:\.\./docs/)?({'|'.join(APPENDICES)})\.md", r"](\1.html", markdown)


def outputs_for_a_page(cell: Any) -> list[Any]:
    """A cell's outputs where nothing runs: a remark in the place of widgets, pictures with their alternative text."""
    from nbformat.v4 import new_output

    remark = new_output("stream", text="(A widget: open the lesson in JupyterLab to turn it.)\n")
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            output.metadata["image/png"] = {"alt": cell.metadata.get("alt", "")}
    return [remark if WIDGET in output.get("data", {}) else output for output in cell.outputs]


def _columns(text: str) -> str:
    """The class of an output that is a table: on a narrow page it is pushed sideways, where a sentence is wrapped."""
    lines = text.strip("\n").splitlines()
    aligned = sum(bool(re.search(r"\S {2,}\S", line)) for line in lines)
    return ' class="columns"' if len(lines) > 1 and aligned >= len(lines) / 2 else ""


def _set_equations_aside(markdown: str, aside: list[str]) -> str:
    """Put a placeholder for each $$…$$ and $…$ outside of code, and add its MathML, which needs no script."""

    def one(match: re.Match) -> str:
        if match["code"]:
            return match["code"]
        aside.append(mathml(match["block"] or match["inline"], block=bool(match["block"])))
        return _placeholder(len(aside) - 1)

    pattern = r"(?P<code>```.*?```|`[^`\n]*`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$"
    return re.sub(pattern, one, markdown, flags=re.DOTALL)


def _placeholder(number: int) -> str:
    return f"PLACEHOLDER{number:04}HERE"
