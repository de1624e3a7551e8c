"""The built site, as a reader sees it: `make docs-test`."""

import functools
import http.server
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
if not (SITE / "index.html").exists():
    pytest.skip("the site is not built: run `make docs-test`", allow_module_level=True)
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
PAGES = [page for page in PAGES if not page.startswith("_static")]
KINDS = [  # one page of each kind, for what is the same on all of its kind
    "index.html",
    "start.html",
    "user_guide.html",
    "guide/vae.html",
    "guide/choosing.html",
    "composition.html",
    "reliability.html",
    "api.html",
    "generated/sklearn_unsup.ConvVAE.html",
    "auto_examples/index.html",
    "auto_examples/plot_vae.html",
    "changelog.html",
]
PHONE = {"width": 390, "height": 844}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Links(HTMLParser):
    """The links of a page, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.places = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes.get("id"), attributes.get("name")}
        self.targets |= {attributes.get("href"), attributes.get("src")} - {None, "", "#"}


def test_no_internal_link_is_broken():
    pages = {page: Links(SITE / page) for page in PAGES}
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            path = ((SITE / page).parent / unquote(parts.path)).resolve() if parts.path else None
            path = SITE / page if path is None else path
            known = pages.get(str(path.relative_to(SITE))) if path.exists() else None
            if not path.exists() or (
                parts.fragment and known and unquote(parts.fragment) not in known.places
            ):
                broken.append(f"{page}: {target}")
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_without_error_and_with_its_pictures(page, address, name):
    page.goto(f"{address}/{name}", wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    for picture in page.locator("img").all():
        picture.scroll_into_view_if_needed() if picture.is_visible() else None
    missing = page.evaluate(
        "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    )
    assert missing == []
    assert page.locator("mjx-merror").count() == 0
    assert page.errors == []
    assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_search_finds_a_class(page, address):
    page.goto(f"{address}/search.html?q=ConvVAE")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    found = [result.get_attribute("href") for result in results.all()]
    assert any("generated/sklearn_unsup.ConvVAE.html" in link for link in found)


def test_each_example_has_a_thumbnail_of_its_own(page, address):
    page.goto(f"{address}/auto_examples/index.html")
    sources = [
        image.get_attribute("src") for image in page.locator(".sphx-glr-thumbcontainer img").all()
    ]
    examples = list((SITE.parents[2] / "examples").glob("plot_*.py"))
    assert len(set(sources)) == len(examples)
    assert not any("no_image" in source for source in sources)


@pytest.mark.parametrize("name", KINDS)
def test_a_page_fits_on_a_phone(page, address, name):
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/{name}")
    page.evaluate("() => window.MathJax?.startup?.promise")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", KINDS)
def test_text_stands_out_from_its_background(page, address, name, scheme):
    """Contrast of at least 4.5, as WCAG 2.1 asks for in 1.4.3."""
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/{name}")
    contrast = page.evaluate(
        """() => {
            const parts = text => text.match(/[\\d.]+/g).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
                .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = element => {
                for (; element; element = element.parentElement) {
                    const colour = parts(getComputedStyle(element).backgroundColor);
                    if (colour.length < 4 || colour[3] > 0.99) return colour;
                }
                return [255, 255, 255];
            };
            const texts = [...document.querySelectorAll("main p, main td, main h1, main pre span")];
            return Math.min(...texts.filter(t => t.innerText.trim()).map(t => {
                const pair = [parts(getComputedStyle(t).color), behind(t)].map(light);
                return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            }));
        }"""
    )
    assert contrast >= 4.5


@pytest.mark.parametrize("estimator", [ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE])
def test_the_html_representation_links_to_a_page(estimator):
    link = estimator()._get_doc_link()
    assert link in estimator()._repr_html_()
    assert (SITE / "generated" / link.rsplit("/", 1)[1]).exists()
