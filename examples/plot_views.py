"""
Choosing views
==============

What do self-supervised features keep? What the views change is left out of the codes.
Here the same images are learnt with two kinds of views. One leaves out the colour of a shape, the
other its position.
"""

# %%
# The images show an ellipse, a rectangle or a triangle of random position, size and colour.
import matplotlib.pyplot as plt
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import ConvSelfSupervisedEncoder
from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.displays import ViewsDisplay
from sklearn_unsup.networks.views import RandomColour, RandomGeometry

shapes = make_shapes(1200, 24, n_channels=3, random_state=0)
X = shapes.images

# %%
# Look at the views before you train. The encoder need not be fitted for this.
encoders = {
    name: ConvSelfSupervisedEncoder(64, views=view, max_epochs=12, random_state=0)
    for name, view in {
        "other colours": RandomColour(0.3, 0.3, saturation=0.8, hue=0.5),
        "other positions": RandomGeometry(max_translation=0.4),
    }.items()
}
for name, encoder in encoders.items():
    display = ViewsDisplay.from_estimator(encoder, X, n_images=10, n_views=3, random_state=0)
    display.ax_.set_title(name)

# %%
# A linear model of the codes predicts the factors of the images. What the views have changed is
# hard to predict.
factors = {name: shapes.factors[:, i] for i, name in enumerate(shapes.factor_names)}
train, test = slice(0, 800), slice(800, None)
print(f"{'R2 on new images':18}{'colour':>8}{'x':>8}{'y':>8}{'size':>8}")
for name, encoder in encoders.items():
    Z = StandardScaler().fit_transform(encoder.fit_transform(X))
    scores = [
        Ridge().fit(Z[train], factor[train]).score(Z[test], factor[test])
        for factor in (factors[each] for each in ("colour", "x", "y", "size"))
    ]
    print(f"{name:18}" + "".join(f"{score:8.3f}" for score in scores))
plt.show()
