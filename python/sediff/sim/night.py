"""A whole night: plan, sky, exposures by a pool of processes, truth."""
from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astropy.io.fits import Header

from sediff.formats.atomic import temporary_prefix
from sediff.formats.fits import write_images
from sediff.formats.tables import write_csv, write_table
from sediff.instruments.ccds import ccd_table
from sediff.refcat.lookup import write_shards
from sediff.sim.cards import extension_header, plain_header
from sediff.sim.detector import detector_of
from sediff.sim.effects import effects_of
from sediff.sim.exposure import CcdTask, CcdTruth, bad_pixel_table
from sediff.sim.files import (
    Facts,
    read_facts,
    simulate_to_scratch,
    write_effects,
    write_exposure,
    write_exposure_list,
    write_pixels,
)
from sediff.sim.gaia_columns import write_archive_shards
from sediff.sim.hotpixels import dark_rate
from sediff.sim.options import NightOptions
from sediff.sim.plan import SimExposure, make_plan
from sediff.sim.scene import Scene, make_scene, true_wcs, view_of
from sediff.sim.truth import exposure_table, psf_table, streak_table, transient_tables, wcs_table


def simulate_night(root: Path, options: NightOptions, workers: int = 1,
                   say: Callable[[str], None] = lambda line: None) -> None:
    """Write a simulated night under `root`, the top of a work tree.

    Parameters
    ----------
    root : Path
        Gets dts/, refcat/, truth/, exposures.list and calibrations.list.
    options : NightOptions
    workers : int
        Processes; the files do not depend on it.
    say : callable
        Gets a line as each file is done.
    """
    facts, plan = read_facts(options.band, options.instrument), make_plan(options)
    scene = make_scene(options, plan, facts.tpv, facts.colour_term, facts.light_curve)
    if options.gaia_columns == 'errors':
        write_shards(root / 'refcat', scene.gaia)
    else:
        write_archive_shards(root / 'refcat', scene.gaia, options.gaia_columns)
    write_exposure_list(root / 'exposures.list', [each for each in plan if each.role in ('search', 'template')])
    write_exposure_list(root / 'calibrations.list', [each for each in plan if each.role not in ('search', 'template')])
    say(f'sky: {scene.stars.size} stars, {scene.gaia.size} of them in refcat; {scene.galaxies.size} galaxies; '
        f'{scene.transients.size} transients')
    tasks = {each.expnum: make_tasks(options, facts, scene, each) for each in plan}
    with tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=root) as scratch:
        run = _run_here if workers <= 1 else _run_pool
        truths = run(root, plan, tasks, Path(scratch), facts, workers, say)
    write_truth(root / 'truth', options, scene, plan, facts, truths)
    say(f'truth: {root / "truth"}')


def make_tasks(options: NightOptions, facts: Facts, scene: Scene, exposure: SimExposure) -> list[CcdTask]:
    """The CCDs of an exposure."""
    tasks, table = [], {int(row['ccdnum']): row for row in ccd_table(options.instrument)}
    for ccd in options.ccds:
        tpv = facts.tpv[ccd]
        header = extension_header(facts.cards, table[ccd], tpv, exposure.commanded) if facts.cards \
            else plain_header(options.instrument.detector(ccd), tpv, exposure.commanded)
        view = view_of(scene, exposure, true_wcs(tpv, exposure.true), options.shape_of(ccd)) if exposure.on_sky else None
        tasks.append(CcdTask(options.seed, exposure, ccd, header, tpv, view, options.cosmics,
                             options.effects))
    return tasks


def _run_here(root, plan, tasks, scratch, facts, workers, say) -> list[CcdTruth]:
    truths = []
    for exposure in plan:
        truths += [simulate_to_scratch(task, scratch) for task in tasks[exposure.expnum]]
        say(f'{exposure.role}: {write_exposure(root, exposure, tasks[exposure.expnum], scratch, facts)}')
    return truths


def _run_pool(root, plan, tasks, scratch, facts, workers, say) -> list[CcdTruth]:
    """CCDs first come first served; an exposure is written as soon as its last CCD is done."""
    truths: dict[tuple[int, int], CcdTruth] = {}
    exposures = {each.expnum: each for each in plan}
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context('spawn')) as pool:
        pending: dict[Future, Any] = {pool.submit(simulate_to_scratch, task, scratch): task
                                      for each in plan for task in tasks[each.expnum]}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                task = pending.pop(future)
                if isinstance(task, SimExposure):
                    say(f'{task.role}: {future.result()}')
                    continue
                expnum = task.exposure.expnum
                truths[expnum, task.ccdnum] = future.result()
                if all((expnum, other.ccdnum) in truths for other in tasks[expnum]):
                    written = pool.submit(write_exposure, root, exposures[expnum], tasks[expnum], scratch, facts)
                    pending[written] = exposures[expnum]
    return [truths[each.expnum, task.ccdnum] for each in plan for task in tasks[each.expnum]]


def write_truth(folder: Path, options: NightOptions, scene: Scene, plan: list[SimExposure], facts: Facts,
                truths: list[CcdTruth]) -> None:
    """Write every table of the truth."""
    shapes = {ccd: options.shape_of(ccd) for ccd in options.ccds}
    hot = {ccd: dark_rate(options.seed, ccd, shape) for ccd, shape in shapes.items() if 'hotpixels' in options.effects}
    bad = {ccd: bad_pixel_table(detector_of(options.seed, ccd, shape), hot.get(ccd)) for ccd, shape in shapes.items()}
    transients, epochs = transient_tables(scene, plan, facts.tpv, truths, bad)
    write_csv(folder / 'exposures.csv', exposure_table(plan))
    write_csv(folder / 'wcs.csv', wcs_table(plan, facts.tpv, options.ccds))
    write_csv(folder / 'transients.csv', transients)
    write_csv(folder / 'transient_epochs.csv', epochs)
    write_csv(folder / 'streaks.csv', streak_table(truths))
    write_csv(folder / 'psf.csv', psf_table(truths))
    errors = [name for name in scene.stars.dtype.names or () if name.endswith('_error')]
    stars = pd.DataFrame(scene.stars).drop(columns=errors)
    stars['mag'] = scene.star_mag
    if np.any(scene.star_change):
        stars['change'] = scene.star_change     # mag, in the search exposure
    write_table(folder / 'stars.fits', stars)
    write_table(folder / 'galaxies.fits', pd.DataFrame(scene.galaxies))
    epochs_of_stars = pd.DataFrame(np.concatenate([each.stars for each in truths]))
    write_table(folder / 'star_epochs.fits', epochs_of_stars.drop(columns='snr_ideal'))
    for each in truths:
        write_pixels(folder / f'pixels_{each.expnum:08d}_{each.ccdnum:02d}.fits', each.pixels)
    write_effects(folder, {ccd: effects_of(options.seed, options.instrument.detector(ccd), options.effects)
                           for ccd in options.ccds})
    for ccd, rate in hot.items():
        write_images(folder / f'dark_rate_{ccd:02d}.fits', [('SCI', rate, Header({'CCDNUM': ccd, 'BUNIT': 'electron/s'}))])
    for ccd, table in bad.items():
        write_pixels(folder / f'bad_pixels_{ccd:02d}.fits', table)
