"""Errors of the zoo, one class for each cause; they are `SmileError` like all others.

::

    SmileError
    ├── CatalogueError (ValueError)          a catalogue cannot be read
    ├── BundleError (ValueError)             a tar is no bundle of a space
    ├── PublishError (ValueError)            a space directory is not fit to be published
    └── HubError (OSError)                   the Hub did not do what was asked
        ├── HubConnectionError (ConnectionError)  it was not reached, or not in time
        ├── OfflineError                     the network is off, and what was asked for is not on this machine
        ├── AccessError (PermissionError)    the token does not open this repo
        └── RepoNotFoundError (LookupError)  there is no such repo, revision or file
"""

from smile_runtime.errors import SmileError


class CatalogueError(SmileError, ValueError):
    """A catalogue cannot be read."""


class BundleError(SmileError, ValueError):
    """A tar is no bundle of a space."""


class PublishError(SmileError, ValueError):
    """A space directory is not fit to be published."""


class HubError(SmileError, OSError):
    """The Hub did not do what was asked."""


class HubConnectionError(HubError, ConnectionError):
    """The Hub was not reached, or not in time."""


class OfflineError(HubError):
    """The network is switched off, and what was asked for is not on this machine."""


class AccessError(HubError, PermissionError):
    """The token, or its absence, does not open this repo."""


class RepoNotFoundError(HubError, LookupError):
    """There is no such repo, revision or file on the Hub."""
