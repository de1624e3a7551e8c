"""
Images that do not belong, and where
====================================

Which of a thousand images have a fault? One in twenty has a bright spot or a stripe somewhere, and
no label says which. The shapes are at random positions, so patches have no common place to be
compared at: an autoencoder learns the shapes, and `ConvOutlierDetector` finds what it cannot
reconstruct. A map of the errors shows where the fault is.
"""

# %%
# Shapes in all positions and sizes, with faults in fifty of them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector
from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.displays import OutlierDisplay

X = make_shapes(1000, image_size=24, noise=0.02, random_state=0).data
rng = np.random.default_rng(0)
is_outlier = np.arange(1000) < 50
images = X.reshape(-1, 24, 24)  # a view: the faults are in X as well
for image in images[:25]:
    row, column = rng.integers(2, 20, size=2)
    image[row : row + 2, column : column + 2] += 0.7  # a spot
for image in images[25:50]:
    image[:, rng.integers(2, 22)] += 0.3  # a stripe

# %%
# Fitted to all images, faults included.
autoencoder = FrozenEstimator(ConvAutoencoder(16, max_epochs=20, random_state=0).fit(X))
error = {"method": "reconstruction_error"}
ours = ConvOutlierDetector(autoencoder, **error)
detectors = {
    "ConvOutlierDetector, error": ours,
    "ConvOutlierDetector, combined": ConvOutlierDetector(autoencoder),
    "ConvOutlierDetector, patches": ConvOutlierDetector(method="patches"),
    "ConvOutlierDetector(PCA), error": ConvOutlierDetector(PCA(16), **error),
    "IsolationForest": IsolationForest(random_state=0),
    "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
}
print(f"{'':32}{'area under the curve':>22}{'average precision':>20}")
for name, detector in detectors.items():
    unusual = -detector.fit(X).score_samples(X)
    area = roc_auc_score(is_outlier, unusual)
    print(f"{name:32}{area:22.3f}{average_precision_score(is_outlier, unusual):20.3f}")

# %%
# The most unusual images, their errors, and the pixels whose errors are larger than 99 % of those
# of other images.
OutlierDisplay.from_estimator(ours, X, n_images=10)
plt.show()
