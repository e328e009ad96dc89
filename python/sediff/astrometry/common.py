"""The common solution of an exposure: one pointing and one set of linear terms for the camera, for CCDs short of stars."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.adjust import adjust, plane_change
from sediff.astrometry.fit import linear_change
from sediff.astrometry.solution import AstrometryOptions, Solution
from sediff.astrometry.tables import Stars
from sediff.astrometry.tangent import project
from sediff.astrometry.tpv import Tpv
from sediff.errors import BadData
from sediff.sphere import separation

#: Where the CCDs scatter by more than FLOOR_MAS, one without which they scatter less by this factor does not count.
OUTLIER, FLOOR_MAS = 2.0, 60.0
#: Fewest stars of a CCD that shift the common solution for it.
MIN_SHIFT = 4


@dataclass(frozen=True)
class CommonSolution:
    """Where the camera pointed.

    Parameters
    ----------
    ra, dec : float
        Sky position of the camera model's CRVAL, deg.
    factor : list of list of float
        2x2 matrix that multiplies the camera model's CD matrices: rotation, scale, refraction.
    ccds : list of int
        CCDs it rests on.
    dropped : list of int
        CCDs with a solution of their own that does not agree with the others.
    rms_mas : float
        How well it predicts a CCD it was fitted without, mas along one axis, over the CCD.
    """

    ra: float
    dec: float
    factor: list
    ccds: list
    dropped: list
    rms_mas: float

    def metrics(self) -> dict:
        """As a dictionary of plain numbers."""
        return asdict(self)

    def predict(self, model: Header) -> Tpv:
        """The solution of a CCD, from its camera model."""
        nominal = Tpv.of(model)
        return replace(nominal, crval=np.array([self.ra, self.dec]), cd=np.array(self.factor) @ nominal.cd)


def fit_common(solved: Mapping[int, Header], models: Mapping[int, Header], shape: tuple[int, int],
               min_ccds: int = 3) -> CommonSolution:
    """One pointing and one 2x2 matrix that carry the camera model onto the CCDs' own solutions.

    Parameters
    ----------
    solved : mapping of int to Header
        CCD -> its own accepted solution.
    models : mapping of int to Header
        CCD -> its model (`sediff.instruments.focalplane`), all with one CRVAL, within a few degrees of the pointing.
    shape : (int, int)
        Rows and columns of a CCD.
    min_ccds : int
        Fewest CCDs.

    Returns
    -------
    CommonSolution

    Raises
    ------
    BadData
        Too few CCDs with a solution, or that agree with one another.
    """
    grid = grid_of(shape)
    sky = {ccd: Tpv.of(header).sky(*grid) for ccd, header in solved.items() if ccd in models}
    nominal, used = {ccd: Tpv.of(models[ccd]) for ccd in sky}, sorted(sky)
    while True:
        if len(used) < min_ccds:
            raise BadData(f'{len(used)} CCDs of the exposure have an astrometric solution that agrees with the others; '
                          f'a common solution needs {min_ccds}')
        start, factor = _joint(grid, nominal, sky, used, None, np.eye(2))
        whole = _scatter(grid, nominal, sky, used, start, factor)
        if whole < FLOOR_MAS or len(used) == min_ccds:
            break
        without = {ccd: [each for each in used if each != ccd] for ccd in used}
        left = {ccd: _scatter(grid, nominal, sky, rest, *_joint(grid, nominal, sky, rest, start, factor))
                for ccd, rest in without.items()}
        worst = min(used, key=left.__getitem__)
        if left[worst] > whole / OUTLIER:
            break
        used.remove(worst)
    errors = []
    for ccd in used:
        others = [each for each in used if each != ccd]
        errors.append(_rms(grid, nominal[ccd], *_joint(grid, nominal, sky, others, start, factor), sky[ccd]))
    rms = float(np.sqrt(np.mean(np.square(errors))))
    return CommonSolution(float(start[0]), float(start[1]), factor.tolist(), used, sorted(set(sky) - set(used)), rms)


def grid_of(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Places (0-based x, y) on a CCD where its own and the common solution are compared."""
    ny, nx = shape
    x, y = np.meshgrid(np.linspace(100, nx - 101, 4), np.linspace(100, ny - 101, 6))
    return x.ravel(), y.ravel()


