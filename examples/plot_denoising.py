"""
Reconstruct and remove noise
============================

Can noise be removed by a model that has only ever seen noisy images? Principal components keep
what many images share; an autoencoder keeps what makes a digit. Both learn here from noisy digits
alone, and are compared with the clean ones, which neither has seen.
"""

# %%
# The digits of scikit-learn, with as much noise as there is variance in them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay

clean = load_digit_images().data
noisy = clean + np.random.default_rng(0).normal(scale=clean.std(), size=clean.shape)
X_train, X_test, _, clean_test = train_test_split(noisy, clean, random_state=0)

# %%
# The narrower the code, the less noise gets through, and the less of the digit. A *denoising*
# autoencoder is given yet more noise in training, which it is to remove (``noise_level``).
share = {"nothing": np.square(X_test - clean_test).mean() / clean_test.var()}
reconstructions = {}
for width in (8, 16, 32):
    pca = PCA(width, random_state=0).fit(X_train)
    autoencoder = ConvAutoencoder(width, noise_level=0.5, max_epochs=12, random_state=0).fit(
        X_train
    )
    reconstructions[f"PCA({width})"] = pca.inverse_transform(pca.transform(X_test))
    reconstructions[f"ConvAutoencoder({width})"] = autoencoder.reconstruct(X_test)
for name, images in reconstructions.items():
    share[name] = np.square(images - clean_test).mean() / clean_test.var()
print("error that is left, as a share of the variance of clean digits")
for name, error in share.items():
    print(f"{name:20}{error:8.3f}")

# %%
# Ten digits: noisy, cleaned by the best of each kind, and as they were.
best = [min((name for name in share if kind in name), key=share.get) for kind in ("PCA", "Conv")]
rows = {"noisy": X_test, **{name: reconstructions[name] for name in best}, "clean": clean_test}
images = np.stack([images[:12].reshape(12, 8, 8, 1) for images in rows.values()])
SampleDisplay(images=images, row_labels=list(rows)).plot(limits=(0, 16), cmap="gray_r")
plt.show()
