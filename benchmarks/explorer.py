"""Measure the explorer of 20,000 images: the size of its file, and how soon it is seen.

python -m benchmarks.explorer --data mnist.npz
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from sklearn_unsup.displays import explore

ROUNDS = 7
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
IDLE = "window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="an .npz file with x_train and y_train")
    data = np.load(parser.parse_args().data)
    X, y = data["x_train"][:20_000], data["y_train"][:20_000]
    noise = np.random.default_rng(0).integers(0, 256, X.shape).astype(np.uint8)
    embedding = PCA(2, random_state=0).fit_transform(X.reshape(len(X), -1))
    print(f"{'20,000 images, 28 x 28':24}{'MB':>8}{'first paint, s: median':>26}{'largest':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, images in {"MNIST": X, "noise (the worst case)": noise}.items():
            path = explore(images, embedding, y, Path(folder) / "explorer.html")
            times = first_paints(path)
            size = path.stat().st_size / 1e6
            print(f"{name:24}{size:8.1f}{statistics.median(times):26.2f}{max(times):10.2f}")


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
