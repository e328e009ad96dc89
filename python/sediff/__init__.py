"""sediff: difference imaging for DECam, from a raw exposure to a page of candidates."""
__version__ = "0.1.0"
