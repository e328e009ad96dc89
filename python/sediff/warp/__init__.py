"""Resampling of an image, its weight and its mask onto the pixel grid of another header."""
