"""Seconds, memory and quality of the subtraction on a simulated CCD, beside HOTPANTS and SWarp where they are found.

    python tests/bench_subtract.py [--out FOLDER] [--seed N] [--repeat N]

One thread. HOTPANTS is looked for at $HOTPANTS, then on PATH; SWarp on PATH. Results go to FOLDER (bench_results) as
JSON and as a PNG. Ratios compare CPU seconds of the same run.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import gaussian_filter, label, map_coordinates
from scipy.signal import oaconvolve

from benchtable import keep, machine

ONE_THREAD = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS'), '1')
SHAPE, GAIN, READ_NOISE = (4096, 2048), 4.0, 7.0
SKY, FULL, FWHM, SCALE, BETA = (2000.0, 300.0), (45000.0, 34000.0), (4.5, 3.8), 1.3, 3.5
FLAGS = ('-inim science.fits -tmplim template.fits -imi science_mask.fits -tmi template_mask.fits -iu 45000 -tu 34000 '
         '-il -100 -tl -100 -ig 4 -ir 7 -tg 4 -tr 7 -n i').split()
HOTPANTS_FLAGS = '-ng 3 6 0.7 4 1.5 2 3.0 -r 10 -rss 14 -ko 2 -bgo 2 -nsx 10 -nsy 20 -c t -v 0'.split()


def profile(x, y, fwhm):
    """Moffat of unit flux at offsets x, y, px."""
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / BETA) - 1))
    return (BETA - 1) / (np.pi * alpha**2) * (1 + (x * x + y * y) / alpha**2) ** -BETA


def add_stars(image, x, y, flux, fwhm):
    """Add Moffat stars in place, out to where each falls below 0.2 units."""
    for u, v, f, width in zip(x, y, flux, fwhm):
        radius = int(np.clip(3.0 * width * (f / 2e3) ** (1 / (2 * BETA)), 15, 200))
        low_x, low_y = max(0, int(u) - radius), max(0, int(v) - radius)
        part = image[low_y:int(v) + radius + 1, low_x:int(u) + radius + 1]
        rows, columns = np.mgrid[low_y:low_y + part.shape[0], low_x:low_x + part.shape[1]]
        part += f * profile(columns - u, rows - v, width)


def make_pair(folder: Path, seed: int, jitter: float = 0.05, scale: float = 150.0) -> dict:
    """A CCD pair with varying PSFs and a registration error, written to `folder`; its truth."""
    rng = np.random.default_rng(seed)
    ny, nx = SHAPE
    n, sources = 3500, 80
    x, y = rng.uniform(0, nx, n), rng.uniform(0, ny, n)
    flux = 10 ** (2.6 + rng.exponential(0.62, n)).clip(0, 1e7)
    flux = np.minimum(flux, 4e6)
    tx, ty = rng.uniform(50, nx - 50, sources), rng.uniform(50, ny - 50, sources)
    signal = 10 ** rng.uniform(np.log10(5), np.log10(50), sources)
    far = np.array([np.hypot(x - a, y - b)[flux > 2e5].min() > 60 and np.hypot(x - a, y - b).min() > 12
                    for a, b in zip(tx, ty)])
    tx, ty, signal = tx[far], ty[far], signal[far]
    noise = np.sqrt(SKY[0] / GAIN + 3 + 0.12 * SCALE**2 * (SKY[1] / GAIN + 3))
    true_flux = signal * noise * np.sqrt(1 / np.sum(profile(*np.mgrid[-15:16, -15:16], FWHM[0]) ** 2))
    fields = [gaussian_filter(rng.standard_normal((ny // 32 + 2, nx // 32 + 2)), scale / 32, mode='wrap') for _ in range(2)]
    dx, dy = (jitter * map_coordinates(f / f.std(), [y / 32, x / 32], order=3, mode='nearest') for f in fields)
    u, v = 2 * x / nx - 1, 2 * y / ny - 1
    truth = {'x': tx, 'y': ty, 'flux': true_flux, 'snr': signal, 'star_x': x, 'star_y': y, 'star_flux': flux}
    for k, name in enumerate(('science', 'template')):
        light = np.zeros(SHAPE)
        shape = 1 + (0.03 * u - 0.02 * v + 0.02 * u * u if k == 0 else -0.018 * u + 0.025 * v)
        add_stars(light, x + k * dx, y + k * dy, flux / (SCALE if k else 1.0), FWHM[k] * shape)
        if k == 0:
            place = 2 * tx / nx - 1, 2 * ty / ny - 1
            truth['fwhm'] = FWHM[0] * (1 + 0.03 * place[0] - 0.02 * place[1] + 0.02 * place[0] ** 2)
            add_stars(light, tx, ty, true_flux, truth['fwhm'])
        light += SKY[k] + (0 if k else 30) * np.linspace(-1, 1, nx)
        pixels = (rng.poisson(GAIN * light) + READ_NOISE * rng.standard_normal(SHAPE)) / GAIN
        header = fits.Header({'GAIN': GAIN, 'RDNOISE': READ_NOISE, 'SATURATE': FULL[k], 'CTYPE1': 'RA---TAN',
                              'CTYPE2': 'DEC--TAN', 'CRVAL1': 150.0, 'CRVAL2': 2.0, 'CRPIX1': nx / 2, 'CRPIX2': ny / 2,
                              'CD1_1': -7.3e-5, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': 7.3e-5})
        mask = (pixels > FULL[k]).astype(np.uint8)
        fits.writeto(folder / f'{name}.fits', np.minimum(pixels, FULL[k]).astype(np.float32), header, overwrite=True)
        fits.writeto(folder / f'{name}_mask.fits', mask, header, overwrite=True)
    return truth


def measured(command: list[str], folder: Path) -> dict:
    """CPU and wall seconds and peak memory of a command; the least of its runs is the caller's business."""
    start = time.time()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=os.environ | ONE_THREAD)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'{command[0]} failed with code {process.returncode}: {" ".join(command)}')
    return {'cpu_s': usage.ru_utime + usage.ru_stime, 'wall_s': time.time() - start, 'peak_mb': usage.ru_maxrss / 1024}


