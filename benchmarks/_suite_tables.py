"""The tables of the suite: means over seeds, the worst seed, and the comparison with a baseline."""

from collections import Counter

import numpy as np

KEYS = "data", "rows", "components", "model"
COUNTED = "warned", "failed"  # seeds
AT_THE_END = "epochs", "seconds", "CPU seconds", *COUNTED, "seeds", "note"


def gather(results):
    """Return {(data, rows, components, model): figures of each seed}, in the order they came."""
    gathered = {}
    for cell, figures in results:
        components = "default" if cell.n_components is None else cell.n_components
        key = cell.data, cell.rows, components, cell.model
        gathered.setdefault(key, []).append(figures)
    return gathered


def rows_of(task, results):
    """Return a row for each model on each data set, and the same for its comparison.

    Parameters
    ----------
    task : Task
        `worst` says which figures have a worst seed, and `compare` what is compared, with what and
        how.
    results : list of (Cell, dict)
    """
    gathered = gather(results)
    rows = []
    for key, runs in gathered.items():
        row = dict(zip(KEYS, key, strict=True)) | _figures(task, runs)
        if key[-1] not in task.baselines:
            for figure, baseline, how in task.compare:
                other = _figures(task, gathered.get((*key[:-1], baseline), []))
                row |= _compared(task, row, other, figure, baseline, how)
        rows.append(row)
    if task.beside:
        rows = [row for row in rows if row["model"] not in task.baselines]
    return _merged(rows)


def _merged(rows):
    """Return one row for a data set that is left out for all models for the same reason."""
    groups, merged = {}, []
    for row in rows:
        groups.setdefault(tuple(row[name] for name in KEYS[:-1]), []).append(row)
    for group in groups.values():
        notes = {row.get("note") for row in group}
        if len(notes) == 1 and not any(set(row) - {*KEYS, "seeds", "note"} for row in group):
            group = [group[0] | {"model": "all" if len(group) > 1 else group[0]["model"]}]
        merged += group
    return merged


def _figures(task, runs):
    """Return the means over seeds, and the worst of what has a worst."""
    row = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        values = [run[name] for run in runs if name in run]
        if isinstance(values[0], str):
            row[name] = "; ".join(
                text if n == len(runs) else f"{text} ({n} seeds)"
                for text, n in Counter(values).items()
            )
        elif isinstance(values[0], list):
            row[name] = " ".join(f"{share:.2f}" for share in np.mean(values, axis=0))
        elif name in COUNTED:
            row[name] = int(sum(values))
        else:
            row[name] = float(np.mean(values))
            if name == "epochs" and row[name].is_integer():
                row[name] = int(row[name])
            if name in task.worst and len(values) > 1:
                row[f"{name}, worst"] = task.worst[name](values)
    row["seeds"] = len(runs)
    return row


def _compared(task, row, other, figure, baseline, how):
    """Return the comparison with a baseline; beside it, where that has no row, its figures."""
    if figure not in row or figure not in other:
        return {}
    compare = {"ratio": lambda a, b: a / b, "difference": lambda a, b: a - b}[how]
    name = comparison(figure, baseline, how)
    found = {name: compare(row[figure], other[figure])}
    if not task.beside:
        return found
    if f"{figure}, worst" in row:
        found[f"{name}, worst"] = compare(row[f"{figure}, worst"], other[figure])
    return {
        f"{figure}, {baseline}": other[figure],
        **found,
        f"seconds, {baseline}": other["seconds"],
    }


def comparison(figure, baseline, how):
    """Return the name of the column of a comparison."""
    return f"{figure} {'/' if how == 'ratio' else '-'} {baseline}"


def columns_of(rows):
    """Return the columns in the order in which a reader compares them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    last = [name for name in AT_THE_END if name in names]
    return [name for name in names if name not in last] + last


def summary(task, rows):
    """Return, for each model, the comparisons over data sets: geometric means of ratios."""
    found = []
    names = [(comparison(*spec), spec[-1]) for spec in task.compare]
    names += [(name, "ratio") for name in task.ratios]
    kinds = dict.fromkeys((row["model"], row["components"], row["rows"]) for row in rows)
    for model, components, n_rows in kinds:
        kind = [
            row
            for row in rows
            if (row["model"], row["components"], row["rows"]) == (model, components, n_rows)
        ]
        line = {"model": model, "components": components, "rows": n_rows}
        for name, how in names:
            values = [row[name] for row in kind if name in row]
            if values:
                mean = np.exp(np.mean(np.log(values))) if how == "ratio" else np.mean(values)
                line |= {"data sets": len(values), name: float(mean)}
        if len(line) > 3:
            found.append(line)
    return found
