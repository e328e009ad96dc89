#!/usr/bin/env python3
"""CPU seconds of the customary programs on the CCD of `make bench`, beside our whole command on it.

    SEDIFF_BENCH_NIGHT=FOLDER python tests/bench_chain.py        (`make bench` sets it)

FOLDER holds a finished night and `whole.json`, our seconds from raw file to candidates. Theirs start at our detrended image
(detrending, zero points, cuts and candidates are ours only): astroscrappy; source-extractor, psfex, source-extractor with
SPREAD_MODEL; scamp against the simulated stars; SWarp of the templates onto the search image; hotpants (or $HOTPANTS);
source-extractor on the difference. Programs that are not here are named, and then there is no ratio.
"""
from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import fitsio
import numpy as np
from astropy.io.fits import Header

from benchtable import NIGHT, keep
from sediff.ccdimage import CcdImage
from sediff.formats.fits import read_ccd
from sediff.formats.ldac import write_ldac
from sediff.refcat.lookup import reference_stars
from sediff.wcs.read import read_wcs

#: Search exposure of the night.
EXPNUM = '1250100'
#: Programs, under the names that they are installed by.
PROGRAMS = {'source-extractor': ('source-extractor', 'sex'), 'psfex': ('psfex',), 'scamp': ('scamp',),
            'swarp': ('SWarp', 'swarp'), 'hotpants': ('hotpants',)}
APERTURES = (6.0, 12.0, 24.0, 40.0)
SCAMP = ('-ASTREF_CATALOG FILE -ASTREFCAT_NAME stars.cat -ASTREFMAG_KEY MAG -ASTREFMAGERR_KEY MAGERR -CENTROIDERR_KEYS '
         'ERRAWIN_IMAGE,ERRAWIN_IMAGE,THETA_IMAGE -MATCH Y -DISTORT_DEGREES 3 -SOLVE_PHOTOM N -CHECKPLOT_DEV NULL '
         '-CHECKPLOT_TYPE NONE -WRITE_XML N -NTHREADS 1 -VERBOSE_TYPE QUIET').split()
SWARP = ('-IMAGEOUT_NAME coadd.fits -WEIGHTOUT_NAME coadd.weight.fits -WEIGHT_TYPE MAP_WEIGHT -COMBINE_TYPE WEIGHTED '
         '-RESAMPLING_TYPE LANCZOS3 -SUBTRACT_BACK N -NTHREADS 1 -WRITE_XML N -VERBOSE_TYPE QUIET').split()
HOTPANTS = ('-inim image.fits -tmplim coadd.fits -outim difference.fits -oni noise.fits -ini image.noise.fits -tni '
            'coadd.noise.fits -imi image.bad.fits -tmi coadd.bad.fits -il -500 -tl -500 -ng 3 6 0.7 4 1.5 2 3.0 -r 10 '
            '-rss 14 -ko 2 -bgo 2 -nsx 10 -nsy 20 -n i -v 0').split()
DETECT = ('-c /dev/null -CATALOG_NAME difference.cat -PARAMETERS_NAME difference.param -FILTER Y -FILTER_NAME filter.conv '
          '-DETECT_THRESH 1.5 -DETECT_MINAREA 5 -WEIGHT_TYPE MAP_RMS -WEIGHT_IMAGE noise.fits -VERBOSE_TYPE QUIET').split()


def main() -> int:
    """Run what is here, print seconds of each, leave the row."""
    night = Path(os.environ.get(NIGHT, ''))
    if not (night / 'whole.json').is_file():
        print(f'{NIGHT} names no night: make bench runs this')
        return 0
    ours = json.loads((night / 'whole.json').read_text())
    found = {name: next(filter(None, map(shutil.which, names)), '') for name, names in PROGRAMS.items()}
    found['hotpants'] = os.environ.get('HOTPANTS') or found['hotpants']
    found['astroscrappy'] = 'astroscrappy' if find_spec('astroscrappy') else ''
    missing = [name for name, path in found.items() if not path]
    print(''.join(f'{name}: not here, left out\n' for name in missing), end='')
    with tempfile.TemporaryDirectory() as folder:
        seconds = chain(Path(folder), night, found)
    for name, value in (*seconds.items(), ('together', sum(seconds.values())), ('ours, raw to candidates', ours['cpu'])):
        print(f'{name:<36}{value:8.2f} s')
    note = f'{sum(seconds.values()):.1f} s without {", ".join(missing)}' if missing else 'theirs from detrended images'
    keep('CCD raw -> candidates', ours['cpu'], peer='' if missing else ' + '.join(found), peak_mb=ours['peak'], note=note,
         peer_seconds=None if missing else sum(seconds.values()))
    return 0


