from types import SimpleNamespace

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector, ConvSelfSupervisedEncoder
from sklearn_unsup.displays import (
    ClusterDisplay,
    DecodedPlaneDisplay,
    InterpolationDisplay,
    KDistanceDisplay,
    LatentSpaceDisplay,
    OutlierDisplay,
    ReconstructionDisplay,
    SampleDisplay,
    TrainingHistoryDisplay,
    TraversalDisplay,
    ViewsDisplay,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def cells(display, n_rows, n_columns):
    """Return the RGB images of a mosaic, (rows, columns, H, W, 3)."""
    picture = np.asarray(display.image_.get_array())
    height, width = (picture.shape[0] + 1) // n_rows, (picture.shape[1] + 1) // n_columns
    return np.array(
        [
            [
                picture[i * height : (i + 1) * height - 1, j * width : (j + 1) * width - 1]
                for j in range(n_columns)
            ]
            for i in range(n_rows)
        ]
    )


def test_originals_reconstructions_and_errors_are_shown(digits):
    changed = digits[:4].copy()
    changed[1, 9] += 5
    display = ReconstructionDisplay.from_predictions(digits[:4], changed)
    shown = cells(display, 3, 4)  # 8 x 8, margin 1
    expected = digits[:4].reshape(4, 8, 8) / digits[:4].max()
    np.testing.assert_allclose(shown[0, ..., 0], expected, atol=0.01)
    brightness = shown[2].sum(axis=-1)
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (
        1,
        1,
        1,
    )  # pixel 9 of image 1
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["original", "reconstruction", "error"]
    without = ReconstructionDisplay.from_predictions(digits[:4], changed, show_error=False)
    assert len(without.ax_.get_yticks()) == 2


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        ((6, 7), {}),
        ((6, 7, 3), {}),
        ((3, 6, 7), {}),
        ((2, 6, 7), {}),
        ((6, 7, 4), {}),
        ((5, 6, 7), {"channel_axis": 0}),
        ((1, 30), {}),
        ((36,), {}),
        ((63,), {"image_shape": (3, 3, 7)}),
    ],
)
@pytest.mark.parametrize("scale", [1, 255, 1e-6])
def test_any_shape_and_unit_is_shown(shape, params, scale):
    images = np.random.RandomState(0).uniform(-scale, scale, size=(4, *shape))
    display = SampleDisplay.from_arrays(images, **params)
    picture = np.asarray(display.image_.get_array())
    assert picture.min() >= 0 and picture.max() <= 1
    assert picture.std() > 0.1


def test_colours_are_kept():
    red = np.zeros((2, 6, 6, 3), dtype=np.uint8)
    red[..., 0] = 255
    for images in (red, red.transpose(0, 3, 1, 2)):
        display = ReconstructionDisplay.from_predictions(images, images)
        np.testing.assert_array_equal(cells(display, 3, 2)[0, 0, 1, 1], [1, 0, 0])


def test_a_signal_is_a_curve():
    rising = np.linspace(0, 1, 40)[np.newaxis]
    display = SampleDisplay.from_arrays(rising, image_shape=(1, 40))
    dark = np.asarray(display.image_.get_array())[..., 0] < 0.5
    assert dark[0, -1] and dark[-1, 0]  # from the lower left to the upper right
    assert not dark[0, 0] and not dark[-1, -1]


