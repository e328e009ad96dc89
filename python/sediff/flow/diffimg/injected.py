"""RUN27: which known fakes were found; fakes of sediff's own on every CCD, and the depth of its difference."""
from __future__ import annotations

import numpy as np

from sediff.candidates.database_rows import update_image
from sediff.engine.context import Context
from sediff.errors import BadData, BadInput
from sediff.fakes.depth import true_depth
from sediff.fakes.draw import Recipe
from sediff.fakes.efficiency import curves, summary
from sediff.fakes.truth import OUTCOME_DTYPE, outcome_frame
from sediff.flow.diffimg.candidates import match_known
from sediff.flow.diffimg.fakes import fakes_in_place
from sediff.flow.exposure.database import season_number

#: Of the fakes, as of the command `fakes`.
SEED = 1


def fake_match(context: Context) -> None:
    """Which of the known fakes were found; what becomes of fakes that are put into a copy of the difference."""
    match_known(context)
    outcomes, recipe, reason = _fakes(context)
    told = summary(outcomes, curves(outcomes))
    depth = true_depth(context.load('diff_sky'), outcomes, context.load('search_zp')['zero_point'])
    _say(context, told, depth, reason)
    context.save('injected', outcome_frame(outcomes))
    context.save('injected_info', {'seed': SEED, 'recipe': recipe, 'reason': reason, 'efficiency': told, 'depth': depth})
    _store_depth(context, depth)


def _fakes(context: Context) -> tuple[np.ndarray, dict, str]:
    """The fakes with what became of them, their recipe, and why there are none where there are none."""
    number, none = context.parameter('FAKES'), np.zeros(0, OUTCOME_DTYPE)
    if not number:
        return none, {}, 'FAKES is 0'
    recipe = Recipe(number, context.parameter('FAKES_BRIGHT'), context.parameter('FAKES_FAINT'),
                    context.parameter('FAKES_HOSTS'), context.parameter('FAKES_NEGATIVE'))
    try:
        outcomes = fakes_in_place(context, recipe, SEED)
    except (BadData, BadInput) as error:            # a CCD that allows none is no failure
        return none, vars(recipe), str(error)
    return outcomes, vars(recipe), '' if len(outcomes) else 'no place for a fake'


def _say(context: Context, told: dict, depth: dict, reason: str) -> None:
    if reason:
        context.log(f'no fakes: {reason}')
    else:
        kept = told['kept']['magnitude']
        half = f'half are kept at {kept["half"]:.2f} mag' if kept else 'too few for a curve'
        context.log(f'{told["injected"]} fakes, {told["judged"]} judged; {half}')
    if depth['depth'] is not None:
        context.log(f'5-sigma depth of the difference {depth["depth"]:.3f} +- {depth["depth_error"]:.3f} mag')


def _store_depth(context: Context, depth: dict) -> None:
    """The depth into the row of the CCD's image."""
    exposure = context.exposure
    with context.transaction() as connection:
        update_image(connection, season_number(exposure), exposure.expnum, exposure.ccd,
                     {'diffDepth': depth['depth'], 'diffDepthErr': depth['depth_error']})
        context.enter_rows(connection)


def refill_depth(context: Context) -> None:
    """RUN27 for a database that has lost the depth: as the product has it."""
    context.log('the depth of the difference as it was')
    _store_depth(context, context.load('injected_info')['depth'])
