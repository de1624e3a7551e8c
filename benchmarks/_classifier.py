"""A small classifier of real images, to judge generated ones: it knows nothing of any model."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_unsup._devices import apply_in_chunks

BATCH = 128
CONFIDENCE = 0.9
MAX_SIDE = 64


def _stages(image_shape):
    """Return layers that halve images until no side is longer than 8, and their output's width."""
    height, width, n_inputs = (*image_shape, 1)[:3]
    layers = [nn.Unflatten(1, (height, width, n_inputs)), _ChannelsFirst()]
    while min(height, width) > MAX_SIDE:  # by means of 2 x 2 pixels: classes are coarse
        layers.append(nn.AvgPool2d(2, ceil_mode=True))
        height, width = (height + 1) // 2, (width + 1) // 2
    n_outputs = 32
    while n_outputs == 32 or max(height, width) > 8:
        layers += [nn.Conv2d(n_inputs, n_outputs, 3, 2, 1), nn.SiLU()]
        height, width, n_inputs, n_outputs = (height + 1) // 2, (width + 1) // 2, n_outputs, 64
    return layers, height * width * n_inputs


class _ChannelsFirst(nn.Module):
    def forward(self, images):  # (b, h, w, c)
        return images.movedim(3, 1)  # (b, c, h, w)


class Classifier:
    """A convolutional network, trained on rows of about unit scale and their labels 0, 1, ...

    Parameters
    ----------
    image_shape : (H, W) or (H, W, C)
    """

    def __init__(self, X, y, device="cpu", epochs=3, image_shape=(28, 28), n_classes=10):
        torch.manual_seed(0)
        self.device = torch.device(device)
        self.n_classes = n_classes
        stages, width = _stages(image_shape)
        self.network = nn.Sequential(
            *stages,
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(width, 128), nn.Tanh()),
            nn.Linear(128, n_classes),
        ).to(self.device)
        X, y = (torch.from_numpy(a).to(self.device) for a in (X, y.astype(np.int64)))
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=3e-3)
        n_steps = epochs * math.ceil(len(X) / BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=n_steps)
        for _ in range(epochs):
            for batch in torch.randperm(len(X), device=self.device).split(BATCH):
                optimizer.zero_grad()
                F.cross_entropy(self.network(X[batch]), y[batch]).backward()
                optimizer.step()
                schedule.step()
        self.network.eval()

    def probabilities(self, X):
        """Return the probability of each class (n, n_classes)."""
        classify, n_classes = lambda rows: self.network(rows).softmax(1), self.n_classes
        return apply_in_chunks(classify, X, self.device, n_classes)

    def features(self, X):
        """Return what the last layer but one makes of rows (n, 128)."""
        return apply_in_chunks(self.network[:-1], X, self.device, 128)

    def accuracy(self, X, y):
        """Return the share of rows that are recognised."""
        return float((self.probabilities(X).argmax(1) == y).mean())

    def shares(self, X):
        """Return the share of rows that is taken for each class (n_classes,)."""
        return np.bincount(self.probabilities(X).argmax(1), minlength=self.n_classes) / len(X)

    def judge(self, X):
        """Return the share of rows accepted with confidence, and how many digits are covered."""
        p = self.probabilities(X)
        shares = np.bincount(p.argmax(1), minlength=10) / len(X)
        return {
            "accepted": float((p.max(1) >= CONFIDENCE).mean()),
            "digits covered": int((shares >= 0.03).sum()),
        }
