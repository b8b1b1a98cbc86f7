"""How the static site is built from the Markdown of this project: `make docs`.

The pages are written to be read in the repository as well, so what only the site needs is added here:
the navigation, the reference that is generated from the code (`<!-- generated: NAME -->`), and phrases by
which the search finds a page first (`<!-- searched: PHRASE, PHRASE -->`).
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
author = "the opusmap developers"
copyright = f"2026 {author}, licence MIT"  # noqa: A001 - Sphinx's name; LICENSE says the same
version = release = opusmap.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md", "mappings/**/README.md"]
exclude_patterns = [".*", "build", "dist", "docs/site", "node_modules", "tests"]
suppress_warnings = ["misc.highlighting_failure"]  # pages show broken YAML on purpose
myst_heading_anchors = 6
myst_enable_extensions = ["html_image"]
myst_links_external_new_tab = False
default_role = "literal"  # docstrings write code as Markdown does, in single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

# The button copies commands without their prompt and output, and other blocks whole.
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_exclude = ".linenos"

html_theme = "furo"
html_title = "opusmap"
html_static_path = ["static"]
html_css_files = ["opusmap.css"]
html_copy_source = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"index": "start.html"}
html_theme_options = {"footer_icons": []}


def _how_tos() -> dict[str, list[str]]:
    """Return the how-to pages by their task, in the order of docs/howto/index.md."""
    parts = re.split(r"(?m)^(\w[^\n]*):\n", (HERE.parent / "howto" / "index.md").read_text("utf-8"))
    return {
        title: [f"howto/{name}" for name in re.findall(r"\]\(([\w-]+)\.md\)", pages) if name != "install"]
        for title, pages in zip(parts[1::2], parts[2::2], strict=True)
    }


NAVIGATION = {
    "Start": ["README <../README>", "howto/install", "tutorial", "sample-files", "All tasks <howto/index>"],
    **_how_tos(),
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
    text[0] = re.sub(r"<!-- searched: (.+?) -->", lambda found: _index(found[1].split(", ")), text[0])
    if name == root_doc:
        text[0] += "".join(_toctree(pages, caption) for caption, pages in NAVIGATION.items())
    elif name == "docs/diagnostics/index":
        text[0] += _toctree(["*"])


def _index(phrases: list[str]) -> str:
    """Return index entries: the search finds a page by these phrases before all others."""
    return "```{index} " + ", ".join(f"!{phrase}" for phrase in phrases) + "\n```"


def _toctree(pages: list[str], caption: str = "") -> str:
    title = f":caption: {caption}\n" if caption else ""
    glob = ":glob:\n" if any("*" in page for page in pages) else ""
    return "\n```{toctree}\n:hidden:\n" + title + glob + "\n" + "\n".join(pages) + "\n```\n"


def setup(app: object) -> None:
    """Register with Sphinx."""
    app.connect("source-read", add_generated)
