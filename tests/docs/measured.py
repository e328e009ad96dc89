"""Measures the figures of the method pages: `python -m tests.docs.measured NAME` prints a table.

Each is a small scene with its truth: seconds, the same figures every time. `--write` puts the tables into docs/.
"""
from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
#: Folders of tests/ whose scenes are measured.
SCENES = ('astrometry', 'isr')


def header(*names: str) -> list[str]:
    """The first two lines of a table."""
    return [f'| {" | ".join(names)} |', '|---' * len(names) + '|']


def detection() -> str:
    """Significance, completeness, positions and forced fluxes on white noise."""
    from sediff.candidates.forced import forced_photometry
    from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
    from sediff.detect import detect
    psf, sky, rng = moffat_psf(4.2), 400.0, np.random.default_rng(11)
    unit = noise_flux(sky, psf(0, 0, 31))
    image = rng.normal(0, np.sqrt(sky), (1100, 1100))
    y, x = (grid.ravel() + rng.uniform(-0.5, 0.5, grid.size) for grid in np.mgrid[25:1090:30, 25:1090:30])
    snr = rng.choice([0.0, 4.0, 5.0, 6.0, 10.0, 30.0], x.size)
    for place in zip(x, y, snr):
        add_stamp(image, place[2] * unit * psf(*place[:2], 41), *place[:2])
    planes = image.astype(np.float32), np.full(image.shape, sky, np.float32), np.zeros(image.shape, bool)
    found = detect(*planes, psf, threshold=5.0)
    off = np.hypot(found['X_IMAGE'][:, None] - 1 - x, found['Y_IMAGE'][:, None] - 1 - y)
    near = off < 3.0
    lines = header('S/N put in', 'found above 5 sigma', 'rms of (x - truth) / error',
                   'rms of (flux - truth) / error, forced')
    forced = forced_photometry(*planes, psf, x, y)
    pull = (forced['FLUX'] - snr * unit) / forced['FLUXERR']
    for level in (4.0, 5.0, 6.0, 10.0, 30.0):
        at = snr == level
        rows, columns = np.nonzero(near & at)
        place = (found['X_IMAGE'][rows] - 1 - x[columns]) / found['ERRX_IMAGE'][rows]
        rms = f'{np.sqrt(np.mean(place ** 2)):.2f}' if level > 5 else ''
        lines.append(f'| {level:g} | {near[:, at].any(axis=0).mean():.2f} | {rms} | {pull[at].std():.2f} |')
    lines.append(f'| 0 | {np.count_nonzero(~near[:, snr > 0].any(axis=1))} peaks in {image.size / 1e6:.2f} million pixels | '
                 f'| {pull[snr == 0].std():.2f} |')
    return '\n'.join(lines)


def psf() -> str:
    """Error of the PSF model, and of fluxes measured with it, by the number of stars."""
    from sediff.catalog.psf_photometry import psf_photometry
    from sediff.psf.fit import fit_psf
    field = _moffat_field()
    lines = header('stars', 'degree', 'error of the model / peak',
                   'mean of SPREAD_MODEL', 'rms of (flux - truth) / error')
    for count in (12, 40, 300):
        rng = np.random.default_rng(11)
        rows, columns = np.divmod(np.arange(300), 20)
        x, y = 40 + columns * 58 + rng.uniform(-8, 8, 300), 40 + rows * 78 + rng.uniform(-8, 8, 300)
        flux = 10 ** rng.uniform(4.2, 5.2, 300)
        image = field.image(x, y, flux, 10.0, 12)
        weight = np.full(image.shape, 0.01, np.float32)
        use = rng.permutation(300)[:count]
        model, _, statistics = fit_psf(image, weight, np.zeros(image.shape, np.uint16), x[use], y[use], flux[use])
        size = model.default_size()
        errors = [np.abs(model.image(a, b, size) - field.stamp(a, b, size)).max() / field.stamp(a, b, size).max()
                  for a, b in ((150.3, 150.0), (1040.0, 1050.6), (600.2, 600.9), (150.0, 1050.0))]
        done = psf_photometry(image, weight, model, x, y)
        faint = flux < 25000
        pull = (done.flux - flux * _inside(field, x, y, size)) / done.flux_error
        lines.append(f'| {count} | {statistics.degree} | {np.mean(errors):.3f} | {np.mean(done.spread):+.4f} | '
                     f'{np.sqrt(np.mean(pull[faint] ** 2)):.2f} |')
    return '\n'.join(lines)


