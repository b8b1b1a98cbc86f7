"""How the static site is built from the Markdown of this project: `make docs`.

The pages are written to be read in the repository as well, so what only the site needs is added here:
the navigation, and the reference that is generated from the code (`<!-- generated: NAME -->`).
Nothing is fetched from the network, and a link that leads nowhere ends the build.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import reference  # noqa: E402 - beside this file

import opusmap  # noqa: E402

project = "opusmap"
author = "the authors of opusmap"
version = release = opusmap.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md", "mappings/**/README.md"]
exclude_patterns = [".*", "build", "dist", "docs/site", "node_modules", "tests"]
suppress_warnings = ["misc.highlighting_failure"]  # pages show broken YAML on purpose
myst_heading_anchors = 6
myst_links_external_new_tab = False
default_role = "literal"  # docstrings write code as Markdown does, in single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = "opusmap"
html_static_path = ["static"]
html_css_files = ["opusmap.css"]
html_copy_source = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"index": "start.html"}
html_theme_options = {"footer_icons": []}

NAVIGATION = {
    "Start": ["README <../README>", "tutorial"],
    "How to": ["howto/*"],
    "Reference": ["language", "sources", "command-line", "reference/*", "diagnostics/index"],
    "Explanation": ["explanation/*", "promises", "performance", "differences-from-jinja"],
    "Examples and project": [
        "../mappings/*/README",
        "Package of converters <examples/opusmap-barcodes/README>",
        "Package with a source <examples/opusmap-mailbox/README>",
        "../CONTRIBUTING",
        "../CHANGELOG",
    ],
}


def add_generated(_app: object, name: str, text: list[str]) -> None:
    """Put what only the site has into a page: generated reference, and its place in the navigation."""
    text[0] = re.sub(r"<!-- generated: (\w+) -->", lambda found: reference.PARTS[found[1]](), text[0])
    if name == root_doc:
        text[0] += "".join(_toctree(pages, caption) for caption, pages in NAVIGATION.items())
    elif name == "docs/diagnostics/index":
        text[0] += _toctree(["*"])


def _toctree(pages: list[str], caption: str = "") -> str:
    title = f":caption: {caption}\n" if caption else ""
    glob = ":glob:\n" if any("*" in page for page in pages) else ""
    return "\n```{toctree}\n:hidden:\n" + title + glob + "\n" + "\n".join(pages) + "\n```\n"


def setup(app: object) -> None:
    """Register with Sphinx."""
    app.connect("source-read", add_generated)
