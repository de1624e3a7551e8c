"""
A density of digits: samples, traversals, interpolations
========================================================

Which images are digits, and which are not? A variational autoencoder learns a density of images. It
is held here beside probabilistic PCA of the same width, which is a density too: by the
log-likelihood of digits that neither has seen, and by what the two draw when they are asked for
new ones.
"""

# %%
# Two densities, from 1,347 of the digits that come with scikit-learn. The autoencoder's figures are
# lower bounds; more importance samples make the bound tighter.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_unsup import ConvVAE
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay

X_train, X_test = train_test_split(load_digit_images().data, random_state=0)
vae = ConvVAE(16, max_epochs=12, random_state=0).fit(X_train)
pca = PCA(16, random_state=0).fit(X_train)

print("Mean log-density of new digits, in nats")
print(f"{'probabilistic PCA':40}{pca.score(X_test):10.1f}")
for n in (1, 100):
    bound = vae.score_samples(X_test, n_importance_samples=n).mean()
    print(f"{f'ConvVAE, {n} importance samples':40}{bound:10.1f}")
shuffled = np.random.default_rng(0).permuted(X_test, axis=1)
print(f"{'ConvVAE, digits with shuffled pixels':40}{vae.score(shuffled):10.1f}")
print(f"\n{vae.n_active_units_} of 16 components say something about an image.")

# %%
# New digits, without the noise of the pixels; what one component changes; the way from one digit to
# another.
rng = np.random.default_rng(0)
spread = np.sqrt(pca.explained_variance_ - pca.noise_variance_)
drawn_by_pca = pca.inverse_transform(spread * rng.normal(size=(100, 16)))
component = int(vae.kl_per_component_.argmax())
values = np.linspace(-2.5, 2.5, 10)
starts, ends = X_test[:10], X_test[10:20]
panels = {
    "Drawn from probabilistic PCA": drawn_by_pca,
    "Drawn from the VAE": vae.sample(100, random_state=0),
    f"Component {component} from -2.5 to 2.5": np.concatenate(
        [vae.traverse(row, component, values) for row in starts]
    ),
    "From one digit to another": np.concatenate(
        vae.interpolate(starts, ends, n_steps=10, path="spherical")
    ),
}
figure, axes = plt.subplots(1, 4, figsize=(14, 4), layout="constrained")
for ax, (title, images) in zip(axes, panels.items(), strict=True):
    SampleDisplay.from_arrays(images, n_columns=10, limits=(0, 16), cmap="gray_r", ax=ax)
    ax.set_title(title, fontsize=9)
plt.show()