def chain(folder: Path, night: Path, found: dict[str, str]) -> dict[str, float]:
    """CPU seconds of each program that is here, in the order of the work."""
    images = sorted((night / 'persistent').rglob('D*_immask.fits*'))
    search, *others = map(read_ccd, sorted(images, key=lambda path: path.parent.name != EXPNUM))
    seconds: dict[str, float] = {}
    if found['astroscrappy']:
        seconds['astroscrappy'] = cosmic_rays(search)
    if found['source-extractor'] and found['psfex']:
        sys.path.insert(0, str(Path(__file__).parent / 'catalog'))
        import classic
        seconds |= classic.run_classic(folder, search, APERTURES, spread=True)[1]
        if found['scamp']:
            write_stars(folder / 'stars.cat', night, search)
            seconds['scamp'] = timed(folder, [found['scamp'], 'final.cat', *SCAMP])
    if found['swarp']:
        names = [write_plain(folder, f'template{number}', ccd) for number, ccd in enumerate(others)]
        write_plain(folder, 'image', search)
        write_grid(folder / 'coadd.head', search)
        weights = ','.join(name.replace('.fits', '.weight.fits') for name in names)
        seconds['SWarp'] = timed(folder, [found['swarp'], *names, '-WEIGHT_IMAGE', weights, *SWARP])
    if found['swarp'] and found['hotpants']:
        for name in ('image', 'coadd'):
            write_noise(folder, name)
        limits = ['-iu', str(search.header['SATURATE']), '-tu', str(others[0].header['SATURATE'])]
        seconds['hotpants'] = timed(folder, [found['hotpants'], *HOTPANTS, *limits])
        if found['source-extractor']:
            (folder / 'difference.param').write_text('X_IMAGE\nY_IMAGE\nFLUX_APER\nFLUXERR_APER\nA_IMAGE\nFLAGS\n')
            seconds['source-extractor (difference)'] = timed(folder, [found['source-extractor'], 'difference.fits', *DETECT])
    return seconds



def cosmic_rays(ccd: CcdImage) -> float:
    """CPU seconds of astroscrappy on a CCD."""
    import astroscrappy
    sky = float(ccd.header['SKYBRITE'])
    before = time.process_time()
    astroscrappy.detect_cosmics(ccd.image + np.float32(sky), inmask=ccd.mask != 0, gain=1.0, readnoise=6.0,
                                satlevel=float(ccd.header['SATURATE']))
    return time.process_time() - before


def write_plain(folder: Path, name: str, ccd: CcdImage) -> str:
    """An image and its weight as plain FITS files; returns the name of the image's."""
    cards = fitsio.FITSHDR([{'name': card.keyword, 'value': card.value} for card in ccd.header.cards])
    fitsio.write(str(folder / f'{name}.fits'), ccd.image, header=cards, clobber=True)
    fitsio.write(str(folder / f'{name}.weight.fits'), ccd.weight, header=cards, clobber=True)
    return f'{name}.fits'


def write_noise(folder: Path, name: str) -> None:
    """Noise and mask of an image, from its weight, as hotpants takes them."""
    weight = fitsio.read(str(folder / f'{name}.weight.fits'))
    noise = np.where(weight > 0.0, np.maximum(weight, 1e-12) ** -0.5, 0.0).astype(np.float32)
    fitsio.write(str(folder / f'{name}.noise.fits'), noise, clobber=True)
    fitsio.write(str(folder / f'{name}.bad.fits'), (weight <= 0.0).astype(np.int16), clobber=True)


def write_grid(path: Path, ccd: CcdImage) -> None:
    """The header that SWarp takes its output's pixels from."""
    (ny, nx), starts = ccd.image.shape, ('CTYPE', 'CRVAL', 'CRPIX', 'CUNIT', 'CD', 'PV')
    head = Header([('NAXIS', 2), ('NAXIS1', nx), ('NAXIS2', ny)])
    head.extend([card for card in ccd.header.cards if card.keyword.startswith(starts)], end=True)
    path.write_text('\n'.join(card.image for card in head.cards) + '\nEND\n')


def write_stars(path: Path, night: Path, ccd: CcdImage) -> None:
    """The simulated stars around a CCD as scamp's reference catalogue."""
    stars, _ = reference_stars(night / 'refcat', read_wcs(ccd.header), ccd.image.shape, float(ccd.header['MJD-OBS']), 0.05)
    columns = {'X_WORLD': stars['ra'], 'Y_WORLD': stars['dec'], 'ERRA_WORLD': 1e-7, 'ERRB_WORLD': 1e-7,
               'ERRTHETA_WORLD': 0.0, 'MAG': stars['phot_g_mean_mag'], 'MAGERR': 0.01, 'OBSDATE': 2016.0}
    table = np.rec.fromarrays(np.broadcast_arrays(*columns.values()), names=list(columns)).view(np.ndarray)
    write_ldac(path, table, Header([('SIMPLE', True), ('BITPIX', 8), ('NAXIS', 0)]))


def timed(folder: Path, command: list[str]) -> float:
    """CPU seconds of a program on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                          env={**os.environ, 'HOME': str(folder), 'OMP_NUM_THREADS': '1'})
    if done.returncode:
        raise SystemExit(f'{" ".join(command)} failed ({done.returncode}): {(done.stdout + done.stderr)[-2000:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == '__main__':
    raise SystemExit(main())
