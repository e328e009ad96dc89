"""Forced photometry at any place in the staged differences of a season: which cover it, and what they show."""
