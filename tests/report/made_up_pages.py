"""A made-up exposure with many candidates as pages.

`python -m tests.report.made_up_pages` measures a thousand: CPU seconds of writing the pages (their pictures are there), peak
memory, seconds of loading the index in headless Chromium and of sorting it.
"""
from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sediff.candidates.cuts import CUTS
from sediff.report.cut_words import cut_words
from sediff.report.entries import CandidateEntry, ExposureEntry, data_uri
from sediff.report.history import Epoch
from sediff.report.north import Turn
from sediff.report.page import candidate_page, ordered, single_page
from sediff.report.stamp_pictures import chart_jpeg, strip_png

FIRST, EXPNUM, SEASON = 37258259983368193, 12345678, 33
HOSTILE = '<b onclick=alert(1)>../../$(id)"&amp; it\'s %s {{7*7}}</b><script>alert(2)</script><img src=x onerror=alert(3)>'
#: Row of the cuts that every candidate has.
ROW = {'REJECT': str(1 << list(CUTS).index('dipole')), 'SNR': '12.3', 'SIGN': '1', 'DIPOLE_RATIO': '0.4'}


def pictures(count: int) -> list[bytes]:
    """Stamps of point sources on noise, with a masked row and a corner without data."""
    rng, out = np.random.default_rng(7), []
    y, x = np.mgrid[-25:26, -25:26]
    for k in range(count):
        stamps = {kind: rng.normal(0, 1, (51, 51)).astype(np.float32) for kind in ('temp', 'srch', 'diff')}
        for kind in ('srch', 'diff'):
            stamps[kind] += (5 + 2 * k) * np.exp(-0.5 * (x ** 2 + y ** 2) / 2.0 ** 2).astype(np.float32)
        stamps['temp'][:8, :8] = np.nan
        masked = np.zeros((51, 51), bool)
        masked[10 + k % 10] = True
        out.append(strip_png(stamps, {'srch': masked, 'diff': masked}))
    return out


def candidates(count: int) -> list[CandidateEntry]:
    """Candidates of distinct scores, magnitudes and S/N."""
    rng = np.random.default_rng(8)
    scores, magnitudes, snr = (rng.permutation(count) / count for _ in range(3))
    return [CandidateEntry(
        FIRST + k, 1 + k % 62, k + 1, 51.0 + rng.random(), -28.0 + rng.random(), 2000 * rng.random() + 1,
        4000 * rng.random() + 1, 5 + 90 * float(snr[k]), float(scores[k]), 19 + 5 * float(magnitudes[k]), 0.1,
        (HOSTILE,) if k == 3 else (), 1 + k % 4, 1 + k % 2, k % 50 == 0, 'variable star' if k % 40 == 1 else '')
        for k in range(count)]


def epochs(one: CandidateEntry, strip: str) -> list[Epoch]:
    """Two limits, a rise and a decline around this exposure."""
    points = ((-9.0, 100.0), (-4.0, -150.0), (0.0, 9000.0), (3.1, 5200.0), (7.0, 1500.0))
    return [Epoch(EXPNUM + round(day), one.ccd, 20231115, 'gri'[k % 3], 60264.2 + day, flux, 300.0, 1.0, k, 0, one.score,
                  9.0, 5.0, 5.0, strip if day >= 0 else '', day == 0) for k, (day, flux) in enumerate(points)]


def write(folder: Path, count: int) -> Path:
    """Write the index, the pages and their pictures; returns the path of the index."""
    exposure = ExposureEntry(EXPNUM, 20231115, 'r', SEASON, HOSTILE, 60264.2, 90.0, 1.1, 31.5, 23.5, 0.5, 1.1, (33,),
                             (4,), 99, count)
    pages = folder / f'candidates_{EXPNUM}_dp{SEASON}'
    pages.mkdir(parents=True)
    strips = pictures(20)
    for k, strip in enumerate(strips):
        (pages / f's{k}.png').write_bytes(strip)
    (pages / 'chart.jpg').write_bytes(chart_jpeg(np.random.default_rng(1).normal(0, 1, (301, 301)).astype(np.float32)))
    rows, shown = ordered(candidates(count)), []
    names = [f'{one.identifier}.html' for one in rows]
    for k, one in enumerate(rows):
        links = {'index': f'../{pages.name}.html', 'previous': names[k - 1] if k else '',
                 'following': ''.join(names[k + 1:k + 2])}
        text = single_page(exposure, one, epochs(one, f's{k % 20}.png'), cut_words(ROW), links, (k + 1, count), 'chart.jpg',
                           Turn(scale=0.27))
        (pages / names[k]).write_text(text, encoding='utf-8')
        shown.append(one.__class__(**one.__dict__ | {'strip': data_uri(strips[k % 20]), 'page': f'{pages.name}/{names[k]}'}))
    index = folder / f'{pages.name}.html'
    index.write_text(candidate_page(exposure, shown), encoding='utf-8')
    return index


def main() -> int:
    """Measure a thousand candidates."""
    sys.path.insert(0, str(Path(__file__).parent))
    from browser import Browser, program
    with tempfile.TemporaryDirectory() as name:
        start = time.process_time()
        index = write(Path(name), 1000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f'pages of 1000 candidates written: {time.process_time() - start:.1f} s CPU, index '
              f'{index.stat().st_size / 1e6:.1f} MB, peak {peak:.0f} MB')
        if program() is None:
            print('no Chromium: the index was not opened')
            return 1
        browser = Browser(str(program()), Path(name))
        try:
            browser.size(1240, 1000)
            print('index loaded: ' + ', '.join(f'{browser.open(index):.2f}' for _ in range(3)) + ' s (load of the machine '
                  f'{os.getloadavg()[0]:.1f})')
            took = browser.run('(() => { const t = performance.now(); document.querySelector("[data-key=mag]").click(); '
                               'document.body.offsetHeight; return performance.now() - t; })()')
            print(f'sorted: {took / 1000:.2f} s')
        finally:
            browser.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
