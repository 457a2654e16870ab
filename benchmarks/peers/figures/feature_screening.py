"""The paper's screening of key features: genes and peaks that bring RNA and ATAC of the mouse brain together.

The paper says that removing key features moves the two measurements of a cell apart, farther than removing as many
differential or random ones. Features are chosen on one half of the nuclei and measured on the other, as in
`smile-zoo explain --against`; the space was trained on both.

python benchmarks/peers/figures/feature_screening.py ../shared/data SPACES docs/comparison
"""

import matplotlib.pyplot as plt
from spaces import keep, parse_arguments, save, train_committed

import smile_zoo
from smile_runtime import screen_pairs

RECIPE = "mouse-cortex"
GROUPS = ("key", "differential", "random")


def main() -> None:
    """Draw the distances, and keep them."""
    arguments = parse_arguments(__doc__)
    space = smile_zoo.load(str(train_committed(RECIPE, arguments.data, arguments.spaces)))
    rna, atac = (arguments.data / f"mouse_cortex_snare_{name}.h5ad" for name in ("rna", "atac"))
    groups = screen_pairs(rna, space, modality="rna", against="atac", against_query=atac).groups
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 2.6), sharey=True, layout="constrained")
    for axes, (modality, rows) in zip(panels, groups.groupby("modality", sort=False), strict=True):
        rows = rows.set_index("group").loc[list(GROUPS)]
        names = ["none", *rows.index]
        axes.bar(names, [rows["distance"].iloc[0], *rows["without"]], color=["0.7", "C3", "C1", "C0"])
        axes.errorbar(names[1:], rows["without"], yerr=rows["sd"].fillna(0), fmt="none", ecolor="black", capsize=3)
        axes.set(title=f"{modality.upper()}: {rows['n_features'].iloc[0]:,} features removed")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("distance of RNA to ATAC of a nucleus")
    save(figure, arguments.output / "paper-feature-screening.png")
    keep("feature-screening", groups.astype({"sd": object}).where(groups.notna(), None).to_dict("records"))


if __name__ == "__main__":
    main()
