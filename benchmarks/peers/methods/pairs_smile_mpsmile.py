"""Our mpSMILE: both encoders are trained together."""

from pairs_smile import main

main("mpsmile")
