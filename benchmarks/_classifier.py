"""A small classifier of real digits, to judge generated ones: it knows nothing of any model."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_unsup._devices import apply_in_chunks

BATCH = 128
CONFIDENCE = 0.9


class Classifier:
    """A convolutional network, trained on rows (n, 784) in [0, 1] and their labels."""

    def __init__(self, X, y, device="cpu", epochs=3):
        torch.manual_seed(0)
        self.device = torch.device(device)
        self.network = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            *(nn.Conv2d(1, 32, 3, 2, 1), nn.SiLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.SiLU()),
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 49, 128), nn.SiLU()),
            nn.Linear(128, 10),
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
        """Return the probability of each digit (n, 10)."""
        return apply_in_chunks(lambda rows: self.network(rows).softmax(1), X, self.device, 10)

    def features(self, X):
        """Return what the last layer but one makes of rows (n, 128)."""
        return apply_in_chunks(self.network[:-1], X, self.device, 128)

    def accuracy(self, X, y):
        """Return the share of rows that are recognised."""
        return float((self.probabilities(X).argmax(1) == y).mean())

    def judge(self, X):
        """Return the share of rows accepted with confidence, and how many digits are covered."""
        p = self.probabilities(X)
        shares = np.bincount(p.argmax(1), minlength=10) / len(X)
        return {
            "accepted": float((p.max(1) >= CONFIDENCE).mean()),
            "digits covered": int((shares >= 0.03).sum()),
        }
