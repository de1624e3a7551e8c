"""The version: a package that is not installed has it too."""

__version__ = "0.1.0.dev0"
