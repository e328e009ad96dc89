"""Real candidates of a DECam follow-up (S230922g): found, kept and scored as real."""
import numpy as np
import pytest
from astropy.table import Table

from sediff.candidates.cuts import apply_cuts, reject_names
from sediff.candidates.features import feature_table
from sediff.candidates.painters import moffat_psf
from sediff.candidates.score import score_features
from sediff.candidates.scoremodel import read_score_model
from sediff.candidates.stampscan import set_features
from sediff.detect import detect_on_score, score_image
from sediff.detect.stamps import cut_stamp, cut_triplet
from sediff.formats.stamp_sets import read_stamp_set
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument


def our_model():
    """The score model that comes with the default instrument."""
    return read_score_model(table_path(default_instrument(), 'autoscan.npz'))



def judge(row):
    """Best detection within 4 px of the thumb's centre: S/N, score and reasons of rejection; None when lost."""
    difference, template, search = (np.ascontiguousarray(row[f'PixA_THUMB_{kind}'], np.float32)
                                    for kind in ('DIFF', 'TEMP', 'SCI'))
    noise = 1.4826 * np.nanmedian(np.abs(difference - np.nanmedian(difference)))
    variance, bad = np.full(difference.shape, noise ** 2, np.float32), ~np.isfinite(difference)
    psf = moffat_psf(row['APER_FPHOT'] / 1.5)
    scored = score_image(difference, variance, bad, psf)
    found = detect_on_score(scored, difference, variance, bad, psf)
    found = found[np.hypot(found['X_IMAGE'] - 61, found['Y_IMAGE'] - 61) < 4][:1]
    if len(found) == 0:
        return None
    x, y = found['X_IMAGE'][0] - 1, found['Y_IMAGE'][0] - 1
    sigma = np.sqrt(variance) * scored.noise_scale
    features = feature_table(found, [cut_triplet(template, search, difference, x, y)], [cut_stamp(sigma, x, y)],
                             scored.fwhm)
    cuts = apply_cuts(found, difference, sigma, bad, scored.fwhm)
    return found['SNR'][0], score_features(features, our_model())[0], reject_names(int(cuts.reject[0]))


@pytest.mark.realdata
def test_real_candidates_are_found_kept_and_scored_high(realdata):
    paths = sorted((realdata / 'gwmmads_s230922g' / 'candidates').glob('*.fits.gz'))
    rows = [row for path in paths for row in Table.read(path)
            if row['SNR_FPHOT'] > 8 and row['APER_FPHOT'] < 12]
    judged = [judge(row) for row in rows]
    assert len(rows) > 30 and None not in judged
    assert np.mean([score >= 0.7 for _, score, _ in judged]) > 0.95
    assert np.mean([names == 'ok' for *_, names in judged]) > 0.97


@pytest.mark.realdata
def test_thumbs_alone_are_scored_as_real(realdata):
    """As `sediff classify apply` does: no PSF, no noise and no catalogue are given. 32 of 35, each of the four objects."""
    scores = {}
    for path in sorted((realdata / 'gwmmads_s230922g' / 'candidates').glob('*.fits.gz')):
        stamps, bright = read_stamp_set(path), Table.read(path)['SNR_FPHOT'] > 10
        features, seen = set_features([stamp for stamp, use in zip(stamps.stamps, bright) if use], stamps.one_psf) \
            if bright.any() else (np.zeros((0, 0)), np.zeros(0, bool))
        if seen.any():
            scores[path.name] = np.where(seen, score_features(features, our_model()), 0.0)
    assert len(scores) == 4 and sum(map(len, scores.values())) == 35
    for limit in (0.3, 0.7):
        accepted = {name: np.count_nonzero(each >= limit) for name, each in scores.items()}
        assert sum(accepted.values()) >= 32 and min(accepted.values()) >= 1
