"""Our own method with labels: ``smile-zoo train cells.h5ad --labels label --batch batch``; reads those of all cells."""

from integration_smile import integrate

integrate("label")
