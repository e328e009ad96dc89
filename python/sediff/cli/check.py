"""Compares the candidates of a simulated night with its truth; the stage `check`, which the demo ends with."""
from __future__ import annotations

from pathlib import Path

import pandas as pd

from sediff.candidates.cuts import VARIABLE_STAR
from sediff.candidates.database import candidates_of, transaction
from sediff.cli import arguments
from sediff.flow.exposure.database import open_season, season_number
from sediff.formats.tables import read_csv
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.sim.truth import match_truth

#: Sources on good pixels with an ideal signal-to-noise above this must be found, and the kilonova whatever its own.
MUST_FIND_SNR = 15.0


def found_table(exposure: Exposure, parameters: Parameters, truth: pd.DataFrame) -> pd.DataFrame:
    """The injected transients with what was found of them: found, separation (arcsec), score, must."""
    with transaction(open_season(exposure, parameters)) as connection:
        rows = candidates_of(connection, season_number(exposure), exposure.expnum)
    candidates = pd.DataFrame(rows, columns=['ra', 'dec', 'maxReliability', 'maxSnr', 'sourceClass'])
    table = match_truth(truth, candidates, 1.0)
    for name, column in (('score', 'maxReliability'), ('snr', 'maxSnr')):
        table[name] = [candidates[column].iloc[row] if row >= 0 else float('nan') for row in table['candidate']]
    table['must'] = (table['kind'] == 'kilonova') | (table['good'] & (table['snr_ideal'] > MUST_FIND_SNR))
    table.attrs['unmatched'] = len(candidates) - int(table['found'].sum())
    others = candidates.drop(index=table.loc[table['found'], 'candidate'])
    table.attrs['variable_stars'] = int((others['sourceClass'] == VARIABLE_STAR).sum())
    return table


def table_text(table: pd.DataFrame) -> str:
    """One line a source, brightest first, and the sums."""
    lines = ['  id kind       ccd    mag  S/N(ideal)  good   found  sep["]  S/N   score']
    for row in table.sort_values('snr_ideal', ascending=False).itertuples():
        result = f'{row.separation:6.2f} {row.snr:6.1f}  {row.score:5.2f}' if row.found else ''
        mark = 'yes' if row.found else 'MISSING' if row.must else 'no'
        lines.append(f'{row.id:4d} {row.kind:<10} {row.ccdnum:3d} {row.mag:6.2f}  {row.snr_ideal:9.1f}  '
                     f'{"yes" if row.good else "no":<5} {mark:<7} {result}'.rstrip())
    must = table[table['must']]
    lines.append(f'injected / found: {len(table)} / {table["found"].sum()}; of the {len(must)} that must be found '
                 f'{must["found"].sum()}; candidates that are not injected sources: {table.attrs["unmatched"]}'
                 + (f' ({table.attrs["variable_stars"]} variable stars)' if table.attrs['variable_stars'] else ''))
    return '\n'.join(lines)


def main(stage: str, argv: list[str]) -> int:
    """Print injected / found of a simulated night; 1 when a source that must be found is missing."""
    parser = arguments.Parser(prog=f'sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser)
    parser.add_argument('--truth', type=Path, help='table of the injected transients, default ROOT/truth/transients.csv')
    args = parser.parse_args(argv)
    parameters = arguments.read_parameters(args)
    exposure = arguments.exposure_of(args, parameters, str(parameters['RNUM']), str(parameters['PNUM']), make=False)
    table = found_table(exposure, parameters, read_csv(args.truth or exposure.root / 'truth' / 'transients.csv'))
    print(table_text(table))
    print(f'page: {Repository.of(exposure).path("page", exposure)}')
    return int(not table.loc[table['must'], 'found'].all())
