"""In which order the gallery tells its stories."""

STORIES = (
    "quickstart",
    "denoising",
    "maps",
    "neighbor_embedding",
    "explorer",
    "clustering",
    "clusterer",
    "number_of_clusters",
    "self_supervised",
    "views",
    "outliers",
    "model_selection",
    "vae",
    "traversals",
    "gan",
    "gan_training",
    "textbook_trio",
    "colour_patches",
    "signals",
    "custom_networks",
    "callbacks",
    "persistence",
)


def by_story(file_name):
    """Return the place of an example; an unlisted one is an error."""
    return STORIES.index(file_name.removeprefix("plot_").removesuffix(".py"))
