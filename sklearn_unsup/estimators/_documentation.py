"""Docstrings of estimators with shared entries, and links to their documentation."""

import inspect
import re

SITE = "https://sklearn-unsup.readthedocs.io/en/latest"
HEADING = re.compile(r"^(\w[\w ]+)\n-{3,}\n", re.MULTILINE)
NEXT_ENTRY = re.compile(r"\n(?=\S)")


class DocumentationLinkMixin:
    """Link the HTML representation of an estimator to its documentation."""

    _doc_link_module = "sklearn_unsup"
    _doc_link_template = f"{SITE}/generated/sklearn_unsup.{{estimator_name}}.html"


def unite_docstrings(cls, groups, defaults, wording):
    """Return the docstring of an estimator, with entries of shared parameters added.

    Parameters
    ----------
    cls : type
    groups : iterable of type
        Classes whose docstrings hold entries, with names of `defaults` and `wording` in braces.
    defaults : dict
        Default of each parameter, in the order of the entries.
    wording : dict of str
        Texts that replace their names in braces.
    """
    before, own = sections(cls.__doc__)
    shared = {"Parameters": {}, "Attributes": {}}
    for group in groups:
        for heading, text in sections(group.__doc__)[1].items():
            shared[heading] |= entries(text)
    words = {
        name: f'"{value}"' if isinstance(value, str) else str(value)
        for name, value in defaults.items()
    } | wording
    parameters = shared["Parameters"] | entries(own.pop("Parameters", ""))
    attributes = shared["Attributes"] | entries(own.pop("Attributes", ""))
    united = {
        "Parameters": "\n\n".join(parameters[name] for name in defaults if name in parameters),
        "Attributes": "\n\n".join(attributes.values()),
    }
    for heading, text in united.items():
        for name, word in words.items():
            text = text.replace(f"{{{name}}}", word)
        united[heading] = f"{text}\n\n"
    parts = [f"{heading}\n{'-' * len(heading)}\n{text}" for heading, text in (united | own).items()]
    return before + "".join(parts).rstrip() + "\n"


def sections(docstring):
    """Return the text before the first heading, and a dict of the text below each heading."""
    before, *parts = HEADING.split(inspect.cleandoc(docstring or ""))
    return (before if parts else f"{before}\n\n"), dict(zip(parts[::2], parts[1::2], strict=True))


def entries(section):
    """Return the entries of a section, by name."""
    blocks = NEXT_ENTRY.split(section.strip()) if section.strip() else []
    return {block.split(" : ")[0]: block.rstrip() for block in blocks}
