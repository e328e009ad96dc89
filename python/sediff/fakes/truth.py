"""The table of fakes: what was put in, and what became of it."""
from __future__ import annotations

import numpy as np
import pandas as pd

#: What was put in; x and y from 1, as in catalogues, fluxes in electrons.
TRUTH_DTYPE = np.dtype([
    ('ID', 'i4'),                # 1, 2, ... on its CCD
    ('EXPNUM', 'i8'), ('CCD', 'i2'),
    ('KIND', 'U5'),              # field; host: on a galaxy, by its light; place: where the user wanted it
    ('SIGN', 'i2'),              # +1 brighter than the template, -1 fainter: a source that has faded since
    ('X_IMAGE', 'f8'), ('Y_IMAGE', 'f8'),
    ('RA', 'f8'), ('DEC', 'f8'),                     # deg, ICRS
    ('MAG', 'f8'),               # AB, of |FLUX|
    ('FLUX', 'f8'),              # signed
    ('HOST', 'i4'),              # NUMBER of the galaxy in the search catalogue, 0 for none
    ('HOST_SB', 'f4'),           # mag / arcsec^2 of the template within 2 px, 99 where it has no light
    ('DISTANCE', 'f4'), ('DAYS', 'f4'),              # Mpc and days after the trigger of a light curve, 0 for none
])

#: What became of it; from OBJID to ML_SCORE 0 where FOUND is 0 (SEPARATION and ML_SCORE -1).
OUTCOME_DTYPE = np.dtype([
    *TRUTH_DTYPE.descr,
    ('USABLE', 'i2'),            # 1: no unusable pixel within 2 px of the place, 90 % of its PSF is usable
    ('OCCUPIED', 'i2'),          # 1: a detection of its sign was there before; left out of efficiencies
    ('FLUX_FORCED', 'f8'), ('FLUXERR_FORCED', 'f8'),         # PSF flux at the true place
    ('SNR_TRUE', 'f4'),          # |FLUX| / FLUXERR_FORCED
    ('FOUND', 'i2'),             # 1: a detection of its sign within FAKE_RADIUS
    ('PASSED', 'i2'),            # 1: which the cuts (but the one on the sign) and the score keep, too
    ('OBJID', 'i4'),             # NUMBER of the detection in the parallel difference
    ('SEPARATION', 'f4'),        # arcsec
    ('FLUX_PSF', 'f4'), ('FLUXERR_PSF', 'f4'), ('SNR', 'f4'),
    ('SCORE', 'f4'),             # matched-filter significance, signed
    ('REJECT', 'i4'), ('REASON', 'U160'),            # cuts that it fails
    ('ML_SCORE', 'f4'),
])


def outcome_of(truth: np.ndarray) -> np.ndarray:
    """A table of outcomes (n,) of OUTCOME_DTYPE with the columns of the truth filled in, and nothing found."""
    table = np.zeros(len(truth), OUTCOME_DTYPE)
    for name in TRUTH_DTYPE.names or ():
        table[name] = truth[name]
    table['SEPARATION'] = table['ML_SCORE'] = -1.0
    return table


#: Decimals of the tables that are written; other columns are as they are.
DECIMALS = {'X_IMAGE': 3, 'Y_IMAGE': 3, 'RA': 7, 'DEC': 7, 'MAG': 4, 'FLUX': 2, 'HOST_SB': 3, 'FLUX_FORCED': 2,
            'FLUXERR_FORCED': 2, 'SNR_TRUE': 3, 'SEPARATION': 3, 'FLUX_PSF': 2, 'FLUXERR_PSF': 2, 'SNR': 3, 'SCORE': 3,
            'ML_SCORE': 4, 'DISTANCE': 3, 'DAYS': 4}


def outcome_frame(outcomes: np.ndarray) -> pd.DataFrame:
    """Outcomes as the table that is written."""
    frame = pd.DataFrame({name: outcomes[name] for name in outcomes.dtype.names or ()})
    return frame.assign(**{name: frame[name].astype(float).round(digits) for name, digits in DECIMALS.items()})


def outcomes_of(frame: pd.DataFrame) -> np.ndarray:
    """Outcomes (n,) of OUTCOME_DTYPE of such a table that was read.

    Raises
    ------
    KeyError
        It lacks a column.
    """
    out = np.zeros(len(frame), OUTCOME_DTYPE)
    for name in OUTCOME_DTYPE.names or ():
        text = OUTCOME_DTYPE[name].kind == 'U'
        out[name] = frame[name].astype(object).where(frame[name].notna(), '').to_numpy(str) if text else frame[name]
    return out
