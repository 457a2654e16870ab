"""The published SMILE, which has no license: it is imported from a copy that SMILE_PUBLISHED names.

Settings of its notebook on mouse cortex: scaled log values, 25 pseudo-classes, and the trainer's defaults, which are
5 epochs in batches of 512. Its loss asks for CUDA even where there is none, so that request is ignored.
"""

import contextlib
import os
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from adapter import FIGURES, phase, report, task_folders
from integration_cells import read_variable_genes, write_embedding
from sklearn.preprocessing import StandardScaler

N_PSEUDO_CLASSES = 25
folder = os.environ.get("SMILE_PUBLISHED")
if not folder:
    sys.exit("needs a copy of github.com/rpmccordlab/SMILE; set SMILE_PUBLISHED to its folder")
sys.path.insert(0, str(Path(folder) / "SMILE"))
import SMILE  # noqa: E402


def initialize(module: torch.nn.Module) -> None:
    """Draw the weights of a layer as the notebook does."""
    if isinstance(module, torch.nn.Linear):
        torch.nn.init.xavier_uniform_(module.weight)
        torch.nn.init.zeros_(module.bias)


task, output, seed = task_folders()
torch.manual_seed(seed)
np.random.seed(seed)  # noqa: NPY002 (the published trainer draws from it)
with phase("build"), mock.patch.object(torch.Tensor, "cuda", lambda self: self):
    scaled = StandardScaler().fit_transform(read_variable_genes(task).X.toarray())
    model = SMILE.SMILE(input_dim=scaled.shape[1], clf_out=N_PSEUDO_CLASSES)
    model.apply(initialize)
    with contextlib.redirect_stdout(sys.stderr):
        SMILE.SMILE_trainer(scaled, model)
    with torch.inference_mode():
        embedding = model.encoder(torch.tensor(scaled).float()).numpy()
write_embedding(output, embedding)
FIGURES["published"] = Path(folder).name
report("torch")
