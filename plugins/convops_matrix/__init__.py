"""The plugin for Matrix homeservers."""

from convops.provider import hookimpl
from convops_matrix.flows import Matrix


@hookimpl
def convops_provider() -> Matrix:
    """Return the provider."""
    return Matrix()
