"""Losses of clusters: pure functions of logits, which return means over a batch."""


def cluster_information(logits, *views, conditional_weight=0.5, marginal_weight=2.0):
    """Information in clusters, and the cross-entropy of each view from its image.

    Hu et al. 2017, "Learning Discrete Representations via Information Maximizing Self-Augmented
    Training", eq. 4 to 7: clusters are certain for each image (a low conditional entropy), differ
    between images (a high marginal entropy), and are the same for views. Entropies in nats.
    """
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    consistency = sum(-(p.detach() * view.log_softmax(1)).sum(1).mean() for view in views)
    conditional = -(p * log_p).sum(1).mean()
    marginal = _entropy(p.mean(0))
    loss = consistency + conditional_weight * conditional - marginal_weight * marginal
    return {"loss": loss, "cluster_entropy": marginal, "view_cross_entropy": consistency}


def neighbor_consistency(logits, neighbors, marginal_weight=2.0):
    """Negative log-probability that an image and its neighbour are in the same cluster.

    Van Gansbeke et al. 2020, "SCAN: Learning to Classify Images without Labels", eq. 2, less the
    weighted entropy of the sizes of clusters, in nats.
    """
    p, q = logits.softmax(1), neighbors.softmax(1)
    agreement = (p * q).sum(1).clamp_min(1e-8)
    return -agreement.log().mean() - marginal_weight * _entropy(p.mean(0))


def self_training(logits, views, shares):
    """Kullback-Leibler divergence from sharpened clusters of images to those of their views.

    Xie, Girshick & Farhadi 2016, "Unsupervised Deep Embedding for Clustering Analysis", eq. 2 and
    3: the targets are p_k**2 / f_k, normalised, with the shares f (k,) of the clusters.
    """
    target = (2 * logits.detach().log_softmax(1) - shares.clamp_min(1e-8).log()).log_softmax(1)
    return (target.exp() * (target - views.log_softmax(1))).sum(1).mean()


def _entropy(p):
    return -(p * (p + 1e-8).log()).sum()
