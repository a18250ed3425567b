"""How Sphinx builds the site; `sgan site` gathers the pages and calls it."""

import html

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from sgan_utils import __version__
from sgan_workshop.publish.address import repository as address_of_repository
from sgan_workshop.publish.address import site
from sgan_workshop.publish.pages import mathml

repository = address_of_repository()

project = "The SGAN workshop"
author = "the SGAN workshop's authors"
release = __version__
language = "en"
html_description = (
    "Jupyter lessons on semi-supervised learning with GANs, on the real MNIST, for a laptop without a GPU."
)

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["README.md", "cluster"]

nb_execution_mode = "off"  # the stored outputs are what the tests compare
nb_ipywidgets_js = {}  # or pages would fetch scripts from elsewhere
nb_code_prompt_show = "Solution"
nb_code_prompt_hide = "Solution"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_title_to_header = True
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_use_ivar = True

html_theme = "sphinx_book_theme"
html_title = project
html_baseurl = site()
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("sortable.js", {"defer": "defer"})]
html_show_search_summary = False  # it would fetch pages, which a plain folder cannot serve
html_copy_source = False
html_theme_options = {
    "repository_url": repository,
    "repository_branch": "main",
    "use_repository_button": True,
    "launch_buttons": {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"},
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search stands in the side bar
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system has it
html_math_renderer = "mathml"


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="equation">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def _describe(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """What search engines and messengers show of a page: its first paragraph, and the picture of the game."""
    paragraphs = [] if doctree is None else [" ".join(p.astext().split()) for p in doctree.findall(nodes.paragraph)]
    words = next((text for text in paragraphs if len(text) > 60), html_description)
    if len(words) > 160:
        words = words[:160].rpartition(" ")[0] + " …"
    about = {
        "description": words,
        "og:title": context.get("title", project),
        "og:description": words,
        "og:type": "website",
        "og:url": f"{html_baseurl}{page}.html",
        "og:image": f"{html_baseurl}_images/game.png",
        "twitter:card": "summary_large_image",
    }
    lines = context.get("metatags", "")
    for name, value in about.items():
        kind = "property" if name.startswith("og:") else "name"
        lines += f'<meta {kind}="{name}" content="{html.escape(html.unescape(value))}"/>\n'
    context["metatags"] = lines


def _short_signature(app: Sphinx, what: str, name: str, *_: object) -> tuple[str, None] | None:
    return ("(**fields)", None) if name.endswith(".SGANConfig") else None


def _says_nothing(app: Sphinx, what: str, name: str, member: object, *_: object) -> bool | None:
    empty = name == "model_config" or str(member.__doc__).startswith("Alias for field number")
    return True if empty else None


def setup(app: Sphinx) -> None:
    """Equations become MathML, which browsers show without a script; the reference leaves out what says nothing."""
    app.connect("html-page-context", _describe)
    app.connect("autodoc-process-signature", _short_signature)
    app.connect("autodoc-skip-member", _says_nothing)
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
