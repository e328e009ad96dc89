"""Finds and measures what is left in a difference image, of both signs."""
from sediff.detect.finder import detect, detect_on_score
from sediff.detect.matched import ScoreImage, score_image
from sediff.detect.table import DETECTION_DTYPE, with_sky
from sediff.detect.warming import warm

__all__ = ['DETECTION_DTYPE', 'ScoreImage', 'detect', 'detect_on_score', 'score_image', 'warm', 'with_sky']
