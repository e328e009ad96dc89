"""From an image to a table of objects: detection, positions, fluxes, PSF photometry."""


def warm() -> None:
    """Compile (or load from the cache) the package's numba kernels on a tiny image of the types used in earnest."""
    import numpy as np
    from astropy.io.fits import Header

    from sediff.catalog.measure import measure
    from sediff.ccdimage import CcdImage
    from sediff.psf.model import PsfModel

    rows, columns = np.indices((41, 41)) - 20.0
    star = np.exp(-(rows ** 2 + columns ** 2) / 6.0).astype(np.float32)
    header = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 20.0, 'CRPIX2': 20.0, 'CRVAL1': 0.0,
                     'CRVAL2': 0.0, 'CD1_1': 7e-5, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': 7e-5})
    ccd = CcdImage(1000.0 * star, np.zeros((41, 41), np.uint16), np.ones((41, 41), np.float32), header)
    measure(ccd, PsfModel(star[None, 12:29, 12:29], 0, (1.0, 1.0), (1.0, 1.0), fwhm=4.0), threshold=5.0, apertures=(6.0,))