def least(runs: list[dict]) -> dict:
    """The smallest of each figure."""
    return {key: round(min(run[key] for run in runs), 3) for key in runs[0]}


WARM = '''
import importlib, json, sys, time
command = importlib.import_module(f'sediff.cli.{sys.argv[1]}')
out = []
for _ in range(int(sys.argv[2]) + 1):
    cpu, wall = time.process_time(), time.time()
    command.run_argv(sys.argv[3:])
    out.append({'cpu_s': time.process_time() - cpu, 'wall_s': time.time() - wall})
json.dump(out[1:], open('warm.json', 'w'))
'''


DETECT = """
import json, time
import numpy as np
from sediff.detect import detect
from sediff.formats.fits import read_image

def psf_at(x, y, size):
    rows, columns = np.mgrid[:size, :size] - size // 2
    shape = (1 + ((columns - x + np.floor(x + 0.5))**2 + (rows - y + np.floor(y + 0.5))**2) / 20.0) ** -3.5
    return shape / shape.sum()

image, noise, bad = (read_image(f'ours{end}.fits')[0] for end in ('', '_noise', '_mask'))
for _ in range(2):
    cpu, wall = time.process_time(), time.time()
    found = detect(image, noise**2, bad != 0, psf_at)
    took = {'cpu_s': time.process_time() - cpu, 'wall_s': time.time() - wall}
json.dump({**took, 'detections': len(found)}, open('detect.json', 'w'))
"""


def detection(folder: Path) -> dict:
    """Ours and, where it is installed, source-extractor's detection on the difference that was made before."""
    subprocess.run([sys.executable, '-c', DETECT], cwd=folder, check=True, env=os.environ | ONE_THREAD)
    results = {'detect, warm in memory': json.loads((folder / 'detect.json').read_text())}
    program = shutil.which('source-extractor') or shutil.which('sex')
    if program:
        (folder / 'd.param').write_text('X_IMAGE\nY_IMAGE\nFLUX_APER\nFLUXERR_APER\nA_IMAGE\nB_IMAGE\nFLAGS\n')
        flags = ('-c /dev/null -CATALOG_NAME d.cat -PARAMETERS_NAME d.param -FILTER N -DETECT_THRESH 1.5 '
                 '-WEIGHT_TYPE MAP_RMS -WEIGHT_IMAGE ours_noise.fits -VERBOSE_TYPE QUIET').split()
        results['source-extractor'] = measured([program, 'ours.fits', *flags], folder)
        ours = results['detect, warm in memory']
        ours['peer_over_this_cpu_s'] = round(results['source-extractor']['cpu_s'] / ours['cpu_s'], 2)
    return results


