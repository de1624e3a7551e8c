"""An interactive map of images in one HTML file."""

import base64
import io
from pathlib import Path

import numpy as np

from sklearn_unsup._paths import check_replaceable
from sklearn_unsup.displays._latent import COLOURS, MARKERS
from sklearn_unsup.displays._pictures import as_pictures, is_signal, to_rgb, value_range
from sklearn_unsup.displays._principal import check_embedding, count_rows

MAX_POINTS = 20_000  # with more points, browsers become slow and files large
BLOCK_ROWS = 1_000
THUMBNAIL_SIZE = {"image": 64, "signal": 192}  # longer side, in pixels
BOKEH_MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle",
    "D": "diamond",
    "v": "inverted_triangle",
}
TOOLTIP = """
<div>
  <img src="data:image/webp;base64,@image" alt="" height="96"
       style="image-rendering: pixelated; display: block; max-width: 240px">
  <span>row @row{0}</span> <b>@label</b>
</div>
"""
HELP = (
    "Drag to move, turn the wheel to zoom, and rest the pointer on a point to see its image. "
    "Choose the lasso on the right and draw around points to list their rows."
)
ON_SELECTION = """
const chosen = [...source.selected.indices].sort((a, b) => a - b);
count.text = `<b>${chosen.length}</b> of ${source.get_length()} rows chosen`;
rows.value = chosen.join(", ");
const shown = chosen.slice(0, 200);
pictures.text = shown.map(i => `<img src="data:image/webp;base64,${source.data.image[i]}"
    title="row ${i}" alt="row ${i}" height="40" style="image-rendering: pixelated; margin: 1px">`
).join("") + (chosen.length > shown.length ? " ..." : "");
"""
COPY = """
const area = document.createElement("textarea");  // works in files opened from disk, too
area.value = rows.value;
document.body.append(area);
area.select();
document.execCommand("copy");
area.remove();
"""


def explore(
    X_images,
    embedding,
    labels=None,
    path="explorer.html",
    *,
    image_shape=None,
    channel_axis=None,
    cmap="gray",
    thumbnail_size=None,
    title="Explorer",
):
    """Write an interactive map of images as one HTML file for the browser.

    You can pan and zoom, and see the image under the pointer. Select points with the lasso to list
    their row numbers, and copy them into Python. A click on a label hides its points. The file
    opens from disk, without network or server. It is made with Bokeh (the extra `explorer`).

    Parameters
    ----------
    X_images : array-like of shape (n_samples, n_features) or (n_samples, ...)
        The images, in any units; at most 20,000.
    embedding : array-like of shape (n_samples, 2) or (n_samples, n_components)
        Position of each image: two components of a code, or the result of PCA, t-SNE or UMAP. More
        than two columns, such as the result of `transform`, are projected onto their first two
        principal directions, and the axes say so.
    labels : array-like of shape (n_samples,), default=None
        Labels or clusters, for colours and markers.
    path : str or path-like, default="explorer.html"
        The file to write. An existing file is replaced.
    image_shape, channel_axis : default=None
        As for the estimators.
    cmap : str or matplotlib Colormap, default="gray"
        Colours of grey images.
    thumbnail_size : int, default=None
        Longest side of an image in the file, in pixels. Larger images are scaled down. A larger
        size gives a larger file. None takes 64, and 192 for signals.
    title : str, default="Explorer"
        Title of the page.

    Returns
    -------
    path : Path
        The absolute path of the file.

    Raises
    ------
    ValueError
        If the shapes do not fit, there are more than 20,000 rows, or `path` is something other than
        a regular file.
    OSError
        If the file cannot be written.
    ImportError
        If Bokeh or matplotlib is not installed.

    See Also
    --------
    LatentSpaceDisplay : A static map.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_unsup.displays import explore
    >>> X, y = load_digits(return_X_y=True)
    >>> with TemporaryDirectory() as folder:
    ...     path = explore(X, PCA(2).fit_transform(X), y, f"{folder}/digits.html")
    ...     path.name
    'digits.html'
    """
    bokeh = _import_bokeh()
    path = Path(path).resolve()
    check_replaceable(path)
    embedding, axis_names, labels = check_embedding(embedding, labels=labels, X_images=X_images)
    if len(embedding) > MAX_POINTS:
        raise ValueError(
            f"There are {len(embedding)} rows, and a browser shows at most {MAX_POINTS}. Choose "
            f"some of them, as by rng.choice(len(X), {MAX_POINTS}, replace=False)."
        )
    labels = np.full(len(embedding), "") if labels is None else labels
    data = {
        "x": embedding[:, 0],
        "y": embedding[:, 1],
        "row": np.arange(len(embedding)),
        "label": labels.astype(str),
        "image": list(_encode_images(X_images, image_shape, channel_axis, cmap, thumbnail_size)),
    }
    page = _build_page(data, np.unique(labels).astype(str), axis_names)
    path.write_text(bokeh.embed.file_html(page, bokeh.resources.INLINE, title), encoding="utf-8")
    return path


