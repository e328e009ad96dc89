"""Template exposures: which of their CCDs overlap a search CCD, and their coadd."""
