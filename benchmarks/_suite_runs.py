"""Runs the cells of the suite, and keeps the figures of those that are finished in a file."""

import json
import traceback
from dataclasses import asdict
from pathlib import Path

import torch
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from benchmarks._suite_cells import Cell, LeftOut, parse_params


def canonical(params):
    """Return the same text for the same parameters."""
    return ",".join(f"{name}={value!r}" for name, value in sorted(parse_params(params).items()))


def run(function, cell, places):
    """Return the figures of a cell, in one thread; those of a failure have the key "failed"."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return cell, function(cell, places)
    except LeftOut as reason:
        return cell, {"note": str(reason)}
    except Exception as error:
        traceback.print_exc()
        return cell, {"failed": 1.0, "note": f"{type(error).__name__}: {error}"[:200]}
    finally:
        torch.set_num_threads(n_threads)


def finished(path):
    """Return the figures in the file of finished cells; a line that was cut off is left out."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[Cell(**entry["cell"])] = entry["figures"]
    return found


def run_all(cells, functions, places, n_jobs):
    """Return the figures of each cell; those that are not in the file are run, and added to it."""
    path = Path(places.cache) / "cells.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = finished(path)
    missing = [cell for cell in cells if cell not in found]
    with parallel_config("loky", inner_max_num_threads=1):
        results = Parallel(n_jobs, return_as="generator_unordered", pre_dispatch="n_jobs")(
            delayed(run)(functions[cell.task], cell, places) for cell in missing
        )
    for number, (cell, figures) in enumerate(results, 1):
        print(
            f"{number}/{len(missing)}",
            cell.task,
            cell.data,
            cell.rows,
            cell.model,
            cell.n_components,
            cell.seed,
            figures,
            flush=True,
        )
        found[cell] = figures
        if "failed" not in figures:  # another run tries it again
            with path.open("a") as file:
                file.write("\n" + json.dumps({"cell": asdict(cell), "figures": figures}))
    return [(cell, found[cell]) for cell in cells]
