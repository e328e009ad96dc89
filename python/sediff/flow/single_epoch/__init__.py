"""Steps of single-epoch processing and calibration."""
