"""How Sphinx builds the site: `make docs`."""

import os
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps
from sphinx.util.logging import get_node_location

import sklearn_unsup

HERE = Path(__file__).parent
sys.path.insert(0, os.fspath(HERE))  # for `gallery_order`

project = "sklearn_unsup"
author = "The sklearn_unsup developers"
copyright = author
release = sklearn_unsup.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_parser",
]
root_doc = "index"
default_role = "literal"  # as in scikit-learn
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "auto_examples/*.ipynb", "**/GALLERY_HEADER.rst"]
nitpicky = False
autosummary_generate = True
autodoc_default_options = {
    "members": True,
    "inherited-members": "Module,BaseException,Callback",
}
autodoc_typehints = "none"
numpydoc_show_class_members = False
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_unsup"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": project, "alt_text": "Home"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "changelog": []}

EXAMPLES = HERE.parent / "examples"
EXPLORER = EXAMPLES / "output" / "site"  # what plot_explorer.py writes is put beside the pages
EXPLORER.mkdir(parents=True, exist_ok=True)
html_extra_path = [os.fspath(EXPLORER)]

sphinx_gallery_conf = {
    "examples_dirs": os.fspath(EXAMPLES),
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery_order.by_story",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_unsup",),
    "reference_url": {"sklearn_unsup": None},
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "parallel": 2,
    "show_memory": False,
    "write_computation_times": False,  # that page takes its scripts from the network
    "show_signature": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "only_warn_on_example_error": False,
    "default_thumb_file": None,
}
suppress_warnings = ["config.cache"]

THUMBNAIL = (400, 280)  # pixels
INVENTORIES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "sklearn": "https://scikit-learn.org/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "skorch": "https://skorch.readthedocs.io/en/stable/",
}


def _is_reached(address):
    try:
        with urllib.request.urlopen(f"{address}objects.inv", timeout=5):
            return True
    except OSError:
        return False


with ThreadPoolExecutor() as pool:
    reached = pool.map(_is_reached, INVENTORIES.values())
    intersphinx_mapping = {
        name: (address, None)
        for (name, address), found in zip(INVENTORIES.items(), reached, strict=True)
        if found
    }
if len(intersphinx_mapping) < len(INVENTORIES):
    missing = ", ".join(sorted(INVENTORIES.keys() - intersphinx_mapping.keys()))
    print(f"No links to the documentation of {missing}: their inventories cannot be reached.")


def _as_text(app, env, node, contnode):
    """Show scikit-learn's terms and labels as text where its inventory cannot be reached."""
    if "sklearn" in intersphinx_mapping:
        return None
    theirs = "docstring of sklearn." in (get_node_location(node) or "")
    return contnode if theirs or node.get("reftype") == "term" else None


def _crop_thumbnails(app):
    """Show the right end of wide figures, where the answer is, and not a strip of tiny panels."""
    folder = HERE / "auto_examples" / "images"
    for thumbnail in (folder / "thumb").glob("sphx_glr_*_thumb.png"):
        name = thumbnail.name.replace("_thumb.png", "_001.png")
        if not (folder / name).exists():  # examples were not run
            continue
        figure = Image.open(folder / name).convert("RGB")
        width = min(figure.width, round(figure.height * THUMBNAIL[0] / THUMBNAIL[1]))
        right_end = figure.crop((figure.width - width, 0, figure.width, figure.height))
        ImageOps.pad(right_end, THUMBNAIL, color="white").save(thumbnail)


def setup(app):
    """Connect what is above."""
    app.connect("builder-inited", _crop_thumbnails, priority=900)  # after the gallery
    app.connect("missing-reference", _as_text)
