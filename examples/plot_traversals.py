"""
Walking through codes: shapes that move, or ghosts
==================================================

What lies between two shapes? A sum of pictures such as that of PCA fades one out and the other in.
Does a variational autoencoder move the shape instead? Images are drawn from both and compared with
new real ones: how many look like a shape, and how many of the shapes are there?
"""

# %%
# One ellipse, rectangle or triangle an image, of any place, size and angle. With ``beta`` above 1,
# components that are not needed are left empty, and the others become more independent.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from sklearn_unsup import ConvVAE
from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.displays import SampleDisplay, TraversalDisplay
from sklearn_unsup.metrics import precision_recall

X = make_shapes(2500, image_size=16, random_state=0).images
vae = ConvVAE(8, beta=2, max_epochs=14, random_state=0).fit(X)
pca = PCA(8, random_state=0).fit(X.reshape(len(X), -1))
active = vae.kl_per_component_.argsort()[::-1][: vae.n_active_units_]
print(f"{len(active)} of 8 components are used; nats in each: {vae.kl_per_component_.round(1)}")

# %%
# A thousand images from each, beside a thousand real ones that were not seen.
n = 1000
X_new = make_shapes(n, image_size=16, random_state=1).images
codes = np.random.default_rng(0).normal(size=(n, 8)) * np.sqrt(pca.explained_variance_)
drawn = {
    "other real shapes": make_shapes(n, image_size=16, random_state=2).images,
    "PCA": pca.inverse_transform(codes).reshape(n, 16, 16),
    "ConvVAE": vae.sample(n, random_state=0),
}
print(f"\n{'':20}{'look like shapes':>18}{'shapes covered':>16}")
for name, images in drawn.items():
    precision, recall = precision_recall(X_new.reshape(n, -1), images.reshape(n, -1))
    print(f"{name:20}{precision:18.2f}{recall:16.2f}")

# %%
# A triangle, and what each component does to it: those of PCA, and those that the VAE uses.
values = np.linspace(-2.5, 2.5, 9)
start = pca.transform(X[:1].reshape(1, -1)).repeat(9, axis=0)
walks = []
for component in range(len(active)):
    walk = start.copy()
    walk[:, component] = values * np.sqrt(pca.explained_variance_[component])
    walks.append(pca.inverse_transform(walk).reshape(9, 16, 16, 1))
figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
names = [f"component {component}" for component in range(len(active))]
SampleDisplay(images=np.stack(walks), row_labels=names).plot(axes[0, 0], limits=(0, 1))
TraversalDisplay.from_estimator(
    vae, X[0], components=active, values=values, ax=axes[0, 1], limits=(0, 1)
)
for ax, name in zip(axes.flat, ("Components of PCA", "Components of ConvVAE"), strict=False):
    ax.set_title(f"{name}, from -2.5 to 2.5 deviations")
for ax, name in zip(axes[1], ("PCA", "ConvVAE"), strict=True):
    SampleDisplay.from_arrays(drawn[name][:100], limits=(0, 1), ax=ax)
    ax.set_title(f"Drawn from {name}")
plt.show()
