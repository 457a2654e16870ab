"""Errors of the zoo, one class for each cause; they are `SmileError` like all others.

::

    SmileError
    ├── CatalogueError (ValueError)          a catalogue cannot be read
    ├── BundleError (ValueError)             a tar file is not a bundle of a space
    ├── PublishError (ValueError)            a space directory cannot be published
    └── HubError (OSError)                   a request to the Hub failed
        ├── HubConnectionError (ConnectionError)  the Hub was not reached, or not in time
        ├── OfflineError                     the network is disabled, and the content is not on this machine
        ├── AccessError (PermissionError)    the token gives no access to the repo
        └── RepoNotFoundError (LookupError)  the repo, revision or file does not exist
"""

from smile_runtime.errors import SmileError


class CatalogueError(SmileError, ValueError):
    """A catalogue cannot be read."""


class BundleError(SmileError, ValueError):
    """A tar file is not a bundle of a space."""


class PublishError(SmileError, ValueError):
    """A space directory cannot be published."""


class HubError(SmileError, OSError):
    """A request to the Hub failed."""


class HubConnectionError(HubError, ConnectionError):
    """The Hub was not reached, or not in time."""


class OfflineError(HubError):
    """The network is disabled, and the content is not on this machine."""


class AccessError(HubError, PermissionError):
    """The token, or its absence, gives no access to the repo."""


class RepoNotFoundError(HubError, LookupError):
    """The repo, revision or file does not exist on the Hub."""
