r"""
The textbook trio, in three lines each
======================================

Tutorials write three networks in 150 lines of torch each: layers, losses, a loop, a device. Here
each is three lines. What do they minimise, which of them keeps images best, and which draws new
ones best?

**A convolutional autoencoder**, with layers of 1-16-32 channels and codes of 128 numbers, minimises
the squared error (`Masci et al. 2011 <https://doi.org/10.1007/978-3-642-21735-7_7>`_):

.. math:: \frac{1}{n} \sum_i \lVert x_i - d(e(x_i)) \rVert^2

**A variational autoencoder** maximises a lower bound of the log-density
(`Kingma & Welling 2014 <https://arxiv.org/abs/1312.6114>`_):

.. math:: \mathbb{E}_{q(z|x)} \log p(x|z) - \mathrm{KL}(q(z|x) \,\|\, \mathcal{N}(0, I))

**A generative adversarial network** of fully connected layers, from 100 numbers through 256, 512
and 1024 to an image, plays a game of two, each with a loss of its own
(`Goodfellow et al. 2014 <https://arxiv.org/abs/1406.2661>`_, the non-saturating form):

.. math::

    L_D = -\mathbb{E} \log D(x) - \mathbb{E} \log (1 - D(g(z))), \qquad
    L_G = -\mathbb{E} \log D(g(z))
"""

# %%
# The three. What they learn from need not be scaled, batched or moved to a device.
from functools import partial

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from torch.nn import Tanh

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay
from sklearn_unsup.metrics import density_coverage
from sklearn_unsup.networks import MLPDecoder, MLPEncoder

X, X_test = train_test_split(load_digit_images().data, random_state=0)

autoencoder = ConvAutoencoder(128, hidden_channels=(16, 32), max_epochs=10, random_state=0).fit(X)

vae = ConvVAE(16, max_epochs=12, random_state=0).fit(X)

generator = partial(MLPDecoder, hidden_layer_sizes=(256, 512, 1024), output_activation=Tanh)
gan = ConvGAN(100, generator=generator, discriminator=MLPEncoder, r1_penalty=1, random_state=0)
gan.set_params(max_epochs=25).fit(X)

# %%
# Beside PCA, with a Gaussian for its components. The autoencoder keeps most; here its codes are
# wider than an image of 64 pixels. The VAE draws the best digits. The fully connected GAN learns
# slowest, and its codes are not made to reconstruct: ``ConvGAN`` is convolutional by default.
pca = PCA(16, random_state=0).fit(X)
mixture = GaussianMixture(random_state=0).fit(pca.transform(X))
n = len(X_test)
kept = {"PCA": pca.inverse_transform(pca.transform(X_test))}
drawn = {"PCA": pca.inverse_transform(mixture.sample(n)[0])}
for model in (autoencoder, vae, gan):
    kept[type(model).__name__] = model.reconstruct(X_test)
    drawn[type(model).__name__] = model.sample(n, random_state=0)
print(f"{'':16}{'variance kept':>15}{'coverage of new digits':>25}")
for name, images in drawn.items():
    share = r2_score(X_test, kept[name], multioutput="variance_weighted")
    coverage = density_coverage(X_test, images)[1]
    print(f"{name:16}{share:15.2f}{coverage:25.2f}")

# %%
# Digits that none of them has seen.
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
for ax, (name, images) in zip(axes, drawn.items(), strict=True):
    SampleDisplay.from_arrays(images[:81], limits=(0, 16), cmap="gray_r", ax=ax)
    ax.set_title(f"Drawn from {name}")
plt.show()
