"""A finished evaluation beside the checkpoints, so that a resumed run does not repeat it."""

from pathlib import Path

import msgspec

from smile_runtime.errors import TrainingError
from smile_runtime.io import atomic_path
from smile_training.evaluation.cross_validation import Evaluation


class _Saved(msgspec.Struct):
    fingerprint: str
    evaluation: Evaluation


class SavedEvaluation:
    """Files with an evaluation, and with the picture of its first fold.

    Parameters
    ----------
    folder
        Folder of the files.
    fingerprint
        Hash of the recipe and data; an evaluation of others is rejected.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._path, self._fingerprint = folder / "evaluation.msgpack", fingerprint
        self.picture = folder / "map.png"

    def load(self) -> Evaluation | None:
        """Return the saved evaluation, if there is one with its picture.

        Raises
        ------
        TrainingError
            If the file belongs to another run or is damaged.
        """
        if not (self._path.exists() and self.picture.exists()):
            return None
        try:
            saved = msgspec.msgpack.decode(self._path.read_bytes(), type=_Saved)
        except (msgspec.DecodeError, OSError) as error:
            raise TrainingError(
                f"the evaluation {self._path} is damaged: {error}; start again", options={"resume": False}
            ) from error
        if saved.fingerprint != self._fingerprint:
            raise TrainingError(
                f"the evaluation {self._path} belongs to another recipe or data; start again", options={"resume": False}
            )
        return saved.evaluation

    def save(self, evaluation: Evaluation) -> None:
        """Save an evaluation."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_path(self._path) as partial:
            partial.write_bytes(msgspec.msgpack.encode(_Saved(self._fingerprint, evaluation)))
