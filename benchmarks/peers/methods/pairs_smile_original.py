"""Published mpSMILE, as its cell-line tutorial trains it; SMILE_CODE names a checkout of its repository.

Of fewer than 512 pairs, all are one batch. Without a GPU, the calls of ``cuda`` in its loss do nothing.
"""

import os
import sys
from pathlib import Path

import numpy as np
from adapter import FIGURES, phase, report, task_folders
from pairs_adapter import log_normalized, read_pairs, write_embeddings
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

N_TOP_FEATURES = 2_000
BATCH_SIZE = 512
N_PSEUDO_TYPES = 25


def tutorial_values(adata):
    """Return the values that the tutorial trains on, before the z-score: log-normalized RNA, TF-IDF of rare peaks."""
    kind = adata.uns["kind"]
    if kind == "rna":
        values = log_normalized(adata.X.astype(np.float64)).toarray()
        return values[:, np.sort(np.argsort(-values.var(axis=0))[:N_TOP_FEATURES])]
    if kind == "atac":
        counts = adata.X[:, np.asarray(adata.X.sum(axis=0)).ravel() >= 5]
        transformer = TfidfTransformer()
        tfidf = transformer.fit_transform(counts)
        return tfidf[:, transformer.idf_ >= np.percentile(transformer.idf_, 90)].toarray()
    values = adata.X.toarray()
    return np.log1p(values) if kind == "adt" else values


def initialize(layer):
    """Initialize a layer as the tutorial does."""
    if isinstance(layer, torch.nn.Linear):
        torch.nn.init.xavier_uniform_(layer.weight)
        layer.bias.data.zero_()


if not (code := os.environ.get("SMILE_CODE")):
    sys.exit("not fetched: set SMILE_CODE to a checkout of github.com/rpmccordlab/SMILE")
sys.path.insert(0, str(Path(code) / "SMILE"))
import torch  # noqa: E402

if not torch.cuda.is_available():
    torch.Tensor.cuda = lambda tensor: tensor
from SMILE import Paired_SMILE, PairedSMILE_trainer  # noqa: E402

folder, output, seed = task_folders()
task = read_pairs(folder)
np.random.seed(seed)  # noqa: NPY002 (its trainer draws from the global generator)
torch.manual_seed(seed)
with phase("build"):
    values = []
    for adata, rows in task.tables():
        raw = tutorial_values(adata)
        values.append(StandardScaler().fit(raw[rows]).transform(raw).astype(np.float32))
    model = Paired_SMILE(values[0].shape[1], values[1].shape[1], N_PSEUDO_TYPES)
    model.apply(initialize)
    known_first, known_second = values[0][task.known_first], values[1][task.known_second]
    PairedSMILE_trainer(known_first, known_second, model, batch_size=min(BATCH_SIZE, len(known_first)), num_epoch=20)
with phase("project"), torch.no_grad():
    model.eval()
    encoders = zip((model.encoder_a, model.encoder_b), values, strict=True)
    outputs = [torch.nn.functional.normalize(encoder(torch.from_numpy(each))).numpy() for encoder, each in encoders]
    write_embeddings(output, *outputs)
FIGURES["version"] = Path(code, "README.md").read_text("utf-8").split("### Update ")[1].split(" ")[0]
report("torch")
