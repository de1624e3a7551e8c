"""Pairs of images and random neighbours, as batches of a neighbour embedding."""

from dataclasses import replace

import torch


class NeighborPairs:
    """Images, and a random neighbour of each, as one batch.

    `Batch.given` has a row (b, 2m + 1) for each image: the indices of m neighbours among the
    landmarks, a weight of each, and a class or -1.

    Parameters
    ----------
    landmarks : array of shape (n, n_features)
        Rows among which the neighbours are, indexed by arrays.
    to_images : callable
        Maps rows (b, n_features) to images (b, c, h, w).
    view : callable
        ``view(images, generator) -> images``, of both images of each pair.
    classes : list of Tensor of int
        Indices of the landmarks of each class.
    target_weight : float
        Probability that an image with a class is paired with one of the same class, instead of a
        neighbour.
    """

    def __init__(self, landmarks, to_images, view, classes=(), target_weight=0.0):
        self.landmarks, self.to_images, self.view = landmarks, to_images, view
        self.target_weight = target_weight
        if target_weight:
            sizes = torch.tensor([len(members) for members in classes])
            self.members, self.sizes = torch.cat(list(classes)), sizes
            self.starts = sizes.cumsum(0) - sizes

    def __call__(self, batch, generator):
        """Return a batch of twice as many images: the neighbours follow."""
        chosen = self._draw(batch.given, generator).cpu().numpy()  # (b,)
        rows = torch.from_numpy(self.landmarks[chosen].astype("float32"))
        neighbors = self.to_images(rows.to(batch.images.device))
        images = torch.cat([batch.images, neighbors])  # (2b, c, h, w)
        return replace(batch, images=self.view(images, generator))

    def _draw(self, given, generator):
        """Return the index (b,) of a landmark for each row of `given`."""
        m = given.shape[1] // 2
        which = torch.multinomial(given[:, m : 2 * m], 1, generator=generator)  # (b, 1)
        chosen = given.gather(1, which)[:, 0].long()
        if not self.target_weight:
            return chosen
        classes = given[:, -1].long().cpu()
        draws = torch.empty((2, len(given)), dtype=torch.float32, device=given.device)
        draws = draws.uniform_(generator=generator).cpu()
        member = self.starts[classes] + (draws[1] * self.sizes[classes]).long().clamp_max(
            self.sizes[classes] - 1
        )
        is_same = (classes >= 0) & (draws[0] < self.target_weight)
        return torch.where(is_same, self.members[member], chosen.cpu())