def _joint(grid, nominal, sky, ccds, crval, factor) -> tuple[np.ndarray, np.ndarray]:
    """CRVAL and factor of some CCDs together."""
    if crval is None:
        first = nominal[ccds[0]]
        (x, y), (ra, dec) = grid, sky[ccds[0]]
        crval = adjust(first, x, y, ra, dec, np.ones(x.size), iterations=8).crval
    ra, dec = (np.concatenate([sky[ccd][axis] for ccd in ccds]) for axis in (0, 1))
    for _ in range(6):
        planes = [replace(nominal[ccd], crval=crval, cd=factor @ nominal[ccd].cd).plane(*grid) for ccd in ccds]
        xi, eta = (np.concatenate([plane[axis] for plane in planes]) for axis in (0, 1))
        ref_xi, ref_eta = project(ra, dec, *crval)
        change = plane_change(xi, eta, ref_xi - xi, ref_eta - eta, np.ones(xi.size))
        moved = replace(nominal[ccds[0]], crval=crval, cd=factor).moved(*change)
        crval, factor = moved.crval, moved.cd
    return crval, factor


def _scatter(grid, nominal, sky, ccds, crval, factor) -> float:
    return float(np.sqrt(np.mean([_rms(grid, nominal[ccd], crval, factor, sky[ccd]) ** 2 for ccd in ccds])))


def _rms(grid, nominal: Tpv, crval, factor, sky) -> float:
    off = replace(nominal, crval=crval, cd=factor @ nominal.cd).off(*grid, *sky)
    return 1e3 * float(np.sqrt(np.mean(np.square(off))))


def fall_back(stars: Stars, start: Header, predicted: Tpv, rms_mas: float, reason: str, shape: tuple[int, int],
              options: AstrometryOptions | None = None) -> Solution:
    """The solution of a CCD that its own stars do not fix: the common one, shifted where a few stars agree on a shift.

    Parameters
    ----------
    stars : Stars
        Its detections and reference stars, few or none.
    start : Header
        The WCS it started with.
    predicted : Tpv
        From `CommonSolution.predict`.
    rms_mas : float
        How good the common solution is.
    reason : str
        Why the CCD has no solution of its own; part of the messages.
    shape : (int, int)
        Rows and columns of the CCD.
    options : AstrometryOptions, optional

    Returns
    -------
    Solution
        `kind` 'common'; rms is that of the stars, or the common solution's where it has fewer than four.

    Raises
    ------
    BadData
        The common solution is worse than `max_rms`; its stars say something else.
    """
    options, centre = options or AstrometryOptions(), ((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    if rms_mas > options.max_rms:
        raise BadData(f'{reason}; the common solution of the exposure is no help: it predicts a CCD to {rms_mas:.0f} mas, '
                      f'{options.max_rms:.0f} mas are allowed')
    tolerance = max(0.5, 5e-3 * rms_mas)
    first, second = stars.pairs(predicted, tolerance) if len(stars.x) and len(stars.ra) else (np.zeros(0, np.intp),) * 2
    model, count, rms, chi2 = predicted, len(first), (rms_mas, rms_mas), 0.0
    if count >= MIN_SHIFT and count > 3.0 * stars.chance(predicted, tolerance):
        model, first, second = _shifted(predicted, stars, first, second, options)
        off, count = model.off(*stars.matched(first, second)), len(first)
        rms_xi, rms_eta = (1e3 * float(np.sqrt(np.sum(np.square(value)) / (count - 1))) for value in off)
        rms = rms_xi, rms_eta
        sigma = stars.sigma(model, first, second, options.floor)
        chi2 = float(np.sum(np.square(off) / sigma ** 2) / (2 * count - 2))
        moved = 1e3 * float(np.hypot(*model.off(*centre, *predicted.sky(*centre))))
        if max(rms) > options.max_rms or moved > 1e3 * tolerance:
            raise BadData(f'{reason}; its {count} stars lie {moved:.0f} mas off the common solution of the exposure with '
                          f'residuals of {rms[0]:.0f}, {rms[1]:.0f} mas, which does not fit')
    middle = [each.sky(*centre) for each in (Tpv.of(start), model)]
    rotation = linear_change(Tpv.of(start), model, _corners(shape))[0]
    return Solution(model.header(), count, *rms, chi2, 3600.0 * float(separation(*middle[0], *middle[1])), rotation, 0.0, 0,
                    'common', rms_mas)


def _shifted(model, stars: Stars, first, second, options) -> tuple[Tpv, np.ndarray, np.ndarray]:
    for _ in range(3):
        sigma = stars.sigma(model, first, second, options.floor)
        model = adjust(model, *stars.matched(first, second), sigma, linear=False)
        keep = stars.unclipped(model, first, second, options)
        if keep.all() or keep.sum() < MIN_SHIFT:
            break
        first, second = first[keep], second[keep]
    return model, first, second


def _corners(shape: tuple[int, int]) -> Stars:
    none = np.zeros(0)
    x, y = grid_of(shape)
    return Stars(x, y, np.zeros(x.size), none, none, none)
