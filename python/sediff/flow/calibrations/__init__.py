"""Calibration images and tables from the raw exposures of a night."""
