"""Measure the explorer of 20,000 images: the size of its file, and how soon it is seen.

python -m benchmarks.explorer --data mnist.npz
"""

import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from benchmarks import _common
from sklearn_unsup.displays import explore

N_IMAGES = 20_000
ROUNDS = 7
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
IDLE = "window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle"


def main():
    arguments = _common.parser(__doc__).parse_args()
    X, y, *_ = _common.load(arguments.data)
    X, y = X[:N_IMAGES], y[:N_IMAGES]
    noise = np.random.default_rng(0).integers(0, 256, X.shape).astype(np.uint8)
    embedding = PCA(2, random_state=0).fit_transform(X)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, images in {"MNIST": X, "noise, the worst case": noise}.items():
            path = explore(images, embedding, y, Path(folder) / "explorer.html")
            times = first_paints(path)
            size = path.stat().st_size / 1e6
            median, largest = statistics.median(times), max(times)
            results.append({"images": name, "MB": size, "median": median, "largest": largest})
    heading = f"{len(X)} images of 28 x 28: file, and seconds to the first paint in Chromium"
    sections = [(heading, results, ["images", "MB", "median", "largest"])]
    name = None if arguments.no_save else "explorer"
    _common.save(name, "Explorer", "python -m benchmarks.explorer --data mnist.npz", sections)


def first_paints(path):
    """Seconds from opening the file to the picture, each in a new browser."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as playwright:
        for _ in range(ROUNDS):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.goto(path.as_uri())
            page.wait_for_function(IDLE)
            times.append(page.evaluate(FIRST_PAINT) / 1000)
            browser.close()
    return times


if __name__ == "__main__":
    main()
