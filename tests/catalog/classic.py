"""A simulated CCD with its truth, and source-extractor and psfex run on it."""
from __future__ import annotations

import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import fitsio
import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.sim.mixtures import moffat_mixture, sersic_mixture
from sediff.sim.optics import PsfField
from sediff.sim.render import add_galaxies, add_stars

SKY_SIGMA = 42.0
SATURATE = 170000.0
#: Diameter (pixels) of the circle with the area of 31 x 31 pixels: psfex scales its model to the flux in an aperture,
#: ours is scaled to its 31 x 31 planes, and a comparison needs the same flux to be meant.
APERTURE = 31.0 * 2.0 / np.pi ** 0.5
#: Columns asked of source-extractor; the last three only where SPREAD_MODEL is wanted.
PSF_STARS = ('VIGNET(35,35)', 'X_IMAGE', 'Y_IMAGE', 'FLUX_RADIUS', 'SNR_WIN', 'FLUX_APER(1)', 'FLUXERR_APER(1)',
             'ELONGATION', 'FLAGS', 'IMAFLAGS_ISO', 'FLUX_MAX')
FINAL = ('NUMBER', 'X_IMAGE', 'Y_IMAGE', 'XWIN_IMAGE', 'YWIN_IMAGE', 'ERRAWIN_IMAGE', 'ALPHAWIN_J2000', 'DELTAWIN_J2000',
         'FLUX_AUTO', 'FLUXERR_AUTO', 'MAG_AUTO', 'MAGERR_AUTO', 'FLUX_APER({count})', 'FLUXERR_APER({count})',
         'FLUX_RADIUS', 'KRON_RADIUS', 'FLUX_MAX', 'FWHM_IMAGE', 'FWHM_WORLD', 'A_IMAGE', 'B_IMAGE', 'THETA_IMAGE',
         'ISOAREA_IMAGE', 'CLASS_STAR', 'FLAGS', 'IMAFLAGS_ISO', 'FLUX_PSF', 'FLUXERR_PSF', 'MAG_PSF', 'MAGERR_PSF',
         'FWHMPSF_IMAGE')
SPREAD = ('SPREAD_MODEL', 'SPREADERR_MODEL')
EXTRACTOR = """CATALOG_TYPE FITS_LDAC
DETECT_MINAREA 6
ANALYSIS_THRESH 1.5
FILTER Y
FILTER_NAME filter.conv
DEBLEND_NTHRESH 32
WEIGHT_TYPE MAP_WEIGHT
WEIGHT_IMAGE weight.fits
WEIGHT_GAIN N
RESCALE_WEIGHTS N
FLAG_IMAGE flag.fits
SATUR_KEY SATURATE
GAIN 1.0
GAIN_KEY NOSUCHKEY
MAG_ZEROPOINT 25.0
PIXEL_SCALE 0
SEEING_FWHM {seeing:.3f}
STARNNW_NAME {network}
BACK_TYPE MANUAL
BACK_VALUE 0.0
PHOT_APERTURES {apertures}
MEMORY_OBJSTACK 10000
MEMORY_PIXSTACK 3000000
PSF_NAME first.psf
NTHREADS 1
VERBOSE_TYPE QUIET
WRITE_XML N
"""
PSFEX = """BASIS_TYPE PIXEL_AUTO
PSF_SIZE 31,31
PSFVAR_KEYS X_IMAGE,Y_IMAGE
PSFVAR_GROUPS 1,1
PSFVAR_DEGREES 2
PSF_ACCURACY 0.01
CHECKPLOT_DEV NULL
CHECKPLOT_TYPE NONE
CHECKIMAGE_TYPE NONE
OUTCAT_TYPE NONE
VERBOSE_TYPE QUIET
WRITE_XML N
NTHREADS 1
"""


@dataclass
class Truth:
    """What is on a simulated CCD: 0-based positions, fluxes in electrons, which are stars."""

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    star: np.ndarray
    psf: PsfField


def simulated_ccd(shape: tuple[int, int] = (4096, 2048), stars: int = 1050, galaxies: int = 4300, seed: int = 5,
                  fwhm: float = 4.2, reach: tuple[float, float] = (2000.0, 2e6)) -> tuple[CcdImage, Truth]:
    """A sky-subtracted CCD with a varying Moffat PSF (beta 3.5), discs and spheroids; gain 1."""
    rng = np.random.default_rng(seed)
    total = stars + galaxies
    x, y = rng.uniform(0, shape[1] - 1, total), rng.uniform(0, shape[0] - 1, total)
    star = np.arange(total) < stars
    low, high = reach
    uniform = rng.uniform(size=total)
    slope = np.where(star, 0.5, 0.9)
    flux = (low ** -slope - uniform * (low ** -slope - np.where(star, high, 0.1 * high) ** -slope)) ** (-1.0 / slope)
    psf = PsfField(fwhm * np.array([1.0, 0.02, -0.015, 0.01, 0.0, -0.01]), np.array([0.01, 0.02, -0.01]),
                   np.array([-0.02, 0.01, 0.015]), shape)
    image = np.zeros(shape, np.float32)
    add_stars(image, psf, x[star], y[star], flux[star])
    radius = np.clip(2.2 * np.exp(rng.normal(0.0, 0.4, galaxies)) * (flux[~star] / 3000.0) ** 0.15, 0.8, 12.0)
    profiles = [(sersic_mixture(1.0), sersic_mixture(4.0))[int(k)] for k in rng.uniform(size=galaxies) < 0.25]
    add_galaxies(image, psf, moffat_mixture(), x[~star], y[~star], flux[~star], _shapes(rng, radius), profiles)
    noise = rng.standard_normal(shape, dtype=np.float32) * np.sqrt(SKY_SIGMA ** 2 + np.maximum(image, 0.0))
    saturated = image + noise > SATURATE
    image += noise - _sky(image + noise)
    weight = np.where(saturated, 0.0, SKY_SIGMA ** -2).astype(np.float32)
    ccd = CcdImage(image, np.where(saturated, 2, 0).astype(np.uint16), weight, _header(fwhm))
    return ccd, Truth(x, y, flux, star, psf)


