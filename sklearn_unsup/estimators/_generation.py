"""Comparison of the distributions of generated and real images, in a fixed feature space."""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from sklearn_unsup._devices import apply_in_chunks
from sklearn_unsup.metrics import frechet_distance
from sklearn_unsup.networks import RandomFeatures

N_NEIGHBORS = 5  # Naeem et al. 2020, section 4
MAX_HELD_OUT = 2000  # more take longer and hardly change the scores
MIN_ROWS = 4  # two to hold out, two to train on
# Bounds for a group of rows to be a missing kind of image. They separate generators trained on all
# classes from generators trained on all but one.
N_NEAR = 3
MAX_GROUPED = 500  # real rows; more take longer
MIN_MISSING = 8  # smaller groups may be due to chance
MIN_MISSING_SHARE = 0.04
MAX_GENERATED = 0.05  # of the expected number of generated rows of a kind
MIN_ISOLATION = 0.75
MAX_COVERED = 0.35
MIN_RELATIVE_DISTANCE = 0.8
MIN_DIVERSITY = 0.02
MIN_COVERAGE = 0.05
MAX_ACCURACY = 0.99


def n_held_out(n_rows, fraction):
    """Return the number of rows to hold out.

    Raises
    ------
    ValueError
        If there are too few rows.
    """
    if n_rows < MIN_ROWS:
        raise ValueError(
            f"X has n_samples={n_rows}: ConvGAN holds out rows to judge what it generates, and "
            f"expects at least {MIN_ROWS} samples."
        )
    return int(np.clip(round(n_rows * fraction), 2, min(n_rows - 2, MAX_HELD_OUT)))


def generation_quality(network, rows, codes, to_images, image_shape):
    """Compare images that a network generates from codes with real rows.

    Parameters
    ----------
    network : GenerativeAdversarialNetwork
        Network in evaluation mode.
    rows : ndarray of shape (n, n_features)
        At least 2 real rows.
    codes : ndarray of shape (n, n_components)
    to_images : callable
        Maps rows (b, n_features) to images (b, c, h, w).
    image_shape : tuple of int
        ``(C, H, W)``.

    Returns
    -------
    quality : dict of float
        "distance": squared Fréchet distance of the features of `RandomFeatures`, divided by the
        variance of the real features. 1 is the distance of the mean of the real features.
        "coverage": 0 to 1, in the same space.
        "missing": 0 to 1, the share of real rows in the largest group that resemble each other and
        no generated row.
        "diversity": variance of the generated features, divided by that of the real ones.
    """
    device = network.scaling.scale.device
    features = RandomFeatures(image_shape).to(device)
    n_features = features.n_outputs
    real = apply_in_chunks(
        lambda tensor: features(network.scaling(to_images(tensor))), rows, device, n_features
    ).astype(np.float64)
    generated = apply_in_chunks(
        lambda tensor: features(network.average(tensor)), codes, device, n_features
    ).astype(np.float64)
    variance = float(real.var(axis=0, ddof=1).sum()) or 1.0  # 0 if X is constant
    n_neighbors = min(N_NEIGHBORS, len(rows) - 1)
    distances, _ = NearestNeighbors(n_neighbors=n_neighbors).fit(real).kneighbors()
    to_generated = pairwise_distances(real, generated)  # (n, n)
    is_covered = to_generated.min(axis=1) <= distances[:, -1]
    return {
        "distance": frechet_distance(real, generated) / variance,
        "coverage": float(is_covered.mean()),  # as in metrics.density_coverage
        "missing": missing_share(real, to_generated),
        "diversity": float(generated.var(axis=0, ddof=1).sum()) / variance,
    }


def missing_share(real, to_generated):
    """Find the largest group of real rows that resemble each other and no generated row.

    Groups come from a hierarchical clustering of the real rows. Each generated row is assigned to
    the group of its nearest real row, so inexact generated rows still count for their kind. A group
    is a missing kind of image if

    - it is not too small, and almost no generated row is assigned to it;
    - its rows are neighbours of each other, and of few rows outside;
    - few of its rows have a generated row nearer than their third neighbour;
    - generated rows are about as far from it as real rows of other kinds. They are nearer if the
      kind varies less than the error of the generator.

    Parameters
    ----------
    real : ndarray of shape (n, m)
    to_generated : ndarray of shape (n, n_generated)
        Distances between real and generated rows.

    Returns
    -------
    share : float
        Share of the real rows; 0 if there is no such group.
    """
    step = -(-len(real) // MAX_GROUPED)
    real, to_generated = real[::step], to_generated[::step]
    n, n_generated = to_generated.shape
    least = max(MIN_MISSING, MIN_MISSING_SHARE * n)
    if n < 2 * least:
        return 0.0
    distances = pairwise_distances(real)
    groups = list(_groups(distances, least))
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :N_NEAR]
    nearest = to_generated.min(axis=1)
    is_covered = nearest <= np.take_along_axis(distances, near[:, -1:], axis=1)[:, 0]
    counts = np.bincount(to_generated.argmin(axis=0), minlength=n)
    largest = 0
    for inside in groups:
        size = int(inside.sum())
        isolation = inside[near[inside]].sum() - inside[near[~inside]].sum()
        if (
            size <= largest
            or counts[inside].sum() > MAX_GENERATED * size * n_generated / n
            or isolation < MIN_ISOLATION * size * N_NEAR
            or is_covered[inside].mean() > MAX_COVERED
        ):
            continue
        to_others = distances[np.ix_(inside, ~inside & (counts > 0))].min(axis=1)
        if np.median(to_others) >= MIN_RELATIVE_DISTANCE * np.median(nearest[inside]):
            largest = size
    return largest / n


def _groups(distances, least):
    """Yield a mask of each Ward cluster with at least `least` and at most half of the rows."""
    n = len(distances)
    members = np.zeros((2 * n - 1, n), dtype=bool)
    members[np.arange(n), np.arange(n)] = True
    tree = linkage(squareform(distances, checks=False), "ward")
    for i, (one, other, _, size) in enumerate(tree, start=n):
        members[i] = members[int(one)] | members[int(other)]
        if least <= size <= n / 2:
            yield members[i]


def describe_failure(best, last, objective):
    """Return a message if a generator has collapsed or misses a kind of image, else None.

    Parameters
    ----------
    best, last : dict
        Entries of `history_` of the epoch whose weights are kept, and of the last epoch.
    objective : str
    """
    coverage, diversity = best["valid_coverage"], best["valid_diversity"]
    missing = best.get("valid_missing", 0.0)  # older histories have none
    accuracy = last["train_discriminator_accuracy"]
    symptoms = []
    if diversity < MIN_DIVERSITY:
        symptoms.append(f"generated images are nearly identical (diversity {diversity:.2g})")
    if coverage < MIN_COVERAGE:
        symptoms.append(f"generated images are like few of X's (coverage {coverage:.2g})")
    # A Wasserstein critic gives no probabilities, and is expected to separate the images.
    if accuracy > MAX_ACCURACY and objective != "wasserstein_gp":
        symptoms.append(
            f"the discriminator has won (it tells {accuracy:.1%} of the images apart), and the "
            "generator learns no more"
        )
    advice = "Train longer (max_epochs), lower learning_rate, or raise r1_penalty."
    if symptoms:
        return (
            "The generator has collapsed or is not trained far enough: "
            f"{'; '.join(symptoms)}. {advice}"
        )
    if missing > 0:
        return (
            f"A kind of image is missing: no generated image is like {missing:.0%} of the "
            f"held-out images, which resemble each other. {advice} If the kind is rare, repeat "
            "its images in X."
        )
    return None
