"""Files of a simulated night: tables of facts in; raw exposures, reference stars, exposure lists and truth out."""
from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.camera.amplifiers import read_amplifiers
from sediff.camera.catalogs import catalog_path
from sediff.errors import BadInput
from sediff.io.atomic import write_text
from sediff.io.brighterfatter import write_border_shifts
from sediff.io.crosstalk import read_crosstalk
from sediff.io.fits import write_images
from sediff.io.linearity import write_linearity
from sediff.io.opening import write_fits
from sediff.io.raw import write_raw
from sediff.io.refcat import read_colour_terms
from sediff.isr.crosstalk import CrosstalkTable, needed_sources, readout_arrays
from sediff.names import raw_path
from sediff.sim.cards import Card, primary_header
from sediff.sim.detector import detector_of
from sediff.sim.effects import Effects
from sediff.sim.exposure import CcdTask, CcdTruth, simulate_ccd
from sediff.sim.options import READOUT, generator
from sediff.sim.plan import PROPOSAL, SimExposure
from sediff.sim.readout import add_crosstalk, read_out

LIST_COLUMNS = 'expnum nite mjd_obs radeg decdeg band exptime propid obstype t_eff object'


@dataclass(frozen=True)
class Facts:
    """The tables the simulator starts from."""

    cards: list[Card]
    tpv: dict[int, Mapping]
    crosstalk: CrosstalkTable
    colour_term: dict
    light_curve: np.ndarray


def read_facts(band: str) -> Facts:
    """Read raw_cards.csv, tpv.csv, crosstalk.csv, colour_terms.json and at2017gfo.csv of the catalogs folder.

    Raises
    ------
    BadInput
        One is missing or lacks what is needed.
    """
    terms = read_colour_terms(catalog_path('colour_terms.json'))
    if band == 'Y':
        terms = terms | {'Y': _gaia_to_y(terms)}
    if terms.get(band, {}).get('base') not in ('G', 'BP'):
        raise BadInput(f'{catalog_path("colour_terms.json")} has no Gaia relation for band {band}')
    cards = [tuple(row[name] for name in ('part', 'keyword', 'value', 'comment')) for row in _rows('raw_cards.csv')]
    text = ('detpos', 'detector')
    tpv = {int(row['ccdnum']): {name: value if name in text else float(value) for name, value in row.items()}
           for row in _rows('tpv.csv')}
    curve = [(row['band'], float(row['days']), float(row['abs_mag'])) for row in _rows('at2017gfo.csv')]
    return Facts(cards, tpv, read_crosstalk(catalog_path('crosstalk.csv')), terms[band],
                 np.array(curve, [('band', 'U2'), ('days', 'f8'), ('abs_mag', 'f8')]))


def _gaia_to_y(terms: Mapping[str, dict]) -> dict:
    """Gaia to Y: the relation of Y with z and i - z, with the relations of i and z put in."""
    constant, slope = terms['Y']['c']
    red, reddest = (np.pad(np.array(terms[band]['c']), (0, 13 - len(terms[band]['c']))) for band in 'iz')
    together = reddest + slope * (red - reddest)
    together[0] += constant
    return terms['z'] | {'c': together.tolist()}


def _rows(name: str) -> list[dict[str, str]]:
    with catalog_path(name).open(encoding='utf-8', newline='') as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith('#')))


def simulate_to_scratch(task: CcdTask, scratch: Path) -> CcdTruth:
    """Simulate a CCD and leave its counts in the scratch folder."""
    counts, truth = simulate_ccd(task, detector_of(task.seed, task.ccdnum))
    np.save(_scratch_path(scratch, task), counts)
    return truth


def write_exposure(root: Path, exposure: SimExposure, tasks: Sequence[CcdTask], scratch: Path, facts: Facts) -> Path:
    """Read out the CCDs of an exposure together (crosstalk) and write the raw file; their scratch files go."""
    counts = {task.ccdnum: np.load(_scratch_path(scratch, task), mmap_mode='r') for task in tasks}
    amplifiers = {task.ccdnum: read_amplifiers(task.header) for task in tasks}
    ccds = []
    for task in tasks:
        number, sources = task.ccdnum, {}
        for other in needed_sources(number, facts.crosstalk) & set(counts):
            sources.update(readout_arrays(np.asarray(counts[other]), other, amplifiers[other]))
        image = add_crosstalk(np.asarray(counts[number]), number, amplifiers[number], sources, facts.crosstalk)
        rng = generator(task.seed, READOUT, exposure.expnum, number)
        pixels = read_out(rng, image, detector_of(task.seed, number).bias, amplifiers[number])
        ccds.append((str(task.tpv['detpos']), pixels, task.header))
    path = raw_path(root, exposure.nite, exposure.expnum)
    write_raw(path, primary_header(facts.cards, exposure, len(ccds)), ccds)
    for task in tasks:
        _scratch_path(scratch, task).unlink()
    return path


def write_exposure_list(path: Path, exposures: Sequence[SimExposure]) -> None:
    """Write exposures in the columns of DES-GW's exposures.list."""
    lines = [LIST_COLUMNS]
    for each in exposures:
        effective = f'{each.effective_time:.3f}' if each.on_sky else 'nan'
        lines.append(f'{each.expnum} {each.nite} {each.mjd:.8f} {each.commanded.ra:.6f} {each.commanded.dec:.6f} '
                     f'{each.band} {each.exptime:.1f} {PROPOSAL} {each.obstype.replace(" ", "_")} {effective} '
                     f'{each.object_name.replace(" ", "_")}')
    write_text(path, '\n'.join(lines) + '\n')


def write_pixels(path: Path, pixels: np.ndarray) -> None:
    """Write a table of pixels (x, y, kind) as FITS."""
    with write_fits(path) as handle:
        handle.write(pixels, extname='PIXELS')


def write_effects(folder: Path, effects: Mapping[int, Effects]) -> None:
    """Write the truth of the effects as the tables and images that the corrections read: linearity.csv, brighter_fatter.csv,
    tape_bumps.csv, and the star flat (the inverse of the dome lamp's pattern) of each CCD."""
    curves = {ccd: each.linearity for ccd, each in effects.items() if each.linearity}
    if curves:
        write_linearity(folder / 'linearity.csv', curves, 'True linearity of the simulated amplifiers')
    shifts = [each.border_shifts for each in effects.values() if each.border_shifts is not None]
    if shifts:
        write_border_shifts(folder / 'brighter_fatter.csv', shifts[0], 'True brighter-fatter effect of the simulated CCDs')
    boxes = [f'{ccd},{",".join(map(str, box))}' for ccd, each in effects.items() for box in each.tape_bumps]
    if boxes:
        write_text(folder / 'tape_bumps.csv', '\n'.join(['ccdnum,x0,x1,y0,y1', *boxes]) + '\n')
    for ccd, each in effects.items():
        if each.illumination is not None:
            flat = 1.0 / each.illumination
            header = Header({'CCDNUM': ccd, 'OBSTYPE': 'starflat'})
            write_images(folder / f'starflat_c{ccd:02d}.fits', [('SCI', (flat / flat.mean()).astype(np.float32), header)])


def _scratch_path(scratch: Path, task: CcdTask) -> Path:
    return Path(scratch) / f'{task.exposure.expnum:08d}_{task.ccdnum:02d}.npy'
