"""Files of the five studies of blood, and the types of the lupus study by the names that these have."""

STUDIES = ("pbmc_3k_rna", "pbmc_4k_rna", "pbmc_zheng_facs_rna", "pbmc_5p_rna", "pbmc_6k8k_rna")
LUPUS_TYPES = {
    "B cells": "B",
    "CD14+ Monocytes": "CD14 Mono",
    "CD4 T cells": "CD4 T",
    "CD8 T cells": "CD8 T",
    "Dendritic cells": "DC",
    "FCGR3A+ Monocytes": "CD16 Mono",
    "Megakaryocytes": "Megakaryocyte",
    "NK cells": "NK",
}
