"""Seconds of each correction of one CCD, from raw file to detrended image, mask and weight in memory; one thread, warm.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python tests/bench_isr.py [NIGHT_DIR [CCD]]

NIGHT_DIR is a simulated night with its calibration images; without it a small one is made in a temporary folder.
"""
from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchtable import keep
from sediff.formats.calibration import file_checksum, read_calibration
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.linearity import read_linearity
from sediff.formats.raw import read_raw_rows
from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.isr import (
    badpixels,
    bias,
    bleed,
    columns,
    crosstalk,
    detrend,
    edgebleed,
    edges,
    flat,
    gain,
    halos,
    interpolate,
    linearity,
    noise,
    overscan,
    saturation,
    warm,
    weight,
)
from sediff.isr.brighterfatter import correct_brighter_fatter, power_law_shifts
from sediff.maskbits import Bit

#: Bars of the whole: seconds, and megabytes of resident memory.
SECONDS, MEGABYTES = 2.5, 700


class Clock:
    """Least CPU seconds of each correction over the rounds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, function, *arguments, **options):
        start = time.process_time()
        result = function(*arguments, **options)
        spent = time.process_time() - start
        self.seconds[name] = min(self.seconds.get(name, np.inf), spent)
        return result


def main() -> int:
    """Time every correction alone, then the stages as the flow runs them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1]) if len(sys.argv) > 1 else make_night(Path(folder))
        ccd = int(sys.argv[2]) if len(sys.argv) > 2 else 33
        files = inputs(root, ccd)
        warm()
        clock = Clock()
        for _ in range(2):
            corrections(clock, files, ccd)
        print('seconds per correction')
        for name, seconds in clock.seconds.items():
            print(f'  {name:<28}{seconds:7.3f}')
        reset_peak()
        stages = Clock()
        for _ in range(2):
            whole(stages, files, ccd)
        total, peak = sum(stages.seconds.values()), peak_mb()
        print('stages of one CCD, raw file to detrended image, mask and weight in memory')
        for name, seconds in stages.seconds.items():
            print(f'  {name:<28}{seconds:7.3f}')
        print(f'  total {total:.2f} s (bar {SECONDS}), peak {peak:.0f} MB (bar {MEGABYTES})')
    keep('raw file to image, mask, weight', total, peak_mb=peak)
    return 0 if total <= SECONDS and peak <= MEGABYTES else 1


def make_night(root: Path) -> Path:
    """A night of one CCD with its calibration images."""
    run = [sys.executable, '-m', 'sediff']
    subprocess.run([*run, 'sim', str(root), '--small', '--ccds', '33', '--templates', '0', '--workers', '1'], check=True)
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        subprocess.run([*run, 'calib', kind, '--root', str(root), '--nite', '20231115', '--ccds', '33', '--workers', '1'],
                       check=True)
    return root


def inputs(root: Path, ccd: int) -> dict[str, Path]:
    """The raw search exposure and the calibration files of a night."""
    raw = sorted((root / 'dts').glob('*/DECam_*.fits.fz'))[-1]
    kinds = ('biascor', 'norm_dflatcor', 'bpm')
    found = {kind: sorted((root / 'calib' / kind).glob(f'*c{ccd:02d}*.fits'))[0] for kind in kinds}
    return {'raw': raw, **found}


def calibrations(files: dict[str, Path], ccd: int) -> list[np.ndarray]:
    """Bias, flat and bad pixels, with the checksums that the header gets."""
    for kind in ('biascor', 'norm_dflatcor', 'bpm'):
        file_checksum(files[kind])
    return [read_calibration(files[kind], kind, ccd, None, (4096, 2048)) for kind in ('biascor', 'norm_dflatcor', 'bpm')]


def corrections(clock: Clock, files: dict[str, Path], ccd: int) -> None:
    """Each correction alone."""
    raw, header = clock('read raw', read_raw_rows, files['raw'], ccd)
    mean, response, bad = clock('read calibrations', calibrations, files, ccd)
    amplifiers, table = read_amplifiers(header), read_crosstalk(table_path(default_instrument(), 'crosstalk.csv'))
    overscans = clock('overscan', overscan.measure_overscans, raw, amplifiers)
    image = clock('trim', overscan.subtract_overscan, raw, amplifiers, overscans=overscans)
    arrays = crosstalk.readout_arrays(image, ccd, amplifiers)
    image, _ = clock('crosstalk', crosstalk.correct_crosstalk, image, ccd, amplifiers, arrays, table,
                     (np.zeros(image.shape, bool), 10.0))
    image = clock('bias', bias.subtract_bias, image, mean)
    mask = clock('saturation', saturation.mark_saturation, image, np.zeros(image.shape, np.uint16), amplifiers)
    curves = read_linearity(table_path(default_instrument(), 'linearity.csv'), 25)
    clock('linearity', linearity.linearize, image, amplifiers, curves)
    image = clock('gain', gain.apply_gain, image, amplifiers)
    clock('brighter-fatter (5 x 5)', correct_brighter_fatter, image, power_law_shifts(2, 1.5e-7))
    image, mask = clock('flat', flat.divide_flat, image, mask, response)
    mask = clock('bad pixels, edges', lambda: edges.mark_edges(badpixels.mark_bad_pixels(mask, bad)))
    image, mask, _ = clock('columns', columns.fix_columns, image, mask)
    sky = float(np.median(image[::8, ::8]))
    weights = clock('weight', weight.inverse_variance, sky, amplifiers, response)
    clock('measured noise', noise.scale_weight, image, weights, mask, amplifiers)
    mask = clock('bleed trails', bleed.mark_bleed_trails, image, mask, 6.0)
    sigma = float(np.sqrt(sky + 36.0))
    mask = clock('edge bleeds', edgebleed.mark_edge_bleeds, image, mask, amplifiers, sigma)
    mask, _ = clock('halos', halos.mark_halos, image, mask, sigma)
    clock('row interpolation', interpolate.interpolate_rows, image, mask, int(Bit.TRAIL))


def whole(clock: Clock, files: dict[str, Path], ccd: int) -> None:
    """The stages in a row, as the flow runs them, with every default."""
    table = read_crosstalk(table_path(default_instrument(), 'crosstalk.csv'))

    def first():
        raw, header = read_raw_rows(files['raw'], ccd)
        return detrend.crosstalk_stage(raw, header, {}, table, 'crosstalk.csv')
    image = clock('read, overscan, crosstalk', first)
    image = clock('pixel correction', pixel_correction, image, files, ccd)
    image = clock('bleeds, halos', detrend.mask_bleeds, image, 20, 0.5, True)
    image = clock('sky', detrend.subtract_sky, image)


def pixel_correction(image, files: dict[str, Path], ccd: int):
    """SE02: calibration files from disk, and the corrections."""
    return detrend.pixcorrect(image, *calibrations(files, ccd), more=detrend.Corrections())


def reset_peak() -> None:
    """Start the peak of the resident memory anew."""
    Path('/proc/self/clear_refs').write_text('5', encoding='ascii')


def peak_mb() -> float:
    """Peak of the resident memory since `reset_peak`."""
    lines = Path('/proc/self/status').read_text(encoding='ascii').splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024


if __name__ == '__main__':
    sys.exit(main())
