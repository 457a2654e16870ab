"""The errors of the Hub's client, as ours: what was asked for, what came, and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smile_runtime.errors import OutputError, SmileError
from smile_zoo.errors import AccessError, HubConnectionError, HubError, OfflineError, RepoNotFoundError
from smile_zoo.hub.retry import MAX_ATTEMPTS, has_wrong_size, is_conflict, retry_after


@contextmanager
def explained(what: str, endpoint: str, cache_dir: Path, *, has_token: bool) -> Iterator[None]:
    """Turn the client's errors into ours.

    Parameters
    ----------
    what
        The repo, with its revision and perhaps a file, that is spoken of.
    endpoint
        The Hub's address.
    cache_dir
        Where the client writes to.
    has_token
        Whether the user has a token.

    Raises
    ------
    HubError
        For all that the Hub did or did not do.
    OutputError
        If this machine cannot write what came.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    who = "this token" if has_token else "somebody without a token"
    try:
        yield
    except SmileError:  # of a call within the call
        raise
    except errors.GatedRepoError as error:
        raise AccessError(
            f"{what} is gated: ask for access at {endpoint}/{what.partition('@')[0]}, then set HF_TOKEN to a token of "
            "that account, or log in with: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise RepoNotFoundError(
            f"{what}: the repo is there, this revision is not; give a branch, a tag or a 40-digit commit, leave it out "
            "for main, or look it up again with --update"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise RepoNotFoundError(
            f"{what}: there is no such model repo at {endpoint}, or it is private and {who} was not let in; check the "
            "name (smile-zoo search --hub), or set HF_TOKEN to a token that opens it"
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise RepoNotFoundError(f"{what}: the repo has no such file at this commit; is it a SMILE space?") from error
    except errors.OfflineModeIsEnabled as error:
        raise offline_error(what) from error
    except errors.HfHubHTTPError as error:
        raise _answered(what, endpoint, who, error) from error
    except errors.LocalEntryNotFoundError as error:  # the client's word for: not reached, and nothing in the cache
        cause = error.__cause__ or error
        if isinstance(cause, errors.OfflineModeIsEnabled):
            raise offline_error(what) from error
        if isinstance(cause, errors.HfHubHTTPError):
            raise _answered(what, endpoint, who, cause) from error
        raise _unreachable(what, endpoint, cause) from error
    except errors.HFValidationError as error:
        raise RepoNotFoundError(f"{what} cannot be the name of a repo: {error}") from error
    except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
        raise _unreachable(what, endpoint, error) from error
    except RuntimeError as error:  # of hf_xet, the client's other way to bring large files
        raise HubError(f"{what} did not come ({error}); set HF_HUB_DISABLE_XET=1 and try again") from error
    except OSError as error:
        if has_wrong_size(error):
            raise HubError(f"{what} came with the wrong size {MAX_ATTEMPTS} times: {error}; try again later") from error
        raise _not_written(cache_dir, error) from error


def offline_error(what: str) -> OfflineError:
    """Return the error of something that would need the network while it is switched off."""
    return OfflineError(
        f"{what} is not whole on this machine and HF_HUB_OFFLINE is set; pull it with the network on, or bring it as a "
        "bundle: smile-zoo bundle there, smile-zoo pull FILE.tar here"
    )


def _answered(what: str, endpoint: str, who: str, error: Any) -> HubError:  # noqa: ANN401 (HfHubHTTPError, imported late)
    status, reason = error.response.status_code, error.server_message or error.response.reason_phrase
    if status == 401:
        return AccessError(
            f"{what}: {endpoint} did not let {who} in; set HF_TOKEN to a token that it knows, or log in with: "
            "hf auth login"
        )
    if status == 403:
        return AccessError(
            f"{what}: {who} may not do this ({reason}); to publish, a token with write access is needed, to read a "
            "gated repo, one that was let in"
        )
    if status == 429:
        return HubError(f"{what}: {endpoint} asks for fewer requests; try again in {retry_after(error):.0f} s")
    if is_conflict(error):
        return HubError(f"{what} changed while this was under way; look at what is there now, and try again")
    return HubError(f"{what}: {endpoint} answered {status} ({reason}); try again later")


def _unreachable(what: str, endpoint: str, error: BaseException) -> HubConnectionError:
    return HubConnectionError(
        f"{what}: {endpoint} was not reached ({str(error) or type(error).__name__}); check the network, the proxy "
        "(HTTPS_PROXY, NO_PROXY) and HF_ENDPOINT, and try again: what has come already is kept"
    )


def _not_written(place: Path, error: OSError) -> OutputError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    advice = (
        "make room, or set HF_HUB_CACHE to a larger place" if full else "set HF_HUB_CACHE to a place you can write to"
    )
    return OutputError(f"cannot write to {place}: {error.strerror or error}; {advice}. What has come already is kept")
