"""scArches surgery of scANVI as in the tutorial of scvi-tools: scVI, scANVI, and the query trained onto it."""

import scanpy as sc
import scvi
from adapter import phase, report
from transfer_task import choose_variable, read_task, write_labels

reference, query, seed = read_task()
scvi.settings.seed = seed
with phase("build"):
    reference.layers["counts"] = reference.X.copy()
    sc.pp.normalize_total(reference)
    sc.pp.log1p(reference)
    choose_variable(reference)
    reference = reference[:, reference.var["highly_variable"]].copy()
    scvi.model.SCVI.setup_anndata(reference, batch_key="batch", layer="counts")
    unlabeled = scvi.model.SCVI(
        reference, use_layer_norm="both", use_batch_norm="none", encode_covariates=True, dropout_rate=0.2, n_layers=2
    )
    unlabeled.train()
    model = scvi.model.SCANVI.from_scvi_model(unlabeled, unlabeled_category="Unknown", labels_key="label")
    model.train(max_epochs=20, n_samples_per_label=100)
with phase("project"):
    query = query[:, reference.var_names].copy()
    query.layers["counts"] = query.X.copy()
    query.obs["label"] = "Unknown"
    surgery = scvi.model.SCANVI.load_query_data(query, model)
    surgery.train(max_epochs=100, plan_kwargs={"weight_decay": 0.0}, check_val_every_n_epoch=10)
    probability = surgery.predict(soft=True)
write_labels(query.obs_names, probability.idxmax(axis=1), probability.max(axis=1))
report("scvi-tools")
