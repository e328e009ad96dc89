"""sediff: difference imaging for DECam, from a raw exposure to a page of candidates."""
from sediff.compiled import share_kernels

__version__ = "0.1.0"
share_kernels()