def judge(difference: np.ndarray, noise: np.ndarray, bad: np.ndarray, truth: dict) -> dict:
    """Referee-like metrics: noise of the sky, residual of stars, sources found, false detections, flux bias."""
    chi = np.where(bad, 0.0, difference / noise)
    inner = np.zeros(SHAPE, bool)
    inner[24:-24, 24:-24] = True
    free = inner & ~bad
    for x, y, flux in zip(truth['star_x'], truth['star_y'], truth['star_flux']):
        r = int(np.clip(4 + 3 * np.log10(max(flux, 10)) ** 1.2, 10, 60))
        free[max(0, int(y) - r):int(y) + r + 1, max(0, int(x) - r):int(x) + r + 1] = False
    for x, y in zip(truth['x'], truth['y']):
        free[int(y) - 18:int(y) + 19, int(x) - 18:int(x) + 19] = False
    psf = profile(*np.mgrid[-12:13, -12:13][::-1], FWHM[0])
    weight = np.where(bad, 0.0, 1.0 / noise**2)
    amount = oaconvolve(np.where(bad, 0.0, difference) * weight, psf, mode='same')
    depth = np.maximum(oaconvolve(weight, psf**2, mode='same'), 1e-12)
    score = np.where(bad | ~inner, 0.0, amount / np.sqrt(depth))
    score /= 1.4826 * np.median(np.abs(score[free]))
    ratios, found = [], 0
    taken = np.zeros(SHAPE, bool)
    for x, y, flux, fwhm in zip(truth['x'], truth['y'], truth['flux'], truth['fwhm']):
        i, j = round(x), round(y)
        near = (slice(j - 2, j + 3), slice(i - 2, i + 3))
        found += score[near].max() > 5
        taken[j - 12:j + 13, i - 12:i + 13] = True
        fit = profile(*(np.mgrid[-12:13, -12:13][::-1] - np.array([x - i, y - j])[:, None, None]), fwhm)
        part = (slice(j - 12, j + 13), slice(i - 12, i + 13))
        ratios.append((np.sum(weight[part] * fit * difference[part]) / np.sum(weight[part] * fit**2)) / flux)
    residuals = []
    for x, y, flux in zip(truth['star_x'], truth['star_y'], truth['star_flux']):
        i, j = round(x), round(y)
        if flux > 1e4 and 30 < i < SHAPE[1] - 30 and 30 < j < SHAPE[0] - 30:
            part = (slice(j - 5, j + 6), slice(i - 5, i + 6))
            if not bad[j - 12:j + 13, i - 12:i + 13].any() and not taken[part].any():
                residuals.append(chi[part][np.hypot(*np.mgrid[-5:6, -5:6]) <= 5])
    weights = truth['snr'] ** 2
    return {'sky_chi': float(np.sqrt(np.mean(np.clip(chi[free], -6, 6) ** 2))),
            'star_chi': float(np.concatenate(residuals).std()), 'stars': len(residuals),
            'found': int(found), 'sources': len(truth['x']),
            'false_positive': int(label((score > 5) & ~taken)[1]), 'false_negative': int(label((score < -5) & ~taken)[1]),
            'flux_bias': float(np.sum(weights * np.array(ratios)) / weights.sum() - 1)}


