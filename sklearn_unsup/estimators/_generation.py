"""Comparison of the distributions of generated and real images, in a fixed feature space."""

import math

import numpy as np
import torch
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional

from sklearn_unsup._devices import apply_in_chunks
from sklearn_unsup.metrics import frechet_distance
from sklearn_unsup.metrics._missing import RealClusters
from sklearn_unsup.networks import RandomFeatures

N_NEIGHBORS = 5  # Naeem et al. 2020, section 4
MAX_HELD_OUT = 2000  # more take longer and hardly change the scores
MIN_ROWS = 4  # two to hold out, two to train on
MIN_COMPARED = 600  # real rows among which kinds of images are found
POOLED_SIDE = 32  # of the images in which they are found
MIN_DIVERSITY = 0.02
LOW_DIVERSITY = 0.5
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
        "diversity": float(generated.var(axis=0, ddof=1).sum()) / variance,
    }


class RealKinds:
    """Kinds of real images, which generated images may lack.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        Real rows.
    to_images : callable
        Maps rows (b, n_features) to images (b, c, h, w).
    image_shape : tuple of int
        ``(C, H, W)``.
    """

    def __init__(self, rows, to_images, image_shape):
        self.pooled_shape = [min(side, POOLED_SIDE) for side in image_shape[1:]]
        self.n_pooled = image_shape[0] * math.prod(self.pooled_shape)
        pooled = self._pooled(to_images, rows, torch.device("cpu"))
        self.clusters = RealClusters(pooled)

    def missing_share(self, network, codes):
        """Return the share of the real rows of a kind that no image generated from codes is of."""
        device = network.scaling.scale.device
        return self.clusters.missing_share(self._pooled(network.decode, codes, device))

    def _pooled(self, to_images, rows, device):
        def pool(tensor):
            return functional.adaptive_avg_pool2d(to_images(tensor), self.pooled_shape).flatten(1)

        return apply_in_chunks(pool, rows, device, self.n_pooled)


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
    lost = f"almost no generated image is like {missing:.0%} of X's"
    symptoms = []
    if diversity < MIN_DIVERSITY:
        symptoms.append(f"generated images are nearly identical (diversity {diversity:.2g})")
    elif diversity < LOW_DIVERSITY:
        symptoms.append(f"generated images vary less than X's (diversity {diversity:.2g})")
    if coverage < MIN_COVERAGE:
        symptoms.append(f"generated images are like few of X's (coverage {coverage:.2g})")
    # A Wasserstein critic gives no probabilities, and is expected to separate the images.
    if accuracy > MAX_ACCURACY and objective != "wasserstein_gp":
        symptoms.append(
            f"the discriminator has won (it tells {accuracy:.1%} of the images apart), and the "
            "generator learns no more"
        )
    advice = "Train longer (max_epochs), raise energy_weight or r1_penalty, or lower learning_rate."
    if symptoms:
        symptoms += [lost] if missing else []
        return (
            "The generator has collapsed or is not trained far enough: "
            f"{'; '.join(symptoms)}. {advice}"
        )
    if missing:
        return (
            f"A kind of image is missing: {lost}, which resemble each other. {advice} If the kind "
            "is rare, repeat its images in X."
        )
    return None
