"""Instrumental fluxes to magnitudes: colour terms, zero points, calibration tables, quality and star lists."""
