"""What the page says about pairs of modalities, beside the tables."""

ABOUT = """\
A method embeds cells of two modalities, and figures are those of cells whose pairs it did not know: whole batches
where there are several (two libraries of the mouse cortex, as in the recipe `mouse-cortex`; one donor of bone
marrow), otherwise a third of the cells of each label. Rows of the two files are shuffled apart, and cells renamed.
Methods that learn from pairs get those of the training cells; the others see all cells of both modalities without
pairs. Titles say what a method knows: pairs, pairs and labels of training cells, or gene activity (peaks within 100
kb of a start site count exp(-distance / 5 kb) + exp(-1), as in ArchR; start sites of HOMER). Gene activity is had
for peaks alone.

FOSCTTM is the share of other cells that are nearer than the partner, the mean of both directions: 0 is perfect, 0.5
is chance. Accuracy and macro-F1 are those of labels that left-out cells of the second modality get from 15
neighbors among training cells of the first. Labels of `pbmc-10k-cite` are computed from its RNA: take its FOSCTTM
alone.

- smile-zoo is trained with the settings that `smile-zoo train` drafts for one modality, the same for all sets, and
  with `stem.canonical`, as there are pairs. A composition was chosen over mpSMILE on the first split of five sets.
- MCIA is an implementation of ours, as neither omicade4 nor nipalsMCIA is packaged for Debian or PyPI; `python
  benchmarks/peers/check_mcia.py` compares it with ade4, which omicade4 calls, on ade4's example `escopage`: axes
  and eigenvalues agree to 1e-14.
- MOFA+ embeds cells that have both modalities. Cells of one are placed by that view's weights, an extension of
  ours; for training cells, the same formula with both views correlates by 0.9997 or more with MOFA+'s own factors.
- The published code is run without a GPU, and with one batch of all pairs where there are fewer than 512. It has no
  pSMILE.
- Counts of A549's RNA are restored from its log-normalized values; of its ATAC, only presence is used.
- openproblems' `mse` divides by the distance in one random order of the cells, the table here by the mean over all.
- Missing: Seurat's bridge integration, which needs Seurat 5."""