@pytest.mark.parametrize("n", [3, 40, 512, 5_000])
def test_no_peak_of_a_signal_is_lost(n):
    signals = np.zeros((2, n))
    signals[0, n // 2], signals[1, n // 3] = 1, -1
    display = SampleDisplay.from_arrays(signals, image_shape=(1, n), n_columns=1)
    dark = np.asarray(display.image_.get_array())[..., 0] < 0.5
    assert dark[0].any() and dark[-1].any()
    place = np.flatnonzero(dark[0]).mean() / dark.shape[1]
    assert place == pytest.approx((n // 2) / (n - 1), abs=0.02)


def test_a_long_oscillation_is_its_envelope():
    wave = (-1.0) ** np.arange(100_000) * np.linspace(0, 1, 100_000)
    display = SampleDisplay.from_arrays(wave[np.newaxis], image_shape=(1, 100_000))
    height = (np.asarray(display.image_.get_array())[..., 0] < 0.5).sum(axis=0)
    expected = np.linspace(0, len(display.image_.get_array()), len(height))
    np.testing.assert_allclose(height, expected, atol=4)


def test_signals_are_rows_with_their_reconstructions_beside_them():
    signals = np.sin(np.linspace(0, 20, 512)) * np.arange(1, 6)[:, np.newaxis]
    display = ReconstructionDisplay.from_predictions(signals, signals, image_shape=(1, 512))
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["original", "reconstruction", "error"]
    picture = np.asarray(display.image_.get_array())
    third = picture.shape[1] // 3
    original, reconstruction = picture[:, :third], picture[:, third : 2 * third]
    assert (original < 0.5).sum() == pytest.approx((reconstruction < 0.5).sum(), rel=0.05)
    assert display.figure_.get_size_inches()[0] > 10  # wide enough for 512 samples


def test_signals_are_shown_in_full_range():
    spiky = np.zeros((1, 5_000))
    spiky[0, 10] = 100
    display = SampleDisplay.from_arrays(np.concatenate([spiky, spiky / 2]), image_shape=(1, 5_000))
    dark = np.asarray(display.image_.get_array())[..., 0] < 0.5
    first, second = np.array_split(dark, 2)
    assert first.any(axis=1).sum() > 1.5 * second.any(axis=1).sum()


def test_reconstructions_of_an_estimator_and_of_a_pipeline(fitted, digits):
    display = ReconstructionDisplay.from_estimator(fitted, digits, n_images=5)
    expected = fitted.reconstruct(digits[:5]).reshape(5, 8, 8, 1)
    np.testing.assert_allclose(display.reconstructions, expected, rtol=1e-6)
    pipe = make_pipeline(StandardScaler(), PCA(4)).fit(digits)
    assert ReconstructionDisplay.from_estimator(pipe, digits).images.shape == (8, 8, 8, 1)


def test_an_estimator_says_what_shape_its_images_have(small):
    X = np.random.RandomState(0).uniform(size=(40, 48))
    estimator = small(image_shape=(4, 4, 3), channel_axis=-1).fit(X)
    assert SampleDisplay.from_estimator(estimator, 4).images.shape == (2, 2, 4, 4, 3)
    pipe = make_pipeline(estimator, KMeans(3)).fit(X)
    assert ClusterDisplay.from_estimator(pipe, X, n_images=5).images.shape == (3, 5, 4, 4, 3)


def test_samples_stand_in_a_grid(fitted, digits):
    display = SampleDisplay.from_estimator(fitted, 10, random_state=0, n_columns=4)
    drawn = fitted.sample(10, random_state=0).reshape(10, 8, 8)
    np.testing.assert_allclose(display.images[2, 1, ..., 0], drawn[9])
    assert (cells(display, 3, 4)[2, 2:] == 1).all()  # no image: the background
    darker = display.plot(limits=(0, 1000))
    assert cells(darker, 3, 4)[0].max() < 0.1
    X = digits[:, :16].astype(np.float64)  # scikit-learn's mixture warns of rounding in float32
    mixture = GaussianMixture().fit(X)  # its sample returns labels as well
    assert SampleDisplay.from_estimator(mixture, 4).images.shape == (2, 2, 4, 4, 1)


def test_ways_and_traversals_are_labelled(small_vae, digits):
    vae = small_vae().fit(digits)
    ways = InterpolationDisplay.from_estimator(vae, digits[:2], digits[2:4], n_steps=5)
    expected = vae.interpolate(digits[:2], digits[2:4], 5).reshape(2, 5, 8, 8, 1)
    np.testing.assert_array_equal(ways.images, expected)
    walk = TraversalDisplay.from_estimator(vae, digits[0], components=[2, 0], values=[-1, 1])
    np.testing.assert_array_equal(
        walk.images[0], vae.traverse(digits[0], 2, [-1, 1]).reshape(2, 8, 8, 1)
    )
    assert [label.get_text() for label in walk.ax_.get_yticklabels()] == [
        "component 2",
        "component 0",
    ]
    assert [label.get_text() for label in walk.ax_.get_xticklabels()] == ["-1", "1"]


def test_the_decoded_plane_has_the_map_s_axes_and_leaves_empty_places_out(digits):
    model = ConvAutoencoder(2, max_epochs=1, random_state=0).fit(digits)
    plane = DecodedPlaneDisplay.from_estimator(model, digits, n_steps=5, show_empty=True)
    codes = model.transform(digits)
    width = np.ptp(codes, axis=0) / 5
    corner = np.array([[codes[:, 0].min() + width[0] / 2, codes[:, 1].max() - width[1] / 2]])
    expected = model.inverse_transform(corner).reshape(8, 8, 1)
    np.testing.assert_allclose(plane.images[0, 0], expected, rtol=1e-4)  # the top left
    sparse = DecodedPlaneDisplay.from_estimator(model, digits[:2], n_steps=5)
    assert np.isfinite(sparse.images).all(axis=(2, 3, 4)).sum() == 2
    with pytest.raises(ValueError, match=r"shape \(200, 3\), expected \(n_samples, 2\)"):
        DecodedPlaneDisplay.from_estimator(PCA(3).fit(digits), digits)


def test_clusters_show_their_most_typical_images(digits):
    labels = np.repeat([-1, 3, 7], [20, 90, 90])
    embedding = np.arange(200.0)[:, np.newaxis]
    display = ClusterDisplay.from_predictions(digits, labels, embedding=embedding, n_images=2)
    middle = digits[[64, 65]].reshape(2, 8, 8, 1)  # of rows 20 to 109
    np.testing.assert_array_equal(np.sort(display.images[0], axis=0), np.sort(middle, axis=0))
    assert display.row_labels == ["3 (90)", "7 (90)"]
    ends = ClusterDisplay.from_predictions(
        digits, labels, embedding=embedding, n_images=2, farthest=True
    )
    np.testing.assert_array_equal(ends.images[1], digits[[110, 199]].reshape(2, 8, 8, 1))
    pipe = make_pipeline(PCA(2), DBSCAN(eps=6)).fit(digits)  # has no predict
    n_clusters = pipe[-1].labels_.max() + 1
    assert len(ClusterDisplay.from_estimator(pipe, digits).images) == n_clusters


def test_views_stand_below_their_images(digits):
    encoder = ConvSelfSupervisedEncoder(views="drawings")
    options = {"n_images": 5, "n_views": 2, "random_state": 0}
    display = ViewsDisplay.from_estimator(encoder, digits, **options)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [
        *("original", "view 1", "view 2")
    ]
    np.testing.assert_array_equal(display.images[0].reshape(5, 64), digits[:5])
    assert not np.array_equal(display.images[1], display.images[2])
    again = ViewsDisplay.from_estimator(encoder, digits, **options)
    np.testing.assert_array_equal(again.images, display.images)
    signals = ViewsDisplay.from_estimator(
        ConvSelfSupervisedEncoder(image_shape=(1, 64)), digits, n_images=3, n_views=4
    )
    assert signals.images.shape == (3, 5, 1, 64, 1)


def test_the_most_unusual_images_are_shown_and_marked(digits):
    images = digits.reshape(-1, 8, 8).copy()
    images[7, 0] = 16  # a bright line
    detector = ConvOutlierDetector(method="patches").fit(images)
    display = OutlierDisplay.from_estimator(detector, images, n_images=3)
    np.testing.assert_array_equal(display.images[0, ..., 0], images[7])
    assert (np.diff(display.scores) >= 0).all()
    shown = cells(display, 3, 3)
    is_red = shown[2, 0, ..., 0] > shown[2, 0, ..., 1] + 0.1
    np.testing.assert_array_equal(is_red, display.maps[0] > display.threshold)
    assert is_red[0].all()
    assert not is_red.all()
    assert display.ax_.get_xticklabels()[0].get_text() == f"{display.scores[0]:.3g}"
    bars = display.score_ax_.patches
    assert sum(bar.get_height() for bar in bars) == len(images)
    assert display.score_ax_.lines[0].get_xdata()[0] == 0
    arrays = {name: getattr(display, name) for name in ("images", "maps", "scores", "threshold")}
    assert OutlierDisplay(**arrays).plot().score_ax_ is None
    by_error = ConvOutlierDetector(PCA(8), method="reconstruction_error").fit(digits)
    shown = OutlierDisplay.from_estimator(by_error, images.reshape(-1, 64), threshold=50)
    errors = by_error.error_map(images.reshape(-1, 64)).reshape(-1, 8, 8)
    worst = by_error.score_samples(images.reshape(-1, 64)).argmin()
    np.testing.assert_allclose(shown.maps[0], errors[worst])
    assert shown.threshold == 50
    with pytest.raises(ValueError, match="signals of height 1"):
        signals = ConvOutlierDetector(method="patches", image_shape=(1, 64)).fit(digits)
        OutlierDisplay.from_estimator(signals, digits)


def test_points_have_the_colours_of_their_labels(fitted, digits):
    y = np.arange(200) % 10
    display = LatentSpaceDisplay.from_estimator(fitted, digits, y, components=(2, 0))
    codes = fitted.transform(digits)
    np.testing.assert_allclose(display.scatters_[3].get_offsets(), codes[y == 3][:, [2, 0]])
    looks = {
        (tuple(s.get_facecolor()[0]), s.get_paths()[0].vertices.tobytes())
        for s in display.scatters_
    }
    assert len(looks) == 10
    assert display.ax_.get_xlabel() == "component 2"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list("0123456789")


def test_wide_codes_are_shown_in_their_principal_directions(fitted, digits):
    codes = fitted.transform(digits)
    pca = PCA(2).fit(codes)
    display = LatentSpaceDisplay.from_estimator(fitted, digits)
    found, expected = display.embedding, pca.transform(codes)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, signs * expected, atol=1e-3)
    shares = [f"{share:.0%}" for share in pca.explained_variance_ratio_]
    assert display.ax_.get_xlabel() == (
        f"principal component 1 of the codes ({shares[0]} of the variance)"
    )
    assert shares[1] in display.ax_.get_ylabel()
    again = LatentSpaceDisplay.from_arrays(codes, X=digits, axis_names=("a", "b"))
    np.testing.assert_array_equal(again.embedding, found)
    assert again.ax_.get_ylabel() == "b"


@pytest.mark.parametrize("shape", [(1, 3), (2, 5), (6, 3)])
def test_few_or_equal_codes_have_principal_directions_too(shape):
    for codes in (np.ones(shape), np.random.RandomState(0).normal(size=shape)):
        display = LatentSpaceDisplay.from_arrays(codes)
        assert display.embedding.shape == (shape[0], 2)
        assert np.isfinite(display.embedding).all()


def test_codes_of_two_components_are_shown_as_they_are(small, digits):
    estimator = small(n_components=2).fit(digits)
    display = LatentSpaceDisplay.from_estimator(estimator, digits)
    np.testing.assert_array_equal(display.embedding, estimator.transform(digits))
    assert display.ax_.get_xlabel() == "component 0"


def test_thumbnails_do_not_overlap(digits):
    embedding = np.random.RandomState(0).normal(size=(200, 2))
    display = LatentSpaceDisplay.from_arrays(embedding, X=digits, thumbnail_size=20)
    places = display.ax_.transData.transform(embedding[display.thumbnail_rows_])
    apart = np.abs(places[:, np.newaxis] - places).max(axis=2) + 1e9 * np.eye(len(places))
    assert 5 < len(display.thumbnails_) < 200
    assert apart.min() > 20
    none = LatentSpaceDisplay.from_arrays(embedding, X=digits, thumbnails=False)
    assert not none.thumbnails_


def test_the_history_has_an_axes_for_each_part_and_marks_the_best_epoch(small_vae, digits):
    vae = small_vae(max_epochs=4, early_stopping=True).fit(digits)
    display = TrainingHistoryDisplay.from_estimator(vae)
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "reconstruction", "kl"]
    losses = [row["valid_kl"] for row in vae.history_]
    np.testing.assert_array_equal(display.lines_["valid_kl"].get_ydata(), losses)
    best = 1 + np.argmin([row["valid_loss"] for row in vae.history_])
    assert display.best_epoch == best
    _, ax = plt.subplots()
    assert len(TrainingHistoryDisplay.from_estimator(vae, ax=ax).axes_) == 1
    with pytest.raises(ValueError, match="ax holds 2 Axes"):
        TrainingHistoryDisplay.from_estimator(vae, ax=plt.subplots(1, 2)[1])


def test_one_epoch_is_a_point(small, digits):
    display = TrainingHistoryDisplay.from_estimator(small(max_epochs=1).fit(digits))
    assert display.lines_["train_loss"].get_marker() == "o"
    assert list(display.ax_.get_xticks()) == [1]


def test_a_gans_best_epoch_is_its_own(small_gan, digits):
    gan = small_gan(max_epochs=3).fit(digits)
    assert TrainingHistoryDisplay.from_estimator(gan).best_epoch == gan.best_epoch_


def test_the_turn_of_distances_is_marked():
    display = KDistanceDisplay.from_arrays([0.1, 0.2, 2.0], 0.2)
    np.testing.assert_array_equal(display.line_.get_ydata(), [0.1, 0.2, 2.0])
    np.testing.assert_array_equal(display.eps_line_.get_ydata(), [0.2, 0.2])


@pytest.mark.parametrize(
    "make",
    [
        lambda X, ax: ReconstructionDisplay.from_predictions(X, X, ax=ax),
        lambda X, ax: SampleDisplay.from_arrays(X, ax=ax),
        lambda X, ax: ClusterDisplay.from_predictions(X, np.zeros(200), ax=ax),
        lambda X, ax: LatentSpaceDisplay.from_arrays(X[:, 10:12], ax=ax),
        lambda X, ax: KDistanceDisplay.from_arrays(X[0], 1.0, ax=ax),
    ],
)
def test_displays_plot_into_a_given_axes_and_again(digits, make):
    _, ax = plt.subplots()
    display = make(digits, ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert display.plot().ax_ is not ax


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X: ReconstructionDisplay.from_predictions(X, X[:5]), "expected the same"),
        (lambda X: ClusterDisplay.from_predictions(X, [1, 2]), "2 labels"),
        (lambda X: ClusterDisplay.from_predictions(X, X[:, 0], n_images=0), "n_images=0"),
        (lambda X: ClusterDisplay.from_predictions(X, np.full(len(X), -1)), "200 labels are -1"),
        (
            lambda X: TrainingHistoryDisplay.from_estimator(SimpleNamespace(history_=[])),
            "trained for no epoch",
        ),
        (lambda X: LatentSpaceDisplay.from_arrays(X[:, :1]), "at least 2 components"),
        (lambda X: LatentSpaceDisplay.from_arrays(X + np.nan), "NaN or infinity"),
        (lambda X: LatentSpaceDisplay.from_arrays(X[:, :2], [1]), "labels 1"),
        (lambda X: SampleDisplay.from_arrays(X[0]), "Expected images"),
    ],
)
def test_what_does_not_fit_is_named(digits, make, message):
    with pytest.raises(ValueError, match=message):
        make(digits)
