"""The point-spread function: model, drawing, star selection, fit."""


def warm() -> None:
    """Compile (or load from the cache) the package's numba kernels on tiny inputs of the types used in earnest."""
    import numpy as np

    from sediff.psf.compare_kernels import compare_stars
    from sediff.psf.maps import weighted_moments
    from sediff.psf.model import PsfModel
    from sediff.psf.render import centre_stamps

    model = PsfModel(np.ones((1, 3, 3), np.float32), 0, (1.0, 1.0), (1.0, 1.0))
    model.image(0.0, 0.0)
    one = np.ones((1, 9, 9))
    weighted_moments(one[0], 1.0, 0.0, 1.0)
    compare_stars(one, one, one, np.ones(1), 1.0, 0.01, 0.01, one.copy(), one.copy(), np.empty((1, 2)), np.empty(1))
    centre_stamps(np.ones((1, 5, 5)), np.full(1, 2.2), np.full(1, 2.0), 1.0, np.empty((1, 3, 3)))
