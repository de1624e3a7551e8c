"""
Watching a GAN learn
====================

When has a generative adversarial network been trained enough? The losses of its two players do not
say: each is measured against an opponent that learns as well. Images from the same noise, and
their coverage of digits that were held out, do. The goal is the coverage by other real digits.
"""

# %%
# ``partial_fit`` trains for one epoch, so that one can look in between.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_unsup import ConvGAN
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay
from sklearn_unsup.metrics import density_coverage

X_train, X_test = train_test_split(load_digit_images().data, random_state=0)
n = len(X_test)
stops = (1, 2, 4, 8, 16, 24)
gan, snapshots, coverage = ConvGAN(16, random_state=0), [], []
for epoch in range(1, max(stops) + 1):
    gan.partial_fit(X_train)
    drawn = gan.sample(n, random_state=0)  # from the same noise each time
    coverage.append(density_coverage(X_test, drawn)[1])
    if epoch in stops:
        snapshots.append(drawn[:14].reshape(14, 8, 8, 1))
goal = density_coverage(X_test, X_train[:n])[1]
losses = {
    player: [row[f"train_{player}_loss"] for row in gan.history_]
    for player in ("generator", "discriminator")
}
print("epoch   generator's loss   discriminator's loss   coverage")
for epoch in stops:
    values = (values[epoch - 1] for values in losses.values())
    print("{:5}{:19.2f}{:23.2f}{:11.2f}".format(epoch, *values, coverage[epoch - 1]))
print(f"coverage by other real digits: {goal:.2f}")

# %%
# The losses are flat after few epochs; the digits go on to improve.
figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained", width_ratios=(2, 2, 4))
epochs = range(1, len(coverage) + 1)
for player, values in losses.items():
    axes[0].plot(epochs, values, label=player)
axes[0].set(title="Losses", xlabel="epoch", ylim=(0, None))
axes[0].legend()
axes[1].plot(epochs, coverage, label="generated digits")
axes[1].axhline(goal, color="grey", linestyle=":", label="other real digits")
axes[1].set(title="Coverage of held-out digits", xlabel="epoch", ylim=(0, 1))
axes[1].legend(loc="lower right")
display = SampleDisplay(images=np.stack(snapshots), row_labels=[f"epoch {stop}" for stop in stops])
display.plot(axes[2], limits=(0, 16), cmap="gray_r")
axes[2].set_title("From the same noise")
plt.show()