def run(folder: Path, seed: int, repeat: int) -> dict:
    """All metrics."""
    truth = make_pair(folder, seed)
    outputs = ['-outim', 'ours.fits', '-oni', 'ours_noise.fits', '-omi', 'ours_mask.fits']
    hotpants = os.environ.get('HOTPANTS') or shutil.which('hotpants')
    swarp = shutil.which('SWarp') or shutil.which('swarp')
    commands = {'subtract, cold command': [sys.executable, '-m', 'sediff', 'subtract', *FLAGS, *outputs],
                'warp, cold command': [sys.executable, '-m', 'sediff', 'warp', 'template.fits', '-o', 'warped.fits',
                                       '--like', 'science.fits']}
    if hotpants:
        commands['HOTPANTS -ko 2 -bgo 2'] = [hotpants, *FLAGS, *HOTPANTS_FLAGS, '-outim', 'hp.fits',
                                             '-oni', 'hp_noise.fits', '-omi', 'hp_mask.fits']
    if swarp:
        (folder / 'swarp.head').write_text(''.join(f'{key:<8}= {value}\n' for key, value in (
            ('NAXIS', 2), ('NAXIS1', SHAPE[1]), ('NAXIS2', SHAPE[0]), ('CTYPE1', "'RA---TAN'"), ('CTYPE2', "'DEC--TAN'"),
            ('CRVAL1', 150.0), ('CRVAL2', 2.0), ('CRPIX1', SHAPE[1] / 2 + 0.4), ('CRPIX2', SHAPE[0] / 2 + 0.3),
            ('CD1_1', -7.3e-5), ('CD1_2', 0.0), ('CD2_1', 0.0), ('CD2_2', 7.3e-5))) + 'END\n')
        commands['SWarp LANCZOS3 with combine'] = [swarp, 'template.fits', '-IMAGEOUT_NAME', 'swarp.fits',
                                                   '-RESAMPLING_TYPE', 'LANCZOS3', '-NTHREADS', '1', '-WRITE_XML', 'N',
                                                   '-VERBOSE_TYPE', 'QUIET']
    runs = {name: [] for name in commands}
    warm = {'subtract': [], 'warp': []}
    for _ in range(repeat):
        for name, command in commands.items():
            runs[name].append(measured(command, folder))
        for kind, arguments in (('subtract', [*FLAGS, *outputs]), ('warp', commands['warp, cold command'][4:])):
            subprocess.run([sys.executable, '-c', WARM, kind, '2', *arguments], cwd=folder, check=True,
                           env=os.environ | ONE_THREAD)
            warm[kind] += json.loads((folder / 'warm.json').read_text())
    results = {name: least(times) for name, times in runs.items()}
    results |= {f'{kind}, warm with files': least(times) for kind, times in warm.items()}
    bad = fits.getdata(folder / 'ours_mask.fits') != 0
    noise = fits.getdata(folder / 'ours_noise.fits')
    results['subtract, cold command'].update(judge(fits.getdata(folder / 'ours.fits'), noise, bad, truth))
    if hotpants:
        results['HOTPANTS -ko 2 -bgo 2'].update(judge(fits.getdata(folder / 'hp.fits'), noise, bad, truth))
    for peer, names in (('HOTPANTS -ko 2 -bgo 2', ('subtract, cold command', 'subtract, warm with files')),
                        ('SWarp LANCZOS3 with combine', ('warp, cold command', 'warp, warm with files'))):
        for name in names if peer in results else ():
            for kind in ('cpu_s', 'wall_s'):
                results[name][f'peer_over_this_{kind}'] = round(results[peer][kind] / results[name][kind], 2)
    return results | detection(folder)


def draw(results: dict, path: Path) -> None:
    """Seconds and peak memory of each part as bars."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 3.2), layout='constrained')
    titles = 'CPU seconds, 2048 x 4096, one thread', 'peak memory, MB'
    for axis, key, title in zip(axes, ('cpu_s', 'peak_mb'), titles):
        names = [name for name in results if key in results[name]]
        axis.barh(names, [results[name][key] for name in names], color='#4477aa')
        axis.set_title(title)
        axis.invert_yaxis()
    figure.savefig(path, dpi=110)


PEERS = {'subtract': 'HOTPANTS -ko 2 -bgo 2', 'warp': 'SWarp LANCZOS3 with combine', 'detect': 'source-extractor'}


def _keep(name: str, metrics: dict) -> None:
    """A row of the common table; peers stand beside ours."""
    if name in PEERS.values():
        return
    ratio = metrics.get('peer_over_this_cpu_s')
    shown = {'star_chi': 'star chi', 'false_positive': 'false +', 'false_negative': 'false -', 'found': 'found',
             'sources': 'of', 'flux_bias': 'flux bias'}
    note = ', '.join(f'{text} {metrics[key]:.4g}' for key, text in shown.items() if key in metrics)
    keep(name, metrics['cpu_s'], peer=PEERS[name.split(',')[0]] if ratio else '',
         peer_seconds=ratio and ratio * metrics['cpu_s'], peak_mb=metrics.get('peak_mb'), note=note)


def main() -> None:
    """Run, print a table, keep JSON and PNG."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', default='bench_results')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--repeat', type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = run(Path(folder), args.seed, args.repeat)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / 'subtract.json').write_text(json.dumps({**machine(), 'seed': args.seed, 'results': results}, indent=1) + '\n')
    draw(results, out / 'subtract.png')
    for name, metrics in results.items():
        _keep(name, metrics)
        print(f'{name:<30}' + '  '.join(f'{k} {v:.3f}' if isinstance(v, float) else f'{k} {v}' for k, v in metrics.items()))


if __name__ == '__main__':
    main()
