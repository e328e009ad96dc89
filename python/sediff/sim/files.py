"""Files of a simulated night: tables of facts in; raw exposures, reference stars, exposure lists and truth out."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.catalogs import catalog_path
from sediff.csvtable import read_csv_rows
from sediff.errors import BadInput
from sediff.formats.atomic import write_text
from sediff.formats.brighterfatter import write_border_shifts
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.fits import write_images
from sediff.formats.linearity import write_linearity
from sediff.formats.opening import write_fits
from sediff.formats.raw import write_raw
from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.base import Instrument, table_path
from sediff.instruments.focalplane import model_row
from sediff.instruments.load import default_instrument
from sediff.instruments.rawfiles import file_a_detector
from sediff.instruments.translate import camera_cards
from sediff.isr.crosstalk import CrosstalkTable, needed_sources, readout_arrays
from sediff.refcat.lookup import read_colour_terms
from sediff.repository.names import raw_path
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


def read_facts(band: str, instrument: Instrument | None = None) -> Facts:
    """Read the instrument's colour_terms.json, its camera model, raw_cards.csv and crosstalk.csv where it has them, and
    at2017gfo.csv of the catalogs folder.

    Raises
    ------
    BadInput
        One is missing or lacks what is needed.
    """
    instrument = instrument or default_instrument()
    terms = read_colour_terms(table_path(instrument, 'colour_terms.json'))
    if isinstance(terms.get(terms.get(band, {}).get('base')), Mapping):
        terms = terms | {band: _from_gaia(terms, band)}
    if terms.get(band, {}).get('base') not in ('G', 'BP'):
        raise BadInput(f'{table_path(instrument, "colour_terms.json")} has no Gaia relation for band {band}')
    raw_cards, crosstalk = _own(instrument, 'raw_cards.csv'), _own(instrument, 'crosstalk.csv')
    cards = [(row['part'], row['keyword'], row['value'], row['comment'])
             for row in (read_csv_rows(raw_cards, 'a table of cards') if raw_cards else [])]
    text = ('detpos', 'detector')
    models = {ccd: row for ccd in instrument.ccds if (row := model_row(ccd, instrument)) is not None}
    tpv: dict[int, Mapping] = {
        ccd: {name: value if name in text else float(value) for name, value in row.items() if value}
        for ccd, row in models.items()}
    curve = [(row['band'], float(row['days']), float(row['abs_mag']))
             for row in read_csv_rows(catalog_path('at2017gfo.csv'), 'a light curve')]
    return Facts(cards, tpv, read_crosstalk(crosstalk, instrument.ccds) if crosstalk else {}, terms[band],
                 np.array(curve, [('band', 'U2'), ('days', 'f8'), ('abs_mag', 'f8')]))


def _from_gaia(terms: Mapping[str, dict], band: str) -> dict:
    """Gaia to a band whose relation is with another band (Y: with z and i - z), with the relations of those put in."""
    (constant, slope), base = terms[band]['c'], terms[band]['base']
    red, reddest = (np.pad(np.array(terms[each]['c']), (0, 13 - len(terms[each]['c'])))
                    for each in (terms[band].get('blue', 'i'), base))
    together = reddest + slope * (red - reddest)
    together[0] += constant
    return terms[base] | {'c': together.tolist()}


def _own(instrument: Instrument, name: str) -> Path | None:
    """A table that an instrument may have."""
    try:
        return table_path(instrument, name)
    except BadInput:
        return None


def simulate_to_scratch(task: CcdTask, scratch: Path) -> CcdTruth:
    """Simulate a CCD and leave its counts in the scratch folder."""
    counts, truth = simulate_ccd(task, detector_of(task.seed, task.ccdnum, task.shape))
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
        pixels = read_out(rng, image, detector_of(task.seed, number, task.shape).bias, amplifiers[number])
        detector = exposure.instrument.detector(number)
        ccds.append((number, (detector.name, pixels, camera_cards(task.header, exposure.instrument, detector))))
    path = raw_path(root, exposure.nite, exposure.expnum, exposure.instrument)
    primary = camera_cards(primary_header(facts.cards, exposure, len(ccds)), exposure.instrument)
    if file_a_detector(exposure.instrument):
        for number, one in ccds:
            path = raw_path(root, exposure.nite, exposure.expnum, exposure.instrument, number)
            write_raw(path, primary, [one])
    else:
        write_raw(path, primary, [one for _, one in ccds])
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
