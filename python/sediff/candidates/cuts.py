"""filterObj: the cuts a detection must pass, each with a name (after Kessler et al. 2015, AJ 150, 172, section 3)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import label
from scipy.spatial import cKDTree

from sediff.candidates.cut_list import CUTS, DEFAULT_CUTS, CutContext
from sediff.candidates.neighbourhood import places_of
from sediff.candidates.texttable import table_text
from sediff.candidates.vetostars import StarLimits, StarVerdict, Surroundings, judge_near_stars
from sediff.ccdimage import Plane
from sediff.errors import BadUsage

#: Depths at which negative pixels are counted, sigma.
LIMITS = (2.0, 4.0, 6.0)
#: Class of a detection that is the variation of a listed star.
VARIABLE_STAR = 'variable_star'


@dataclass(frozen=True)
class CutResult:
    """Outcome of the cuts.

    Parameters
    ----------
    kept : ndarray, (n,) bool
    reject : ndarray, (n,) int32
        Sum of 2^k of the failed cuts, k the position in `CUTS`; 0 = kept.
    below : ndarray, (n, 3) int32
        Pixels below -2, -4 and -6 sigma that count for the detection (`count_below`).
    counts : dict
        Cut name -> number of detections that fail it.
    classes : ndarray, (n,) str
        VARIABLE_STAR, or '' for what has no class.
    values, limits : dict
        Cut name -> what was compared with what, (n,) float64; 1 and 0 where the answer is yes or no.
    """

    kept: np.ndarray
    reject: np.ndarray
    below: np.ndarray
    counts: dict[str, int]
    classes: np.ndarray
    values: dict[str, np.ndarray]
    limits: dict[str, np.ndarray]


def apply_cuts(detections: np.ndarray, difference: np.ndarray, sigma: Plane, bad: np.ndarray, fwhm: float,
               veto: np.ndarray | None = None, cuts: Mapping[str, float] | None = None,
               moving: np.ndarray | None = None, planes: Surroundings | None = None, mask: np.ndarray | None = None,
               others: np.ndarray | None = None) -> CutResult:
    """Which detections stay, and why the others go.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Of `sediff.detect.detect`.
    difference, sigma : ndarray, (ny, nx) float32
        Difference image and its noise per pixel (calibrated), same units.
    bad : ndarray, (ny, nx) bool
        Unusable pixels; not counted.
    fwhm : float
        FWHM of the noise-equivalent Gaussian of the PSF, px (`ScoreImage.fwhm`, which NMASK_NEAR used).
    veto : structured ndarray, optional
        Columns x, y (0-based px), mag, and optionally radius (px), which else is 30 - 2 (mag - 15) px: stars of the SNVETO
        list. Their variations are known as such, and what is not above their residual is rejected
        (`sediff.candidates.vetostars`); without `planes` nothing within the radius is accepted.
    cuts : mapping, optional
        Overrides of DEFAULT_CUTS: min_snr; max_a, min_a (A_IMAGE over the PSF's; max_a loosened by 1 + 3/SNR);
        max_elongation (A/B, above S/N 10; in proportion to it from S/N 6 what is thinner than the PSF too);
        spread_limit + spread_sigma * error (|SPREAD_MODEL|); box (px) and
        max_below_{2,4,6}sigma (pixels, this many reject), ring_share (a pixel only counts if it is also deeper than
        this share of the source's peak: the matching rings a bright real source leaves do not reject it), negative_touch,
        negative_reach (FWHM: how near a negative object must come to be the detection's, and how far it counts);
        max_masked_core (pixels within 2 px), max_masked_near (share within 2 FWHM); veto_magnitude (fainter stars do not
        veto), veto_scale (times the radius); switches reject_dipoles, reject_edges, positive_only, veto_variables (0 or 1);
        region_radius (FWHM), max_bleed, max_ghost (shares of the pixels so near); star_... and line_..., the fields of
        `sediff.candidates.vetostars.StarLimits` and `sediff.candidates.lines.LineLimits`.
    moving : ndarray, (n,) float, optional
        Of `sediff.candidates.moving.moving_stars`: below 1 where it is a star that moved.
    planes : Surroundings, optional
        To measure the stars' residuals in.
    mask : ndarray, (ny, nx) uint16, optional
        Bits of `sediff.maskbits`: bleeds and ghosts.
    others : structured ndarray, optional
        Detections that make lines, where not these: of the image that sources were put into. Each source is judged with
        them, not with the other sources.

    Raises
    ------
    BadUsage
        An unknown cut.
    """
    values = merged_cuts(cuts)
    below = count_below(detections, difference, sigma, bad, int(values['box']), values['ring_share'] * peak_of(
        detections, fwhm), values['negative_touch'] * fwhm, values['negative_reach'] * fwhm)
    context = CutContext(detections, below, fwhm, _stars(detections, veto, values, planes), values,
                         np.full(len(detections), np.inf) if moving is None else moving,
                         places_of(detections, mask, float(np.count_nonzero(~bad)), fwhm, values, others))
    return _judged(context)


def _judged(context: CutContext) -> CutResult:
    """What each cut says of each detection."""
    number = len(context.detections)
    reject, counts, values, limits = np.zeros(number, np.int32), {}, {}, {}
    for bit, (name, cut) in enumerate(CUTS.items()):
        failed = cut.failed(context)
        reject[failed] |= 1 << bit
        counts[name] = int(failed.sum())
        values[name], limits[name] = (np.broadcast_to(np.asarray(part(context), float), number)
                                      for part in (cut.value, cut.limit))
    return CutResult(reject == 0, reject, context.below, counts, np.where(context.stars.variable, VARIABLE_STAR, ''), values,
                     limits)


def _stars(detections: np.ndarray, veto: np.ndarray | None, values: Mapping[str, float],
           planes: Surroundings | None) -> StarVerdict:
    if planes is not None and veto is not None:
        limits = StarLimits(**{field.name: values[f'star_{field.name}'] for field in fields(StarLimits)})
        return judge_near_stars(detections, veto, planes, values['veto_magnitude'], values['veto_scale'], limits)
    vetoed = near_veto_star(detections, veto, values['veto_magnitude'], values['veto_scale'])
    return StarVerdict.of(len(detections), vetoed)


def merged_cuts(cuts: Mapping[str, float] | None) -> dict[str, float]:
    """The defaults with these overrides; BadUsage names an unknown one."""
    unknown = set(cuts or ()) - set(DEFAULT_CUTS)
    if unknown:
        raise BadUsage(f'unknown cut {", ".join(sorted(unknown))}; known are {", ".join(DEFAULT_CUTS)}')
    return {**DEFAULT_CUTS, **(cuts or {})}


def peak_of(detections: np.ndarray, fwhm: float) -> np.ndarray:
    """Peak pixel of a Gaussian of this FWHM (px) and the PSF flux of each detection: (n,) float."""
    return np.abs(detections['FLUX_PSF']) * 4.0 * np.log(2.0) / (np.pi * fwhm ** 2)


def count_below(detections: np.ndarray, difference: np.ndarray, sigma: Plane, bad: np.ndarray, box: int,
                floor: np.ndarray, touch: float, reach: float) -> np.ndarray:
    """Usable pixels below -2, -4 and -6 sigma and -floor in a box (px) that count for each detection: (n, 3) int32.

    Pixels below -2 sigma that touch, corners included, are one object if one of them is below -4 sigma. Of an
    object that comes within `touch` (px) of a detection the pixels within `reach` count: the other lobe of a dipole, the
    hole in a star's residual. Any other (a neighbour's dipole, a cosmic ray of the template) is none of the
    detection's. Pixels of no object are the sky's.

    The sign of a negative detection is turned first. `floor` is (n,), in the units of the difference.
    """
    ny, nx = difference.shape
    out = np.zeros((len(detections), 3), np.int32)
    for row, detection in enumerate(detections):
        i, j = round(float(detection['X_IMAGE'])) - 1, round(float(detection['Y_IMAGE'])) - 1
        cut = (slice(max(j - box // 2, 0), min(j + box // 2 + 1, ny)), slice(max(i - box // 2, 0),
                                                                           min(i + box // 2 + 1, nx)))
        noise = sigma[cut]
        usable = ~bad[cut] & (noise > 0) & np.isfinite(noise)
        value = detection['SIGN'] * difference[cut]
        ratio = np.where(usable & (value < -floor[row]), value / np.where(usable, noise, 1.0), 0.0)
        y, x = np.ogrid[cut]
        ratio[_of_others(ratio, np.hypot(x - i, y - j), touch, reach)] = 0.0
        out[row] = [np.count_nonzero(ratio < -limit) for limit in LIMITS]
    return out


def _of_others(ratio: np.ndarray, distance: np.ndarray, touch: float, reach: float) -> np.ndarray:
    """Pixels of a stamp (in sigma) of negative objects that do not count, see `count_below`: bool, of the stamp's shape."""
    deep = ratio < -LIMITS[1]
    if not deep.any():
        return deep
    objects, count = label(ratio < -LIMITS[0], np.ones((3, 3)))
    known, near = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    known[objects[deep]] = True
    near[objects[distance <= touch]] = True
    known[0] = False
    return known[objects] & ~(near[objects] & (distance <= reach))


def near_veto_star(detections: np.ndarray, veto: np.ndarray | None, magnitude: float, scale: float) -> np.ndarray:
    """True where a detection lies within the radius of a star brighter than `magnitude`: (n,) bool."""
    vetoed = np.zeros(len(detections), bool)
    if veto is None or len(veto) == 0 or len(detections) == 0:
        return vetoed
    stars = veto[veto['mag'] < magnitude]
    radius = stars['radius'] if 'radius' in (stars.dtype.names or ()) else 30.0 - 2.0 * (stars['mag'] - 15.0)
    tree = cKDTree(np.column_stack([detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0]))
    for star, reach in zip(stars, scale * np.maximum(radius, 0.0)):
        vetoed[tree.query_ball_point((star['x'], star['y']), float(reach))] = True
    return vetoed


#: Bit of a reject code for a score below the limit; set after autoScan, not by `apply_cuts`.
LOW_SCORE = 1 << 30


#: Reject code of what fails nothing but the cut on its sign.
NEGATIVE = 1 << list(CUTS).index('negative')


def reject_names(reject: int) -> str:
    """Names of the cuts in a reject code, joined by commas; 'ok' for 0."""
    names = [name for bit, name in enumerate(CUTS) if reject >> bit & 1] + ['low_score'] * bool(reject & LOW_SCORE)
    return ','.join(names) or 'ok'


def reason_table(detections: np.ndarray, result: CutResult) -> dict[str, list]:
    """Why each rejected detection is rejected, with the figure.

    Returns
    -------
    dict
        Columns of a table with a row for each failed cut of each detection, in the order of the detections and cuts: OBJID;
        CUT; VALUE and LIMIT (of `CutResult`, six digits); FAILS: `above` or `below` the limit, `from` or `up to`
        it where the limit itself fails.
    """
    rows = [(int(number), name, _rounded(result.values[name][row]), _rounded(result.limits[name][row]),
             _SIDES[cut.fails.__name__])
            for row, number in enumerate(detections['NUMBER'])
            for bit, (name, cut) in enumerate(CUTS.items()) if result.reject[row] >> bit & 1]
    return {name: [row[k] for row in rows] for k, name in enumerate(('OBJID', 'CUT', 'VALUE', 'LIMIT', 'FAILS'))}


#: Comparison of a cut -> where a value fails.
_SIDES = {'greater': 'above', 'greater_equal': 'from', 'less': 'below', 'less_equal': 'up to'}


def _rounded(value: float) -> float:
    return float(f'{value:.6g}')


#: Columns of the filterObj table and how they are written.
_FORMATS = {'X_IMAGE': '.3f', 'Y_IMAGE': '.3f', 'RA': '.7f', 'DEC': '.7f', 'FLUX_PSF': '.2f', 'FLUXERR_PSF': '.2f',
            'SNR': '.2f', 'CHI2_PSF': '.3f', 'A_IMAGE': '.3f', 'B_IMAGE': '.3f', 'THETA_IMAGE': '.1f',
            'SPREAD_MODEL': '.5f', 'SPREADERR_MODEL': '.5f', 'DIPOLE_RATIO': '.2f'}


def filter_table_text(detections: np.ndarray, result: CutResult, comments: tuple[str, ...] = ()) -> str:
    """The text of `..._filterObj.out`: every detection with its reject code and its reasons; zero rows are fine."""
    sky = {} if 'ALPHAWIN_J2000' not in (detections.dtype.names or ()) else {
        'RA': detections['ALPHAWIN_J2000'], 'DEC': detections['DELTAWIN_J2000']}
    names = ('X_IMAGE', 'Y_IMAGE', 'FLUX_PSF', 'FLUXERR_PSF', 'SNR', 'SIGN', 'CHI2_PSF', 'A_IMAGE', 'B_IMAGE',
             'THETA_IMAGE', 'SPREAD_MODEL', 'SPREADERR_MODEL', 'DIPOLE_RATIO', 'NMASK_CORE', 'NMASK_NEAR', 'FLAGS',
             'IMAFLAGS_ISO')
    columns: dict[str, Sequence | np.ndarray] = {
        'OBJID': detections['NUMBER'], **sky, **{name: detections[name] for name in names},
        'NPIX_M2': result.below[:, 0], 'NPIX_M4': result.below[:, 1], 'NPIX_M6': result.below[:, 2],
        'CLASS': result.classes, 'REJECT': result.reject, 'REASON': [reject_names(int(code)) for code in result.reject]}
    return table_text(columns, _FORMATS, comments)
