"""The tasks of the suite that look at densities and samples; each runs one cell."""

import math
from dataclasses import replace

import joblib
import numpy as np
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split

from benchmarks import _suite_data
from benchmarks._classifier import BATCH, Classifier
from benchmarks._suite_cells import (
    LeftOut,
    digest,
    estimator,
    fit,
    fit_pca,
    floats,
    load,
    parse_params,
)
from sklearn_unsup.metrics import density_coverage, frechet_distance

N_COMPARED = 2000  # real rows
N_DRAWN = 10_000  # samples: with 500, Fréchet distances of one model differ by a factor of 10
N_BASELINE_COMPONENTS = 64
FACTOR_ANALYSIS = 2000, 4096  # rows that it is fitted to, and features beyond which it is left out
MAX_SHARES = 20  # classes whose shares are counted
JUDGE_ROWS = 20_000
JUDGE_STEPS = 1500
JUDGE_EPOCHS = 3, 30  # at least, at most


def density(cell, places):
    """Return bits per dimension of held-out rows, dequantised: x + u, u uniform in [0, 1).

    The density of x + u in units of one level bounds the probability of the levels. All models see
    the same noise. `score_samples` is in the units of X, so no change of scale is left to count.
    """
    data = load(cell, places)
    if not data.is_integer:
        raise LeftOut("not integers of many levels")
    train, held_out = (_dequantise(X, seed) for seed, X in enumerate((data.train, data.held_out)))
    n_components = min(cell.n_components, train.shape[1] // 2, len(train) // 2)
    cell = replace(cell, n_components=n_components)
    if cell.model in DENSITIES:
        nats, facts = DENSITIES[cell.model](cell, train, held_out)
    else:
        model, facts = fit(estimator(cell, data, **parse_params(cell.params)), train)
        nats = float(model.score_samples(held_out).mean())
    return {"bits per dimension": -nats / (train.shape[1] * math.log(2)), **facts}


def pca_density(cell, train, held_out):
    """Mean log-density of PCA: `PCA.score`, without a matrix of all pairs of features."""
    pca, facts = fit_pca(cell.n_components, train)
    codes = pca.transform(held_out).astype(np.float64)
    variances = pca.explained_variance_.astype(np.float64)
    density = -0.5 * (np.square(codes) / variances + np.log(2 * math.pi * variances)).sum(axis=1)
    return float(
        (density + _noise_density(pca, codes, held_out, pca.noise_variance_)).mean()
    ), facts


def factor_density(cell, train, held_out):
    max_rows, max_features = FACTOR_ANALYSIS
    if train.shape[1] > max_features:
        raise LeftOut(f"slow with more than {max_features} features")
    model = FactorAnalysis(cell.n_components, random_state=0)
    model, facts = fit(model, train[:max_rows].astype(np.float64))
    if len(train) > max_rows:
        facts["note"] = f"fitted to {max_rows} rows"
    return float(model.score(held_out.astype(np.float64))), facts


def mixture_density(cell, train, held_out):
    """Mean log-density of a mixture of PCA codes, and noise as large as on unseen rows."""
    part, unseen = train_test_split(train, test_size=0.1, random_state=0)
    model = CodeMixture(cell.n_components, cell.seed)
    model, facts = fit(model, train)
    pca = fit_pca(cell.n_components, part)[0]
    noise = np.square(unseen - pca.inverse_transform(pca.transform(unseen))).sum(axis=1).mean()
    noise /= train.shape[1] - pca.n_components_
    codes = model.pca.transform(held_out).astype(np.float64)
    density = model.mixture.score_samples(codes)
    return float((density + _noise_density(model.pca, codes, held_out, noise)).mean()), facts


class CodeMixture:
    """A Gaussian mixture of PCA codes, as a pipeline of scikit-learn's would be."""

    def __init__(self, n_components, seed):
        self.n_components, self.seed = n_components, seed

    def fit(self, X):
        self.pca = PCA(min(self.n_components, X.shape[1], len(X) // 2), random_state=0)
        codes = self.pca.fit_transform(floats(X)).astype(np.float64)
        n_gaussians = min(10, max(1, len(X) // 200))  # covariances want rows
        self.mixture = GaussianMixture(n_gaussians, random_state=self.seed).fit(codes)
        return self

    def sample(self, n, random_state):
        self.mixture.random_state = random_state
        return self.pca.inverse_transform(floats(self.mixture.sample(n)[0]))


DENSITIES = {
    "PCA": pca_density,
    "FactorAnalysis": factor_density,
    "PCA, mixture": mixture_density,
}


def samples(cell, places):
    """Return how near samples are to held-out rows, in the features of a classifier."""
    data = load(cell, places)
    chosen = np.random.RandomState(0).permutation(len(data.held_out))[:N_COMPARED]
    real = data.held_out[chosen]
    labels = None if data.y_held_out is None else data.y_held_out[chosen]
    facts = {}
    if cell.model == "training rows":
        chosen = np.random.RandomState(cell.seed).permutation(len(data.all_train))
        drawn = data.all_train[chosen[:N_DRAWN]]
    else:
        if cell.model == "PCA, mixture":
            model = CodeMixture(cell.n_components or N_BASELINE_COMPONENTS, cell.seed)
        else:
            model = estimator(cell, data, **parse_params(cell.params))
        model, facts = fit(model, data.train)
        drawn = model.sample(N_DRAWN, random_state=cell.seed)
    judge = joblib.Memory(places.cache, verbose=0).cache(train_judge, ignore=["places"])
    judge = judge(cell.data, cell.on, digest(), places)
    real, drawn = judge.scale(real), judge.scale(drawn)
    pair = judge.features(real), judge.features(drawn)
    coverage = density_coverage(pair[0], pair[1][: len(real)])[1]
    figures = {"Fréchet": frechet_distance(*pair), "coverage": coverage}
    if 0 < data.n_classes <= MAX_SHARES:
        shares = judge.classifier.shares(drawn)
        real_shares = np.maximum(judge.classifier.shares(real), 1 / len(real))
        figures["least share / real"] = float((shares / real_shares).min())
        figures["class shares"] = shares.tolist()
    if judge.classifier is not None:
        figures["classifier's accuracy"] = judge.classifier.accuracy(real, labels)
    return {**figures, **facts}


def train_judge(name, on, source, places):
    """Return the judge of a data set; it is kept on the disk as long as its source."""
    return Judge(_suite_data.load(name, places.data, "all", on))


class Judge:
    """Features in which samples are compared: of a classifier, or of PCA without labels."""

    def __init__(self, data):
        X = floats(data.all_train)
        self.low, self.high, self.mean, self.spread = X.min(), X.max(), X.mean(), X.std()
        X, y = self.scale(X[:JUDGE_ROWS]), data.y_all_train
        self.classifier = None
        if y is None:
            self.features = (
                PCA(min(N_BASELINE_COMPONENTS, *X.shape), random_state=0).fit(X).transform
            )
            return
        epochs = JUDGE_STEPS // math.ceil(len(X) / BATCH)
        epochs = min(max(epochs, JUDGE_EPOCHS[0]), JUDGE_EPOCHS[1])
        options = {"image_shape": data.image_shape, "n_classes": data.n_classes}
        self.classifier = Classifier(X, y[:JUDGE_ROWS], epochs=epochs, **options)
        self.features = self.classifier.features

    def scale(self, X):
        """Clip rows to the range of the training rows, and standardise them all alike."""
        return (floats(X).clip(self.low, self.high) - self.mean) / self.spread


def _dequantise(X, seed):
    return X + np.random.default_rng(seed).random(X.shape, dtype=np.float32)


def _noise_density(pca, codes, X, variance):
    """Return the log-density of what PCA leaves out, in the dimensions that are left."""
    n_left = X.shape[1] - codes.shape[1]
    squares = np.square(X - pca.mean_, dtype=np.float64).sum(axis=1) - np.square(codes).sum(axis=1)
    return -0.5 * (squares / variance + n_left * math.log(2 * math.pi * variance))
