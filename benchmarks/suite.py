"""Every estimator on every data set, beside its obvious baseline.

    python -m benchmarks.suite --data FOLDER --tasks variance features

Each figure is a mean over seeds, with the worst seed and the seconds of `fit` beside it. A cell is
one model on one data set with one seed, in one thread. Finished cells are kept in a file, so that
an interrupted run resumes; the key of a cell has a digest of the code and the parameters. With
``--on validation`` the test rows are left alone: choose defaults on these.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

from benchmarks import _common, _suite_data, _suite_generative, _suite_tables, _suite_tasks
from benchmarks._suite_cells import Cell, Places, digest, parse_params
from benchmarks._suite_runs import canonical, run_all

REFERENCE = (
    "hidden_channels=(32,64,64,32),max_epochs=20,optimizer='adam',"
    "learning_rate_schedule='one_cycle'"
)
AUTOENCODER, VAE, GAN = "ConvAutoencoder", "ConvVAE", "ConvGAN"
ENCODER = "ConvSelfSupervisedEncoder"


@dataclass(frozen=True)
class Task:
    """A task: what runs a cell of it, who takes part, and what its table compares."""

    run: Callable
    heading: str
    models: tuple  # unless others are asked for
    components: tuple
    possible: tuple = ()  # of --models; empty: all
    baselines: tuple = ()
    seeded: tuple = ()  # the baselines that a seed changes
    worst: dict = field(default_factory=dict)  # figure: which seed is the worst
    compare: tuple = ()  # (figure, baseline, "ratio" or "difference")
    ratios: tuple = ()  # columns that are ratios already
    beside: bool = False  # whether baselines are columns


CODES = {
    "models": (ENCODER, AUTOENCODER, VAE),
    "components": (None,),
}
TASKS = {
    "variance": Task(
        _suite_tasks.variance,
        "Share of the variance of held-out rows that reconstructions do not explain (less is "
        "better), beside PCA of as many components fitted to the same rows",
        models=(AUTOENCODER,),
        components=(16, 64),
        baselines=("PCA",),
        worst={"unexplained": max},
        compare=(("unexplained", "PCA", "ratio"),),
        beside=True,
    ),
    "features": Task(
        _suite_tasks.features,
        "Accuracy on held-out rows of a linear classifier of standardised codes, trained on all "
        "labels and on ten a class (the mean of five draws), and of 20 nearest neighbours. PCA "
        "codes have as many components as those of ConvAutoencoder. Patches: Coates, Ng & Lee "
        "(2011), with 400 centres",
        **CODES,
        baselines=("PCA codes", "k-means of patches", "raw pixels"),
        seeded=("k-means of patches",),
        worst={"linear probe": min, "20-NN": min, "ten labels a class": min},
        compare=tuple(
            (name, "PCA codes", "difference")
            for name in ("linear probe", "20-NN", "ten labels a class")
        ),
    ),
    "clusters": Task(
        _suite_tasks.clusters,
        "Accuracy on held-out rows of k-means, and of a Gaussian mixture of UMAP's ten dimensions "
        f"(of at most {_suite_tasks.MAX_EMBEDDED} training rows), with as many clusters as classes",
        **CODES,
        baselines=("PCA codes", "raw pixels"),
        seeded=("PCA codes", "raw pixels"),
        worst={"k-means": min, "UMAP, mixture": min},
        compare=tuple((name, "PCA codes", "difference") for name in ("k-means", "UMAP, mixture")),
    ),
    "density": Task(
        _suite_generative.density,
        "Bits per dimension of held-out rows (less is better), all dequantised by the same uniform "
        "noise; of ConvVAE by the evidence lower bound. PCA is scikit-learn's log-likelihood; the "
        "mixture is of PCA codes, with the noise that a tenth of the training rows had, unseen. "
        "There are at most half as many components as features or rows",
        models=(VAE,),
        components=(64,),
        possible=(VAE,),
        baselines=tuple(_suite_generative.DENSITIES),
        seeded=("PCA, mixture",),
        worst={"bits per dimension": max},
        compare=tuple(
            ("bits per dimension", name, "difference") for name in ("PCA", "PCA, mixture")
        ),
    ),
    "samples": Task(
        _suite_generative.samples,
        f"{_suite_generative.N_DRAWN} samples and at most {_suite_generative.N_COMPARED} held-out "
        "rows, in the bounded features of a classifier of the training rows (PCA codes where there "
        "are no labels): Fréchet distance (less is better), coverage by as many samples as rows, "
        "and the least share of a class, divided by its share of real rows, both as the classifier "
        "sees them (its accuracy is beside). The mixture is of "
        f"{_suite_generative.N_BASELINE_COMPONENTS} PCA codes. Training rows are all, or as many",
        models=(VAE, GAN),
        components=(None,),
        baselines=("PCA, mixture", "training rows"),
        seeded=("PCA, mixture", "training rows"),
        worst={"Fréchet": max, "coverage": min, "least share / real": min},
        compare=(("Fréchet", "PCA, mixture", "ratio"), ("coverage", "PCA, mixture", "difference")),
    ),
    "time": Task(
        _suite_tasks.time,
        "Seconds of the fit of fewest epochs that explains as much of held-out rows as the "
        f"reference, {{reference}}. Where it was not reached within {_suite_tasks.PATIENCE} times "
        "the reference's seconds, the ratio is a lower bound",
        models=(AUTOENCODER,),
        components=(32,),
        worst={"ratio of seconds": max},
        ratios=("ratio of seconds", "ratio of CPU seconds"),
    ),
}


def plan(arguments):
    """Yield the cells that are asked for."""
    rows = ["all", "200"] if arguments.rows == "both" else [arguments.rows]
    sources = {
        True: digest("sklearn_unsup"),
        False: digest("sklearn_unsup/metrics", "sklearn_unsup/datasets"),
    }
    for name, data, n_rows in product(arguments.tasks, arguments.datasets, rows):
        task = TASKS[name]
        models = arguments.models or task.models
        models = [model for model in models if not task.possible or model in task.possible]
        for n_components, model in product(
            arguments.components or task.components, [*models, *task.baselines]
        ):
            ours = model not in task.baselines
            seeds = arguments.seeds if ours or model in task.seeded else 1
            for seed in range(seeds):
                yield Cell(
                    task=name,
                    data=data,
                    rows=n_rows,
                    on=arguments.on,
                    model=model,
                    n_components=n_components,
                    seed=seed,
                    params=canonical(arguments.params) if ours else "",
                    reference=canonical(arguments.reference) if name == "time" else "",
                    device=arguments.device if ours else "cpu",
                    source=sources[ours],
                )


def parse_arguments(given=None):
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", help="folder of the .npz files; digits and shapes need none")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--datasets", nargs="+", choices=_suite_data.NAMES)
    parser.add_argument("--rows", choices=["all", "200", "both"], default="both")
    parser.add_argument("--on", choices=["test", "validation"], default="test")
    parser.add_argument("--models", nargs="+", help="estimators of sklearn_unsup")
    parser.add_argument("--components", nargs="+", type=int)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--params", default="", help="max_epochs=5,ConvVAE__beta=2: not defaults")
    parser.add_argument("--reference", default=REFERENCE, help="parameters, of the task time")
    parser.add_argument("--jobs", type=int, default=1, help="processes of one thread")
    parser.add_argument("--cache", default=".suite_cache", help="folder of finished cells")
    arguments = parser.parse_args(given)
    if arguments.datasets is None:
        arguments.datasets = [
            name for name in _suite_data.NAMES if arguments.data or name not in _suite_data.FILES
        ]
    elif not arguments.data and set(arguments.datasets) & set(_suite_data.FILES):
        parser.error("--data is needed for these data sets")
    for name in (parse_params(arguments.params), parse_params(arguments.reference)):
        if "n_components" in name:
            parser.error("n_components: give --components")
    return arguments


def command(name, arguments):
    """Return the command of a table, without paths."""
    given = ["--tasks", name, "--on", arguments.on, "--rows", arguments.rows]
    given += ["--seeds", str(arguments.seeds), "--jobs", str(arguments.jobs)]
    if arguments.datasets != _suite_data.NAMES:
        given += ["--datasets", *arguments.datasets]
    for option in ("models", "components"):
        if getattr(arguments, option):
            given += [f"--{option}", *map(str, getattr(arguments, option))]
    if arguments.params:
        given += ["--params", shlex.quote(arguments.params)]
    if name == "time" and arguments.reference != REFERENCE:
        given += ["--reference", shlex.quote(arguments.reference)]
    return " ".join(["python -m benchmarks.suite --data FOLDER", *given])


def sections_of(name, results, arguments):
    """Return the table of a task and its summary over data sets, as `_common.save` takes them."""
    task = TASKS[name]
    rows = _suite_tables.rows_of(task, results)
    heading = task.heading.format(reference=arguments.reference)
    sections = [(heading, rows, _suite_tables.columns_of(rows))]
    means = _suite_tables.summary(task, rows)
    if means:
        columns = list(dict.fromkeys(key for line in means for key in line))
        sections.append(
            ("Over data sets: geometric mean of ratios, mean of others", means, columns)
        )
    return sections


def main(given=None):
    arguments = parse_arguments(given)
    places = Places(arguments.data, arguments.cache)
    functions = {name: task.run for name, task in TASKS.items()}
    results = run_all(list(plan(arguments)), functions, places, arguments.jobs)
    for name in arguments.tasks:
        mine = [(cell, figures) for cell, figures in results if cell.task == name]
        part = "" if arguments.on == "test" else f"_{arguments.on}"
        target = f"suite_{name}{part}_{arguments.device.split(':')[0]}"
        _common.save(
            None if arguments.no_save else target,
            f"Suite: {name}, {arguments.on} rows",
            command(name, arguments),
            sections_of(name, mine, arguments),
            arguments.device,
        )
    return results


if __name__ == "__main__":
    main()
