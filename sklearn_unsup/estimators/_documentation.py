"""Where an estimator's page on the site is."""

SITE = "https://sklearn-unsup.readthedocs.io/en/latest"


class DocumentationLink:
    """Link the HTML representation of an estimator to its page."""

    _doc_link_module = "sklearn_unsup"
    _doc_link_template = f"{SITE}/generated/sklearn_unsup.{{estimator_name}}.html"