def _import_bokeh():
    try:
        import bokeh.embed
        import bokeh.resources
    except ImportError as error:
        raise ImportError(
            "The explorer is made with Bokeh, which is not installed. Run "
            "pip install sklearn-unsup[explorer]."
        ) from error
    return bokeh


def _encode_images(X, image_shape, channel_axis, cmap, thumbnail_size):
    """Yield each image as a WebP file in base64. X is read in blocks and never copied whole."""
    from PIL import Image  # a dependency of Bokeh

    blocks = [slice(i, i + BLOCK_ROWS) for i in range(0, count_rows(X), BLOCK_ROWS)]
    X = getattr(X, "iloc", X)  # slices of a table are rows, whatever its index

    def pictures():
        return (as_pictures(X[block], image_shape, channel_axis) for block in blocks)

    ranges = [value_range(block) for block in pictures()]
    limits = min(low for low, _ in ranges), max(high for _, high in ranges)
    for block in pictures():
        are_signals = is_signal(block)
        size = thumbnail_size or THUMBNAIL_SIZE["signal" if are_signals else "image"]
        curve = max(2, size // 2), max(2, size)  # height and width
        for picture in block:
            rgb = to_rgb(picture, limits, cmap, curve)
            image = Image.fromarray(np.uint8(255 * rgb + 0.5))
            image.thumbnail((size, size))
            file = io.BytesIO()
            lossless = are_signals or max(image.size) <= 32  # smaller for curves
            image.save(file, "webp", lossless=lossless, quality=80)
            yield base64.b64encode(file.getvalue()).decode()


def _build_page(data, names, axis_names):
    """Return the layout: the map, and the selected rows beside it."""
    from bokeh import layouts, models
    from bokeh.plotting import figure

    source = models.ColumnDataSource(data)
    plot = figure(
        tools="pan,box_zoom,tap,reset,save",
        match_aspect=True,
        sizing_mode="stretch_both",
        min_height=400,
        x_axis_label=axis_names[0] or None,
        y_axis_label=axis_names[1] or None,
    )
    wheel, hover = models.WheelZoomTool(), models.HoverTool(tooltips=TOOLTIP, limit=1)
    plot.add_tools(wheel, models.LassoSelectTool(continuous=False), hover)
    plot.toolbar.active_scroll = wheel
    plot.toolbar.logo = None
    plot.grid.visible = False
    for i, name in enumerate(names):
        legend = {"legend_label": name} if len(names) > 1 else {}
        plot.scatter(
            "x",
            "y",
            source=source,
            view=models.CDSView(filter=models.GroupFilter(column_name="label", group=name)),
            size=6,
            color=COLOURS[i % len(COLOURS)],
            marker=BOKEH_MARKERS[MARKERS[i // len(COLOURS) % len(MARKERS)]],
            alpha=0.7,
            line_color=None,
            nonselection_alpha=0.1,
            **legend,
        )
    if len(names) > 1:
        plot.add_layout(plot.legend[0], "left")
        plot.legend.click_policy = "hide"
        plot.legend.border_line_color = None
    count, pictures = models.Div(text=""), models.Div(text="", width=300)
    rows = models.TextAreaInput(rows=8, width=300, title="Row numbers")
    copy = models.Button(label="Copy the numbers", width=300)
    copy.js_on_click(models.CustomJS(args={"rows": rows}, code=COPY))
    parts = {"source": source, "count": count, "rows": rows, "pictures": pictures}
    source.selected.js_on_change("indices", models.CustomJS(args=parts, code=ON_SELECTION))
    side = layouts.column(models.Div(text=HELP, width=300), count, rows, copy, pictures, width=320)
    return layouts.row(plot, side, sizing_mode="stretch_both")
