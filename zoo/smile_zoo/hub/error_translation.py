"""Translation of the Hub client's errors into ours: what was requested, what happened, and what to do."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smile_runtime.errors import OutputError, SmileError
from smile_zoo.errors import AccessError, HubConnectionError, HubError, OfflineError, RepoNotFoundError
from smile_zoo.hub.requested_wait import retry_after
from smile_zoo.hub.retry import MAX_ATTEMPTS, has_wrong_size, is_conflict
from smile_zoo.hub.running_call import WEB_PAGE, UnusableAnswer

MAX_TOLD_CHARACTERS = 200
NETWORK_AUTHENTICATION_REQUIRED = 511


@contextmanager
def translated_errors(subject: str, endpoint: str, cache_dir: Path, *, has_token: bool) -> Iterator[None]:
    """Translate the client's errors into ours.

    Parameters
    ----------
    subject
        Repo with its revision, and perhaps a file, for error messages.
    endpoint
        URL of the Hub.
    cache_dir
        Folder that the client writes to.
    has_token
        Whether the user has a token.

    Raises
    ------
    HubError
        For all failures of the Hub.
    OutputError
        If the response cannot be written.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    user = "this token" if has_token else "a user without a token"
    try:
        yield
    except SmileError:  # from a nested call
        raise
    except UnusableAnswer as error:
        raise _not_hub_error(subject, endpoint, str(error)) from error
    except errors.GatedRepoError as error:
        raise AccessError(
            f"{subject} is gated: ask for access at {endpoint}/{subject.partition('@')[0]}, then set HF_TOKEN to a "
            "token of that account, or log in with: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise RepoNotFoundError(
            f"{subject}: the repo exists, but not this revision; use a branch, a tag or a 40-digit commit, omit it for "
            "main, or look it up again",
            options={"update": True},
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise RepoNotFoundError(
            f"{subject}: there is no such model repo at {endpoint}, or it is private and {user} has no access; check "
            "the name (smile-zoo search --hub), or set HF_TOKEN to a token with access"
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise RepoNotFoundError(f"{subject}: the repo has no such file at this commit; is it a SMILE space?") from error
    except errors.OfflineModeIsEnabled as error:
        raise offline_error(subject) from error
    except errors.HfHubHTTPError as error:
        raise _status_error(subject, endpoint, user, error) from error
    except errors.LocalEntryNotFoundError as error:  # the Hub was not reached, and nothing is in the cache
        cause = error.__cause__ or error
        if isinstance(cause, errors.FileMetadataError):
            raise _not_hub_error(subject, endpoint, "the answer lacks the headers of a file of a Hub") from error
        if isinstance(cause, errors.OfflineModeIsEnabled):
            raise offline_error(subject) from error
        if isinstance(cause, errors.HfHubHTTPError):
            raise _status_error(subject, endpoint, user, cause) from error
        raise _connection_error(subject, endpoint, cause) from error
    except errors.HFValidationError as error:
        raise RepoNotFoundError(f"{subject} is not a valid repo name: {error}") from error
    except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
        raise _connection_error(subject, endpoint, error) from error
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError, httpx.InvalidURL) as error:
        raise _not_hub_error(subject, endpoint, _unreadable(error)) from error
    except RuntimeError as error:  # from hf_xet, the client's other download method
        raise HubError(
            f"{subject} was not downloaded ({_told(error)}); set HF_HUB_DISABLE_XET=1 and try again"
        ) from error
    except OSError as error:
        if has_wrong_size(error):
            raise HubError(
                f"{subject} arrived with the wrong size {MAX_ATTEMPTS} times: {_told(error)}; try again later"
            ) from error
        raise _write_error(cache_dir, error) from error


def offline_error(subject: str) -> OfflineError:
    """Return the error for content that needs the network while it is disabled."""
    return OfflineError(
        f"{subject} is not complete on this machine and HF_HUB_OFFLINE is set; pull it with the network enabled, or "
        "transfer it as a bundle: smile-zoo bundle there, smile-zoo pull FILE.tar here"
    )


def _not_hub_error(subject: str, endpoint: str, problem: str) -> HubError:
    check = " Check" if problem.endswith("?") else "; check"
    return HubError(
        f"{subject}: {problem}{check} HF_ENDPOINT ({endpoint}) and, in a browser, the network, and try again"
    )


def _unreadable(error: Exception) -> str:
    """Describe an answer that the client, or we, failed to read."""
    if not isinstance(error, json.JSONDecodeError):
        return f"the answer is not that of a Hub ({type(error).__name__}: {_told(error)})"
    if error.doc.lstrip().startswith("<"):
        return WEB_PAGE
    return "the answer is not that of a Hub: it is no complete JSON" if error.doc.strip() else "the answer is empty"


def _told(text: object) -> str:
    """Return what somebody else wrote as one short line."""
    line = " ".join(str(text).split())
    return line if len(line) <= MAX_TOLD_CHARACTERS else f"{line[:MAX_TOLD_CHARACTERS]}…"


def _status_error(subject: str, endpoint: str, user: str, error: Any) -> HubError:  # noqa: ANN401 (HfHubHTTPError)
    status, reason = error.response.status_code, _told(error.server_message or error.response.reason_phrase)
    if status == NETWORK_AUTHENTICATION_REQUIRED:
        return _not_hub_error(subject, endpoint, WEB_PAGE)
    if status == 401:
        return AccessError(
            f"{subject}: {endpoint} rejected {user}; set HF_TOKEN to a valid token, or log in with: hf auth login"
        )
    if status == 403:
        return AccessError(
            f"{subject}: {user} is not allowed to do this ({reason}); publishing needs a token with write access, and "
            "reading a gated repo needs an approved one"
        )
    if status == 429:
        return HubError(f"{subject}: {endpoint} is limiting requests; try again in {retry_after(error):.0f} s")
    if is_conflict(error):
        return HubError(f"{subject} changed in the meantime; check its current state, and try again")
    return HubError(f"{subject}: {endpoint} answered {status} ({reason}); try again later")


def _connection_error(subject: str, endpoint: str, error: BaseException) -> HubConnectionError:
    return HubConnectionError(
        f"{subject}: {endpoint} was not reached ({_told(error) or type(error).__name__}); check the network, the proxy "
        "(HTTPS_PROXY, NO_PROXY) and HF_ENDPOINT, and try again; downloads that are complete are kept"
    )


def _write_error(folder: Path, error: OSError) -> OutputError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    advice = (
        "free some space, or set HF_HUB_CACHE to a larger disk" if full else "set HF_HUB_CACHE to a writable folder"
    )
    return OutputError(f"cannot write to {folder}: {error.strerror or error}; {advice}. Finished files are kept")
