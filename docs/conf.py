"""How Sphinx builds the manual: ``make docs``.

The source is the root of the repository, so that pages link to decisions and results of benchmarks by the same paths
that a forge follows.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gpunet

project = "gpunet"
author = "the authors of gpunet"
release = version = gpunet.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "_generate"]
include_patterns = ["docs/*.md", "docs/decisions/*.md", "benchmarks/results/*.md", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "build", "runs"]
root_doc = "docs/index"

myst_heading_anchors = 4
myst_links_external_new_tab = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
napoleon_use_rtype = False
suppress_warnings = ["myst.header"]  # pages of results begin sections as they need them

html_theme = "pydata_sphinx_theme"
html_title = "gpunet"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
