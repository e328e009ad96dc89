"""A search exposure and exposures around it, as rows of exposures.list."""
import pandas as pd

SEARCH = {'expnum': 668443, 'nite': '20170817', 'mjd_obs': 57983.0, 'radeg': 197.45, 'decdeg': -23.38, 'band': 'i',
          'exptime': 90.0, 'propid': '2017B-0110', 'obstype': 'object', 't_eff': 0.55, 'object': 'DESWS hex'}


def exposure_rows(*changes: dict) -> pd.DataFrame:
    """The search exposure, then one exposure for each set of changes: 100 days earlier unless it says otherwise."""
    rows = [SEARCH]
    for index, change in enumerate(changes):
        rows.append({**SEARCH, 'expnum': 500001 + index, 'nite': '20170509', 'mjd_obs': 57883.0 - index, **change})
    return pd.DataFrame(rows)
