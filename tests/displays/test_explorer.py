"""The explorer's file; its use in a browser is tested in `tests/browser`."""

import base64
import io
import re
import sys

import numpy as np
import pytest

pytest.importorskip("bokeh", reason="bokeh is not installed")

from PIL import Image

from sklearn_unsup.displays import explore

RNG = np.random.default_rng(0)


def images_in(path):
    """The images in a file, decoded."""
    found = re.findall(r'"(UklGR[A-Za-z0-9+/=]+)"', path.read_text(encoding="utf-8"))
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in found]


def test_images_keep_their_pixels_in_any_units(tmp_path):
    X = RNG.normal(size=(5, 36))
    path = explore(X, X[:, :2], path=tmp_path / "e.html")
    shown = np.stack([np.asarray(image)[..., 0] for image in images_in(path)])
    expected = 255 * (X - X.min()) / (X.max() - X.min())
    np.testing.assert_allclose(shown.reshape(5, 36), expected, atol=1)


@pytest.mark.parametrize(
    ("X", "options", "size"),
    [
        (RNG.random((3, 8, 6, 3)), {}, (6, 8)),
        (RNG.random((3, 3, 8, 6)), {"channel_axis": 0}, (6, 8)),
        (RNG.random((3, 64)), {"image_shape": (1, 64)}, (192, 96)),  # a signal is a curve
        (RNG.random((3, 900)), {"image_shape": (1, 900), "thumbnail_size": 50}, (50, 25)),
        (RNG.random((3, 200, 100, 3)), {}, (32, 64)),
    ],
)
def test_colour_signals_and_large_images(X, options, size, tmp_path):
    path = explore(X, RNG.random((3, 2)), path=tmp_path / "e.html", **options)
    assert [image.size for image in images_in(path)] == [size] * 3


def test_the_axes_name_what_wide_codes_are_projected_to(tmp_path):
    codes = RNG.normal(size=(5, 4))
    text = explore(codes, codes, path=tmp_path / "wide.html").read_text(encoding="utf-8")
    assert "principal component 2 of the codes (" in text
    text = explore(codes, codes[:, :2], path=tmp_path / "two.html").read_text(encoding="utf-8")
    assert "principal component" not in text


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((20_001, 1), (20_001, 2), (20_001,)), "at most 20000"),
        (((5, 36), (5, 1), (5,)), "at least 2 components"),
        (((5, 36), (5, 2), (4,)), "embedding has 5 rows, and labels 4"),
        (((4, 36), (5, 2), (5,)), "embedding has 5 rows, and X_images 4"),
    ],
)
def test_bad_input_writes_no_file(shapes, message, tmp_path):
    path = tmp_path / "e.html"
    with pytest.raises(ValueError, match=message):
        explore(*map(np.zeros, shapes), path=path)
    assert not path.exists()


def test_a_missing_bokeh_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh.embed", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-unsup\[explorer\]"):
        explore(np.zeros((5, 36)), np.zeros((5, 2)), path=tmp_path / "e.html")
