"""Features of images from k-means of their patches: a baseline without a gradient.

Coates, Ng & Lee 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning".
"""

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch.nn import functional as F

N_PATCHES, N_CENTRES, SIDE = 100_000, 400, 6
ROWS = 100  # transformed at a time


class PatchKMeans:
    """Whitened patches, soft assignments to centres, and their sums over quarters of the image.

    Parameters
    ----------
    image_shape : (H, W) or (H, W, C)
    seed : int
    """

    def __init__(self, image_shape, seed):
        self.image_shape, self.seed = (*image_shape, 1)[:3], seed

    def fit(self, X):
        rng = np.random.RandomState(self.seed)
        per_image = -(-N_PATCHES // len(X))
        sample = []
        for start in range(0, len(X), ROWS):
            patches = self._patches(X[start : start + ROWS])  # (b, p, d)
            chosen = rng.randint(patches.shape[1], size=(len(patches), per_image))
            chosen = np.take_along_axis(patches, chosen[:, :, None], axis=1)
            sample.append(chosen.reshape(-1, patches.shape[2]))
        sample = np.concatenate(sample)[:N_PATCHES]
        self.mean = sample.mean(axis=0)
        variances, axes = np.linalg.eigh(np.cov(sample, rowvar=False))
        self.whitening = (axes / np.sqrt(variances + 0.1)) @ axes.T  # ZCA, as in the paper
        sample = (sample - self.mean) @ self.whitening
        model = MiniBatchKMeans(N_CENTRES, batch_size=5000, n_init=1, random_state=self.seed)
        self.centres = model.fit(sample).cluster_centers_.astype(np.float32)
        return self

    def transform(self, X):
        return np.concatenate([self._encode(X[i : i + ROWS]) for i in range(0, len(X), ROWS)])

    def _patches(self, X):
        """Return patches (b, p, d), each with mean 0 and unit variance."""
        images = torch.from_numpy(X.astype(np.float32)).view(-1, *self.image_shape)
        patches = F.unfold(images.permute(0, 3, 1, 2), SIDE).transpose(1, 2).numpy()
        scale = 0.04 * max(float(X.max()), 1e-9)  # 10 of 255, as in the paper
        spread = np.sqrt(patches.var(axis=2, keepdims=True) + scale**2)
        return (patches - patches.mean(axis=2, keepdims=True)) / spread

    def _encode(self, X):
        patches = (self._patches(X) - self.mean) @ self.whitening  # (b, p, d)
        squares = np.square(self.centres).sum(axis=1) - 2 * patches @ self.centres.T
        distances = np.sqrt(np.maximum(squares + np.square(patches).sum(axis=2)[..., None], 0))
        active = np.maximum(distances.mean(axis=2, keepdims=True) - distances, 0)  # triangle
        height, width = (side - SIDE + 1 for side in self.image_shape[:2])
        maps = torch.from_numpy(active.astype(np.float32)).transpose(1, 2)
        pooled = F.adaptive_avg_pool2d(maps.unflatten(2, (height, width)), 2)  # (b, k, 2, 2)
        return pooled.flatten(1).numpy()
