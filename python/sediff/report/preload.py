"""What every worker that draws pages imports, loaded once by the fork server with the kernels."""
from sediff.compiled import load_kernels
from sediff.formats import rice
from sediff.report import ccd_pages

load_kernels()

__all__ = ['ccd_pages', 'rice']
