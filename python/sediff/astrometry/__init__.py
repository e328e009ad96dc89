"""Detections and reference stars to a WCS: pattern match, fit, checks, and the template's own small correction."""
