"""
Colour patches of photographs: a line, or a curve
=================================================

How much can one number say about a patch of a photograph, and how much can eight? PCA lays a line,
or a flat space, through all patches, an autoencoder a curved one. Both learn from patches of two
photographs, and then paint one of them from the codes of its tiles.
"""

# %%
# Patches of 8 x 8 pixels at random places.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from sklearn_unsup import ConvAutoencoder

SIDE, WIDTHS = 8, (1, 2, 4, 8)
photos = load_sample_images().images  # a temple and a flower, 427 x 640 x 3
X_train, X_test = (
    np.concatenate(
        [extract_patches_2d(photo, (SIDE, SIDE), max_patches=n, random_state=n) for photo in photos]
    )
    for n in (2500, 1000)
)


def there_and_back(model, patches):  # noqa: D103
    codes = model.transform(patches.reshape(len(patches), -1))
    return model.inverse_transform(codes).reshape(patches.shape)


# %%
# The share of the variance that is kept, of patches that were not seen. With one number, the curve
# is far ahead: it passes through sky, leaves and petals. With two or more the flat space does well,
# and it is found in a moment: for smooth patches, take PCA.
learnt, kept = {}, {"PCA": [], "ConvAutoencoder": []}
rows = X_train.reshape(len(X_train), -1)
for width in WIDTHS:
    learnt["PCA", width] = PCA(width, random_state=0).fit(rows)
    autoencoder = ConvAutoencoder(width, image_shape=(SIDE, SIDE, 3), max_epochs=8, random_state=0)
    learnt["ConvAutoencoder", width] = autoencoder.fit(rows)
    for name, shares in kept.items():
        error = np.square(there_and_back(learnt[name, width], X_test) - X_test).sum()
        shares.append(1 - error / np.square(X_test - X_test.mean(axis=0)).sum())
print("variance kept by " + "".join(f"{width:8}" for width in WIDTHS) + "  numbers a patch")
for name, shares in kept.items():
    print(f"{name:17}" + "".join(f"{share:8.3f}" for share in shares))

# %%
# The flower, painted from one number for each tile.
flower = photos[1][:424]
grid = flower.shape[0] // SIDE, flower.shape[1] // SIDE
tiles = flower.reshape(grid[0], SIDE, grid[1], SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
pictures = {"192 numbers a tile": flower}
for name in kept:
    back = there_and_back(learnt[name, 1], tiles).reshape(*grid, SIDE, SIDE, 3).swapaxes(1, 2)
    pictures[f"{name}, 1 number a tile"] = np.clip(back.reshape(flower.shape) / 255, 0, 1)
figure, axes = plt.subplots(1, 3, figsize=(12, 3), layout="constrained")
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture)
    ax.set_title(title)
    ax.set_axis_off()
plt.show()
