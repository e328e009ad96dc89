"""Two real DECam pairs: noise of the empty sky, and injected sources found again."""
import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from scipy.ndimage import shift as shift_image
from scipy.signal import fftconvolve

from sediff.subtract.command import variance_of
from sediff.subtract.stamps import cut, find_stars
from sediff.subtract.subtract import subtract
from sediff.warp.inputs import ImageSource, load
from sediff.warp.resample import warp

HALF = 12


def star_psf(ccd):
    """Mean of the brighter stars, centred, unit sum, (25, 25)."""
    variance, bad = variance_of(ccd), ccd.weight <= 0
    image = ccd.image - np.float32(np.median(ccd.image[~bad]))
    stars = find_stars(image, image, variance, variance, bad, bad)
    v, u = np.mgrid[-HALF:HALF + 1, -HALF:HALF + 1]
    radius, profiles = np.hypot(u, v), []
    for k in range(min(12, len(stars.x))):
        stamp = cut(image, stars.x[k:k + 1], stars.y[k:k + 1], HALF)[0].astype(float)
        stamp -= np.median(stamp[radius > HALF - 1.5])
        core = np.where(radius < 4, stamp, 0)
        stamp = shift_image(stamp, (-(core * v).sum() / core.sum(), -(core * u).sum() / core.sum()), order=3)
        profiles.append(stamp / stamp[radius < 7].sum())
    psf = np.where(radius <= HALF, np.median(profiles, axis=0), 0).clip(0)
    return psf / psf.sum()


def inject(ccd, psf, sigma, occupied, count, gain, seed=1):
    """Add `count` sources of S/N 5-50 away from everything; returns their positions."""
    rng = np.random.default_rng(seed)
    noise_of_flux = sigma / np.sqrt(np.sum(psf**2))
    placed = []
    while len(placed) < count:
        x, y = rng.uniform(40, ccd.shape[1] - 40), rng.uniform(40, ccd.shape[0] - 40)
        if occupied[int(y), int(x)] or any(np.hypot(x - a, y - b) < 20 for a, b in placed):
            continue
        i, j = round(x), round(y)
        flux = np.exp(rng.uniform(np.log(5), np.log(50))) * noise_of_flux
        model = shift_image(psf, (y - j, x - i), order=3).clip(0) * flux
        part = (slice(j - HALF, j + HALF + 1), slice(i - HALF, i + HALF + 1))
        ccd.image[part] += rng.poisson(model * gain) / gain
        ccd.weight[part] = np.where(ccd.weight[part] > 0, 1 / (1 / ccd.weight[part].clip(1e-30) + model / gain), 0)
        placed.append((x, y))
    return np.array(placed)


def judge(science, template, count, gain, scale=1.0):
    """Sky rms over the propagated noise, injected sources found above 5 sigma within 2 px, the result.

    Signal to noise is that of the difference: `scale` is the flux ratio that multiplies the template's noise.
    """
    aligned = warp(template, science.header, science.shape)
    psf = star_psf(science)
    bad = science.weight <= 0
    sigma = np.sqrt(np.median(1 / science.weight[~bad]) + scale**2 * np.median(1 / aligned.weight[aligned.weight > 0]))
    image = science.image - np.median(science.image[~bad])
    occupied = binary_dilation((image > 20 * sigma) | bad | (aligned.weight <= 0), iterations=20)
    places = inject(science, psf, sigma, occupied, count, gain)
    result = subtract(science.image, aligned.image, variance_of(science), variance_of(aligned), bad,
                      aligned.weight <= 0)
    assert result.direction == 'template'
    weight = np.where(result.mask, 0, 1 / result.variance)
    flipped = psf[::-1, ::-1]
    score = fftconvolve(result.image * weight, flipped, mode='same')
    score /= np.sqrt(np.maximum(fftconvolve(weight, flipped**2, mode='same'), 1e-12))
    sky = ~occupied & ~result.mask
    for x, y in places:
        sky[round(y) - 15:round(y) + 16, round(x) - 15:round(x) + 16] = False
    chi = result.image[sky] / np.sqrt(result.variance[sky])
    score /= 1.4826 * np.median(np.abs(score[sky]))
    found = sum(score[round(y) - 2:round(y) + 3, round(x) - 2:round(x) + 3].max() > 5 for x, y in places)
    return np.sqrt(np.mean(np.clip(chi, -6, 6)**2)), found, result


@pytest.mark.realdata
def test_des_supernova_field(realdata):
    """1001x1001 g cutouts of DES SN-E1, two epochs; A has the broader PSF."""
    folder = realdata / 'finalphot_des_sn_e1'
    science, template = (load(ImageSource(str(folder / f'pair_ccd01_epoch{k}_1001.fits'), gain=4.0, saturate=35000.0))
                         for k in 'AB')
    noise, found, result = judge(science, template, 40, 4.0)
    assert noise <= 1.1
    assert found >= 36
    assert result.kernel_sum == pytest.approx(1.0, abs=0.06)
    assert result.figures['order'] == 0


@pytest.mark.realdata
def test_bright_galaxy_field(realdata):
    """375x280 r cutouts of 2013 (60 s) and 2017 (45 s) with a bright galaxy in the middle."""
    folder = realdata / 'legacypipe' / 'testcase8' / 'images'
    names = ('c4d_130105_065255_oo{}_r_a1-N15.fits.fz', 'c4d_171113_060340_oo{}_r_ls9.N6.fits')
    science, template = (load(ImageSource(*(str(folder / name.format(k)) for k in 'iw'),
                                          mask=str(folder / name.format('d')))) for name in names)
    scale = 60 / 45 * 10 ** (0.4 * 0.246)
    noise, found, result = judge(science, template, 12, 4.0, scale)
    assert noise <= 1.1
    assert found >= 11
    assert result.kernel_sum == pytest.approx(scale, rel=0.05)
