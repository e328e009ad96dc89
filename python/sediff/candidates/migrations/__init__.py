"""Versions of the candidates' database, one file each in `versions/`; `sediff.candidates.versions` applies them."""