def _moffat_field():
    import importlib.util
    spec = importlib.util.spec_from_file_location('psf_fields', REPOSITORY / 'tests' / 'psf' / 'conftest.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MoffatField((1200, 1200))


def _inside(field, x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """Share of each star's flux within the planes of the model, to which its fluxes are normalised."""
    dy, dx = np.indices((size, size)) - size // 2
    return np.array([field.profile(dx, dy, a, b).sum() for a, b in zip(x, y)])


def astrometry() -> str:
    """Error of positions through a turbulent atmosphere of 8 mas, by the number of stars on the CCD."""
    from atmosphere import field_error, lost, observed
    from star_field import ccd_header

    from sediff.astrometry.fit import solve
    lines = header('stars', 'matched', 'order', 'chi2', '`left_out_mas`', 'error anywhere (mas)')
    truth = ccd_header(10.0, -30.0)
    for count in (30, 100, 300, 1000, 3000):
        field = observed(truth, count, 7)
        found = solve(field['x'], field['y'], field['flux'], field['sigma'], lost(truth, 7), field['ra'],
                      field['dec'], field['mag'])
        lines.append(f'| {count} | {found.n_matched} | {found.order} | {found.chi2:.2f} | {found.held_out:.1f} | '
                     f'{field_error(found.header, truth, 7):.1f} |')
    return '\n'.join(lines)


def zeropoints() -> str:
    """Zero points of made-up stars, one in twelve an outlier: scatter over the error that is stated."""
    from sediff.photometry.zeropoint import ClipOptions, fit_zero_point
    lines = header('stars', 'median error stated (mmag)', 'mean and rms of (zero point - truth) / error')
    for count in (3, 10, 100, 1000):
        pulls, errors = [], []
        for seed in range(100):
            rng = np.random.default_rng([seed, count])
            error = rng.uniform(0.005, 0.05, count)
            instrumental = -31.3 + np.hypot(error, 0.02) * rng.normal(size=count)
            instrumental[:count // 12] += rng.uniform(0.5, 3.0, count // 12)
            fitted = fit_zero_point(instrumental, error, np.zeros(count), np.zeros(count), ClipOptions(min_stars=2))
            pulls.append((fitted.zero_point - 31.3) / fitted.error)
            errors.append(fitted.error)
        lines.append(f'| {count} | {1e3 * np.median(errors):.1f} | {np.mean(pulls):+.2f}, {np.std(pulls):.2f} |')
    return '\n'.join(lines)


def sky() -> str:
    """Error of the local sky under stars, in units of the noise of a pixel."""
    from isr_scenes import make_scene

    from sediff.isr.sky import fit_sky
    from sediff.maskbits import Bit
    lines = header('stars a CCD', 'median error / noise', 'largest error / noise', 'noise measured over the true one')
    for count in (500, 1500):
        scene = make_scene((1024, 1024), stars=count, rays=100, seed=8)
        rows, columns = np.indices(scene.image.shape)
        truth = (1000.0 + 0.05 * columns - 0.03 * rows).astype(np.float32)
        mask = np.where(scene.saturated, int(Bit.SATURATE), 0).astype(np.uint16)
        fitted, _, sigma = fit_sky(scene.image + truth, mask)
        noise, error = np.sqrt(scene.sky + scene.read_noise ** 2), (fitted - truth)[64:-64, 64:-64]
        lines.append(f'| {8 * count} | {np.median(error) / noise:+.2f} | {np.abs(error).max() / noise:.2f} | '
                     f'{sigma / noise:.2f} |')
    return '\n'.join(lines)


def cosmicrays() -> str:
    """Recall and precision of pixels hit, and stars touched, on half a million pixels."""
    from tests import bench_cosmicrays as bench
    lines = header('seeing', 'stars a CCD', 'recall', 'precision', 'stars touched')
    for seeing in (0.7, 1.6):
        for count in (bench.SPARSE, bench.CROWDED):
            scene = bench.make_scene(seeing, count, (1024, 512))
            figures = bench.score(scene, *bench.run_sediff(scene))
            lines.append(f'| {seeing}" | {count} | {figures.recall:.3f} | {figures.precision:.3f} | '
                         f'{figures.touched} of {figures.stars} |')
    return '\n'.join(lines)


def score() -> str:
    """Scores and classes of scenes of both generators that took no part in the training."""
    from sediff.candidates.independent import independent_scene
    from sediff.candidates.scoremodel import read_score_model
    from sediff.candidates.training import examples_of, judged, training_scene
    from sediff.instruments.base import table_path
    from sediff.instruments.load import default_instrument
    model = read_score_model(table_path(default_instrument(), 'autoscan.npz'))
    own, other = (judged(model, examples_of(scene_of, range(70_000, 70_030)), 0.3)
                  for scene_of in (training_scene, independent_scene))
    lines = header('', 'own generator', 'independent generator')
    rows = {'examples, real of them': '{examples}, {real}', 'real ones kept at score >= 0.3': '{kept:.4f}',
            'those of S/N > 8': '{kept_above_snr_8:.4f}', 'artefacts rejected': '{rejected:.4f}',
            'artefacts rejected where 99 % are kept': '{rejected_at_kept_0_99:.4f}', 'area under the ROC': '{roc_auc:.5f}',
            'macro recall of the classes': '{macro_recall:.3f}'}
    for words, form in rows.items():
        cells = (form.format(**{name.replace('.', '_'): value for name, value in found.items()}) for found in (own, other))
        lines.append(f'| {words} | {" | ".join(cells)} |')
    for name in model.names:
        cells = (f'{found["classes"][name]["examples"]}: accepted {found["classes"][name]["accepted"]:.3f}, recall '
                 f'{found["classes"][name]["recall"]:.2f}' for found in (own, other))
        lines.append(f'| {name.replace("_", " ")} | {" | ".join(cells)} |')
    return '\n'.join(lines)


#: Page of docs/ -> what makes its table.
TABLES: dict[str, Callable[[], str]] = {table.__name__: table for table in
                                        (detection, psf, astrometry, zeropoints, sky, cosmicrays, score)}


def place(name: str) -> re.Pattern:
    """Where the table stands in its page."""
    return re.compile(rf'(<!-- measured: {name} -->\n).*?(<!-- end -->)', re.DOTALL)


def page_of(name: str) -> Path:
    """The page of a table."""
    return REPOSITORY / 'docs' / f'{name}.md'


def main() -> None:
    """Print tables, or write them into their pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', choices=[[], *TABLES], help='tables (default: all)')
    parser.add_argument('--write', action='store_true', help='into docs/ instead of printing')
    options = parser.parse_args()
    sys.path[:0] = [str(REPOSITORY / 'tests' / folder) for folder in ('', *SCENES)]
    for name in options.names or TABLES:
        table = TABLES[name]()
        if options.write:
            page = page_of(name)
            text = place(name).sub(lambda match, table=table: f'{match[1]}\n{table}\n\n{match[2]}', page.read_text())
            page.write_text(text)
        else:
            print(f'{name}\n\n{table}\n')


if __name__ == '__main__':
    main()
