"""From warps to cuts: stars of unknown motion leave no candidate, new sources do."""
import sys
from pathlib import Path

import numpy as np
import pytest

from sediff.candidates.cuts import apply_cuts
from sediff.candidates.moving import moving_stars
from sediff.ccdimage import CcdImage
from sediff.detect.finder import detect_on_score
from sediff.detect.matched import score_image
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.subtract.difference_psf import psf_of_difference
from sediff.subtract.subtract import subtract
from sediff.subtract.zones import Zones
from sediff.template.coadd import Source, stack
from sediff.template.homogenise import homogenise, set_of_cells

sys.path.insert(0, str(Path(__file__).parent.parent / 'template'))
from made_up_warps import SKY, moffat

SHAPE, PIXEL = (560, 560), 0.263
#: The cuts on negative pixels anywhere in a box would hide what is tested.
NO_BOX = {'max_below_2sigma': 1e9, 'max_below_4sigma': 1e9, 'max_below_6sigma': 1e9}


def stamp(fwhm):
    image = moffat((41, 41), [20], [20], [1.0], fwhm)
    return image / image.sum()


def kept(seed, epochs, search_epoch, fwhms):
    """Movers (place at the search epoch), new sources, and the detections that pass; 0.2 to 1 arcsec a year."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(40, 540, 54), np.arange(40, 540, 54))).reshape(2, -1)
    x, y = grid + rng.uniform(-6, 6, (2, 100))
    flux = 10 ** rng.uniform(3.6, 5.5, x.size)
    order = rng.permutation(x.size)
    movers, new = order[:20], order[20:28]
    speed, angle = np.zeros(x.size), rng.uniform(0, 2 * np.pi, x.size)
    speed[movers] = rng.uniform(0.2, 1.0, movers.size) / PIXEL

    def exposure(epoch, fwhm):
        lasting = np.where(np.isin(np.arange(x.size), new) & (epoch < search_epoch), 0.0, flux)
        shift = speed * (epoch - search_epoch)
        image = moffat(SHAPE, x + shift * np.cos(angle), y + shift * np.sin(angle), lasting, fwhm, radius=30)
        return (rng.poisson(image + SKY) - SKY).astype(np.float32)

    mask, weight, bad = np.zeros(SHAPE, np.uint16), np.full(SHAPE, 1 / SKY, np.float32), np.zeros(SHAPE, bool)
    warps = [exposure(epoch, fwhm) for epoch, fwhm in zip(epochs, fwhms)]
    found = stack([Source(lambda a, b, w=warp: CcdImage(w[a:b], mask[a:b], weight[a:b]), fwhm, 1.0)
                   for warp, fwhm in zip(warps, fwhms)], SHAPE)
    template = found.image.image
    one = homogenise(template, found.members, np.array([np.broadcast_to(stamp(f), (2, 2, 41, 41)) for f in fwhms]),
                     np.array(found.weights))
    zones = Zones(set_of_cells(found.members, one.sets.bits.astype(np.uint16)), one.noise_kernels())
    search = exposure(search_epoch, 4.0)
    result = subtract(search, template, 1 / weight, 1 / found.image.weight, bad, bad, decorrelate=True, template_zones=zones)
    psf = psf_of_difference(PsfModel(stamp(4.0)[None], 0, (1.0, 1.0), (1.0, 1.0), 1.0, 4.0), result)
    planes = result.image, result.variance, result.mask, psf.image
    scored = score_image(*planes, zones=psf if isinstance(psf, ZonedPsf) else None)
    table = detect_on_score(scored, *planes)
    cut = apply_cuts(table, result.image, np.sqrt(result.variance), result.mask, scored.fwhm, cuts=NO_BOX,
                     moving=moving_stars(table, template, search, scored.fwhm))
    return np.c_[x, y][movers], np.c_[x, y][new], table[cut.kept]


@pytest.mark.parametrize(('seed', 'epochs', 'search_epoch', 'fwhms'), [
    (1, (0.0, 1.0), 2.1, (3.3, 3.5)), (2, (0.0, 1.0), 1.7, (3.5, 3.3)), (3, (0.0, 0.9, 1.3), 2.5, (3.3, 3.5, 3.4))])
def test_moving_stars_leave_no_candidate_and_new_sources_do(seed, epochs, search_epoch, fwhms):
    movers, new, table = kept(seed, epochs, search_epoch, fwhms)
    places = np.c_[table['X_IMAGE'] - 1, table['Y_IMAGE'] - 1]
    for place in movers:
        near = np.hypot(*(places - place).T) < 8
        assert not (near & (table['SNR'] > 8)).any(), (place, table[near]['SNR'])
    for place in new:
        assert np.hypot(*(places - place).T).min() < 1.0, place
