"""Our mpSMILE with the published settings: the preset `published`."""

from pairs_smile import main

main("mpsmile", preset="published")
