"""fakeMatch: which injected sources were found, and the efficiency that follows."""
from __future__ import annotations

import numpy as np

from sediff.candidates.skymatch import nearest
from sediff.candidates.texttable import table_text
from sediff.errors import BadInput

#: One row an injected source; the columns from OBJID on are 0 (SEPARATION -1, SCORE -1) where FOUND is 0.
FAKEMATCH_DTYPE = np.dtype([
    ('FAKEID', 'i8'), ('RA', 'f8'), ('DEC', 'f8'), ('TRUEMAG', 'f4'), ('FOUND', 'i2'), ('PASSED', 'i2'),
    ('OBJID', 'i4'), ('SEPARATION', 'f4'), ('FLUX_PSF', 'f4'), ('FLUXERR_PSF', 'f4'), ('SNR', 'f4'),
    ('REJECT', 'i4'), ('SCORE', 'f4')])


def match_fakes(fakes: np.ndarray, detections: np.ndarray, radius: float = 1.0, reject: np.ndarray | None = None,
                score: np.ndarray | None = None, min_score: float = 0.0) -> np.ndarray:
    """Match injected sources with detections.

    Parameters
    ----------
    fakes : structured ndarray, (n,)
        Columns ra, dec (deg ICRS), mag, and optionally id (else 1, 2, ...).
    detections : structured ndarray, (m,)
        Columns NUMBER, ALPHAWIN_J2000, DELTAWIN_J2000 (deg), FLUX_PSF, FLUXERR_PSF, SNR, SIGN.
        Only positive ones can be a fake.
    radius : float
        arcsec.
    reject : ndarray, (m,) int, optional
        Reject codes of the cuts (0 = kept).
    score : ndarray, (m,) float, optional
        autoScan scores in [0, 1].
    min_score : float
        Score from which a match counts as passed.

    Returns
    -------
    structured ndarray, (n,) of FAKEMATCH_DTYPE
        FOUND: a detection lies within the radius. PASSED: it also survived the cuts and the score.

    Raises
    ------
    BadInput
        A column is missing.
    """
    _require(fakes, ('ra', 'dec', 'mag'), 'fakes')
    _require(detections, ('NUMBER', 'ALPHAWIN_J2000', 'DELTAWIN_J2000', 'FLUX_PSF', 'FLUXERR_PSF', 'SNR', 'SIGN'),
             'detections')
    positive = np.flatnonzero(detections['SIGN'] > 0)
    seen = detections[positive]
    index, separation = nearest(fakes['ra'], fakes['dec'], seen['ALPHAWIN_J2000'], seen['DELTAWIN_J2000'], radius)
    table = np.zeros(len(fakes), FAKEMATCH_DTYPE)
    table['FAKEID'] = fakes['id'] if 'id' in (fakes.dtype.names or ()) else np.arange(1, len(fakes) + 1)
    table['RA'], table['DEC'], table['TRUEMAG'] = fakes['ra'], fakes['dec'], fakes['mag']
    table['SEPARATION'] = table['SCORE'] = -1.0
    found = np.flatnonzero(index >= 0)
    at = positive[index[found]]
    table['FOUND'][found], table['SEPARATION'][found] = 1, separation[found]
    for name, source in (('OBJID', 'NUMBER'), ('FLUX_PSF', 'FLUX_PSF'), ('FLUXERR_PSF', 'FLUXERR_PSF'), ('SNR', 'SNR')):
        table[name][found] = detections[source][at]
    codes = np.zeros(len(detections), int) if reject is None else np.asarray(reject)
    scores = np.ones(len(detections)) if score is None else np.asarray(score)
    table['REJECT'][found], table['SCORE'][found] = codes[at], scores[at]
    table['PASSED'][found] = (codes[at] == 0) & (scores[at] >= min_score)
    return table


def efficiency(matches: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Injected, found and passed counts in bins of true magnitude.

    Returns
    -------
    structured ndarray, (len(edges) - 1,)
        mag_low, mag_high (limits of the bin); injected, found, passed (counts); efficiency = passed / injected
        (0 in an empty bin).
    """
    edges = np.asarray(edges, float)
    out = np.zeros(len(edges) - 1, [('mag_low', 'f4'), ('mag_high', 'f4'), ('injected', 'i4'), ('found', 'i4'),
                                    ('passed', 'i4'), ('efficiency', 'f4')])
    out['mag_low'], out['mag_high'] = edges[:-1], edges[1:]
    for name, select in (('injected', slice(None)), ('found', matches['FOUND'] > 0), ('passed', matches['PASSED'] > 0)):
        out[name] = np.histogram(matches['TRUEMAG'][select], edges)[0]
    np.divide(out['passed'], out['injected'], out=out['efficiency'], where=out['injected'] > 0, casting='unsafe')
    return out


def fakematch_table_text(matches: np.ndarray, comments: tuple[str, ...] = ()) -> str:
    """The text of `..._fakeMatch.out`; zero rows are fine."""
    formats = {'RA': '.7f', 'DEC': '.7f', 'TRUEMAG': '.3f', 'SEPARATION': '.3f', 'FLUX_PSF': '.2f',
               'FLUXERR_PSF': '.2f', 'SNR': '.2f', 'SCORE': '.3f'}
    return table_text({name: matches[name] for name in matches.dtype.names or ()}, formats, comments)


def _require(table: np.ndarray, names: tuple[str, ...], what: str) -> None:
    missing = [name for name in names if name not in (table.dtype.names or ())]
    if missing:
        raise BadInput(f'the table of {what} lacks column {", ".join(missing)}; it has '
                       f'{", ".join(table.dtype.names or ("none",))}')
