"""The explorer, used with a mouse in Chromium."""

import re

import numpy as np
import pytest

pytest.importorskip("bokeh", reason="bokeh is not installed")

from sklearn_unsup.displays import explore

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
LASSO, PAN = ".bk-tool-icon-lasso-select", ".bk-tool-icon-pan"


@pytest.fixture
def explorer(page, tmp_path):
    """Open 400 images around four corners, each corner with its label and shade."""
    corner = np.arange(400) % 4
    noise = np.random.default_rng(0).normal(scale=0.03, size=(400, 2))
    X = np.tile((corner * 80.0)[:, np.newaxis], 64)
    X[:, 0] = np.arange(400) % 256  # no two alike
    path = explore(X, CORNERS[corner] + noise, np.array(list("abcd"))[corner], tmp_path / "e.html")
    page.goto(path.as_uri())
    page.wait_for_function("window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle")
    return page


def place_of(page, x, y):
    """Where a point of the plane is on the screen."""
    return page.evaluate(
        """([x, y]) => {
            const find = view => view.model.type == "Figure" ? view
                : view.child_views.map(find).find(found => found);
            const plot = find([...Bokeh.index][0]);
            const box = plot.canvas_view.el.getBoundingClientRect();
            return [box.x + plot.frame.x_scale.compute(x), box.y + plot.frame.y_scale.compute(y)];
        }""",
        [x, y],
    )


def lasso(page, x, y, size=60):
    """Draw a square around a point of the plane."""
    page.locator(LASSO).click()
    x, y = place_of(page, x, y)
    page.mouse.move(x - size, y - size)
    page.mouse.down()
    for dx, dy in ((size, -size), (size, size), (-size, size), (-size, -size)):
        page.mouse.move(x + dx, y + dy, steps=5)
    page.mouse.up()


def chosen_rows(page):
    page.wait_for_timeout(300)
    return [int(row) for row in re.findall(r"\d+", page.locator("textarea").input_value())]


def test_the_file_asks_for_nothing_and_has_no_error(explorer):
    assert len(explorer.asked) == 1
    assert explorer.errors == []


def test_a_point_under_the_pointer_shows_its_image(explorer):
    x, y = place_of(explorer, 1, 1)
    explorer.mouse.move(x - 2, y)
    explorer.mouse.move(x, y)
    picture = explorer.locator(".bk-Tooltip img").first
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 8
    row = explorer.get_by_text(re.compile(r"row \d+")).first.inner_text()
    assert int(row.split()[1]) % 4 == 3
    assert explorer.locator(".bk-Tooltip b").first.inner_text() == "d"


def test_a_lasso_lists_the_rows_inside_for_copying(explorer):
    lasso(explorer, 0, 1)
    expected = list(range(1, 400, 4))
    assert chosen_rows(explorer) == expected
    assert explorer.get_by_text("of 400 rows chosen").inner_text().startswith("100")
    explorer.get_by_role("button", name="Copy").click()
    copied = explorer.evaluate("navigator.clipboard.readText()")
    assert [int(row) for row in copied.split(",")] == expected


def test_rows_of_hidden_labels_are_not_chosen(explorer):
    width = explorer.evaluate("innerWidth")
    box = explorer.locator(".bk-Legend").bounding_box()
    assert box["x"] < width / 4
    explorer.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 3 / 8)  # b
    lasso(explorer, 0, 1)
    assert chosen_rows(explorer) == []


def moved_from(explorer, before):
    """Return where the point (1, 1) is once it has moved and stands still; a busy page is slow."""
    place = before
    for _ in range(50):
        explorer.wait_for_timeout(300)
        last, place = place, place_of(explorer, 1, 1)
        if np.allclose(place, last, atol=0.5) and not np.allclose(place, before, atol=0.5):
            break
    return place


def test_wheel_and_drag_move_the_map(explorer):
    before = place_of(explorer, 1, 1)
    explorer.mouse.move(*place_of(explorer, 0, 0))
    explorer.mouse.wheel(0, -300)
    zoomed = moved_from(explorer, before)
    assert zoomed[0] > before[0] + 50
    explorer.mouse.move(500, 400)
    explorer.mouse.down()
    explorer.mouse.move(400, 350, steps=5)
    explorer.mouse.up()
    np.testing.assert_allclose(moved_from(explorer, zoomed), np.add(zoomed, [-100, -50]), atol=10)
