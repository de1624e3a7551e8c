"""Scripts that print ratios; never imported by the package, never collected by pytest."""