def _sky(image: np.ndarray) -> np.float32:
    """What a sky estimate makes of the wings and of what is too faint to be seen."""
    sample = image[::3, ::3].ravel()
    for _ in range(6):
        sample = sample[np.abs(sample - np.median(sample)) < 2.5 * SKY_SIGMA]
    return np.float32(np.median(sample))


def _shapes(rng: np.random.Generator, radius: np.ndarray) -> np.ndarray:
    """Covariances (n, 2, 2) of galaxies of given half-light radii and random axis ratios and angles."""
    ratio, angle = rng.uniform(0.3, 1.0, radius.size), rng.uniform(0, np.pi, radius.size)
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
    axes = radius[:, None] ** 2 * np.stack([1.0 / ratio, ratio], -1)
    return np.einsum('nij,nj,nkj->nik', rotation, axes, rotation)


def _header(fwhm: float) -> Header:
    return Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 1024.0, 'CRPIX2': 2048.0, 'CRVAL1': 30.0,
                   'CRVAL2': -20.0, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': 7.3e-5, 'CD2_2': 0.0, 'SATURATE': SATURATE,
                   'FWHM': fwhm})


def programs() -> bool:
    """Whether both programs are installed."""
    return shutil.which('source-extractor') is not None and shutil.which('psfex') is not None


def run_classic(folder: Path, ccd: CcdImage, apertures: tuple[float, ...], spread: bool, threshold: float = 1.5,
                bright: float = 10.0) -> tuple[np.ndarray, dict[str, float]]:
    """source-extractor, psfex and source-extractor in `folder`: the catalogue and the CPU seconds of each."""
    fwhm = float(ccd.header['FWHM'])
    _inputs(folder, ccd, fwhm, apertures)
    _columns(folder / 'first.param', PSF_STARS)
    final = tuple(name.format(count=len(apertures)) for name in FINAL)
    _columns(folder / 'final.param', final + (SPREAD if spread else ()))
    first = ['source-extractor', 'image.fits', '-c', 'classic.sex', '-CATALOG_NAME', 'first.cat', '-PARAMETERS_NAME',
             'first.param', '-DETECT_THRESH', str(bright), '-PHOT_APERTURES', f'{APERTURE:.1f}', '-DEBLEND_MINCONT', '0.005']
    final = ['source-extractor', 'image.fits', '-c', 'classic.sex', '-CATALOG_NAME', 'final.cat', '-PARAMETERS_NAME',
             'final.param', '-DETECT_THRESH', str(threshold), '-DEBLEND_MINCONT', '0.001']
    seconds = {'source-extractor (stars)': _timed(folder, first),
               'psfex': _timed(folder, ['psfex', 'first.cat', '-c', 'classic.psfex']),
               'source-extractor (catalogue)': _timed(folder, final)}
    return fitsio.read(str(folder / 'final.cat'), ext=2), seconds


def _inputs(folder: Path, ccd: CcdImage, fwhm: float, apertures: tuple[float, ...]) -> None:
    ccd.header.tofile(folder / 'header.txt', sep='\n', padding=False, overwrite=True)
    cards = fitsio.FITSHDR([{'name': card.keyword, 'value': card.value} for card in ccd.header.cards])
    for name, plane in (('image', ccd.image), ('weight', ccd.weight), ('flag', ccd.mask.astype(np.int16))):
        fitsio.write(str(folder / f'{name}.fits'), plane, header=cards, clobber=True)
    side = np.arange(-4, 5)
    kernel = np.exp(-0.5 * (np.hypot(side[:, None], side) * 2.3548 / fwhm) ** 2)
    rows = '\n'.join(' '.join(f'{value:.6f}' for value in row) for row in kernel)
    (folder / 'filter.conv').write_text(f'CONV NORM\n{rows}\n')
    network = '/usr/share/source-extractor/default.nnw'
    text = EXTRACTOR.format(seeing=fwhm * 0.2628, network=network, apertures=','.join(f'{a:g}' for a in apertures))
    (folder / 'classic.sex').write_text(text)
    (folder / 'classic.psfex').write_text(PSFEX)


def _columns(path: Path, names: tuple[str, ...]) -> None:
    path.write_text('\n'.join(names) + '\n')


def _timed(folder: Path, command: list[str]) -> float:
    """Run a program on one thread; its CPU seconds (user and system)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {'PATH': '/usr/bin:/bin', 'HOME': str(folder), 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{command[0]} failed: {done.stderr[-2000:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
