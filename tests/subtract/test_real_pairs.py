"""Two real DECam pairs: noise of the empty sky, and injected sources found again."""
import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import binary_dilation
from scipy.ndimage import shift as shift_image
from scipy.signal import fftconvolve

from sediff.cli.subtraction import variance_of
from sediff.detect import detect
from sediff.detect.table import Flag
from sediff.errors import BadData
from sediff.formats.fits import read_image
from sediff.formats.image_source import ImageSource, load
from sediff.subtract.stamps import cut, find_stars
from sediff.subtract.subtract import subtract
from sediff.subtract.trust import systematic_variance
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
    """Add `count` sources of S/N 5-50 away from everything; returns x, y and flux of each."""
    rng = np.random.default_rng(seed)
    noise_of_flux = sigma / np.sqrt(np.sum(psf**2))
    placed = []
    while len(placed) < count:
        x, y = rng.uniform(40, ccd.shape[1] - 40), rng.uniform(40, ccd.shape[0] - 40)
        if occupied[int(y), int(x)] or any(np.hypot(x - a, y - b) < 20 for a, b, _ in placed):
            continue
        i, j = round(x), round(y)
        flux = np.exp(rng.uniform(np.log(5), np.log(50))) * noise_of_flux
        model = shift_image(psf, (y - j, x - i), order=3).clip(0) * flux
        part = (slice(j - HALF, j + HALF + 1), slice(i - HALF, i + HALF + 1))
        ccd.image[part] += rng.poisson(model * gain) / gain
        ccd.weight[part] = np.where(ccd.weight[part] > 0, 1 / (1 / ccd.weight[part].clip(1e-30) + model / gain), 0)
        placed.append((x, y, flux))
    return np.array(placed)


def judge(science, template, count, gain, scale=1.0, seed=1):
    """Sky rms over the propagated noise, injected sources found above 5 sigma within 2 px, the result.

    Signal to noise is that of the difference: `scale` is the flux ratio that multiplies the template's noise.
    """
    aligned = warp(template, science.header, science.shape)
    psf = star_psf(science)
    bad = science.weight <= 0
    sigma = np.sqrt(np.median(1 / science.weight[~bad]) + scale**2 * np.median(1 / aligned.weight[aligned.weight > 0]))
    image = science.image - np.median(science.image[~bad])
    occupied = binary_dilation((image > 20 * sigma) | bad | (aligned.weight <= 0), iterations=20)
    *places, fluxes = inject(science, psf, sigma, occupied, count, gain, seed).T
    places = np.array(places).T
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
    metrics = star_residuals(science, aligned, result, places) | false_detections(science, result, psf, places)
    metrics |= flux_bias(result, psf, places, fluxes)
    score /= 1.4826 * np.median(np.abs(score[sky]))
    found = sum(score[round(y) - 2:round(y) + 3, round(x) - 2:round(x) + 3].max() > 5 for x, y in places)
    return np.sqrt(np.mean(np.clip(chi, -6, 6)**2)), found, result, metrics


def star_residuals(science, template, result, places):
    """Std and robust sigma of the difference over its noise within 5 px of unmasked objects with S/N > 50."""
    bad = [ccd.weight <= 0 for ccd in (science, template)]
    levels = tuple(float(np.median(ccd.image[~b])) for ccd, b in zip((science, template), bad))
    stars = find_stars(science.image, template.image, variance_of(science), variance_of(template), *bad, levels=levels)
    chi, disc = [], np.hypot(*np.mgrid[-5:6, -5:6]) <= 5
    for x, y in zip(stars.x[stars.snr > 50], stars.y[stars.snr > 50]):
        part = (slice(y - 5, y + 6), slice(x - 5, x + 6))
        inside = 20 < x < science.shape[1] - 20 and 20 < y < science.shape[0] - 20
        if inside and not result.mask[part].any() and np.hypot(*(places - (x, y)).T).min() > 12:
            chi.append((result.image[part] / np.sqrt(result.variance[part]))[disc])
    chi = np.concatenate(chi)
    return {'star_std': chi.std(), 'star_mad': 1.4826 * np.median(np.abs(chi - np.median(chi)))}


def flux_bias(result, psf, places, fluxes):
    """Weighted mean of the fluxes of the injected sources over the true ones, less 1, and its error."""
    found, weight = [], []
    for (x, y), flux in zip(places, fluxes):
        i, j = round(x), round(y)
        part = (slice(j - HALF, j + HALF + 1), slice(i - HALF, i + HALF + 1))
        model = shift_image(psf, (y - j, x - i), order=3).clip(0)
        inverse = np.where(result.mask[part], 0, 1 / result.variance[part])
        norm = np.sum(inverse * model**2)
        if norm > 0:
            found.append(np.sum(inverse * model * result.image[part]) / norm / flux)
            weight.append(norm * flux**2)
    return {'bias': np.average(found, weights=weight) - 1, 'bias_error': np.sum(weight) ** -0.5}


def false_detections(science, result, psf, places):
    """Detections away from the injected sources that look like a point source: chi^2 < 3 (cosmic rays have more)."""
    def psf_at(x, y, size):
        out, half = np.zeros((size, size)), min(size // 2, HALF)
        middle = size // 2
        out[middle - half:middle + half + 1, middle - half:middle + half + 1] = psf[HALF - half:HALF + half + 1,
                                                                                     HALF - half:HALF + half + 1]
        return shift_image(out, (y - np.floor(y + 0.5), x - np.floor(x + 0.5)), order=3).clip(0)

    systematic = systematic_variance(science.image, result.image, result.mask, result.model_error,
                                     result.metrics['fwhm_science'], result.places)
    found = detect(result.image, result.variance, result.mask, psf_at, systematic=systematic)
    xy = np.column_stack([found['X_IMAGE'], found['Y_IMAGE']]) - 1
    far = np.array([np.hypot(*(places - p).T).min() > 3 for p in xy], bool)
    like = far & (found['CHI2_PSF'] < 3) & (found['NMASK_CORE'] == 0)
    return {'false': int(like.sum()), 'all_detections': len(found)}


@pytest.mark.realdata
def test_des_supernova_field(realdata):
    """1001x1001 g cutouts of DES SN-E1, two epochs; A has the broader PSF."""
    folder = realdata / 'finalphot_des_sn_e1'
    recovered, bias = [], []
    for seed in (1, 2, 3):  # the faintest, of S/N 5, are a matter of luck
        science, template = (load(ImageSource(str(folder / f'pair_ccd01_epoch{k}_1001.fits'), gain=4.0, saturate=35000.0))
                             for k in 'AB')
        noise, found, result, metrics = judge(science, template, 40, 4.0, seed=seed)
        recovered.append(found)
        bias.append(metrics['bias'])
        assert metrics['star_std'] <= 1.5 and metrics['star_mad'] <= 1.25
        assert metrics['false'] <= 2
        assert noise == pytest.approx(1.0, abs=0.03)
        assert result.kernel_sum == pytest.approx(1.0, abs=0.06)
        assert result.metrics['order'] <= 1
    assert np.mean(recovered) >= 39 and abs(np.mean(bias)) <= 0.015


@pytest.mark.realdata
def test_bright_galaxy_field(realdata):
    """375x280 r cutouts of 2013 (60 s) and 2017 (45 s) with a bright galaxy in the middle."""
    folder = realdata / 'legacypipe' / 'testcase8' / 'images'
    names = ('c4d_130105_065255_oo{}_r_a1-N15.fits.fz', 'c4d_171113_060340_oo{}_r_ls9.N6.fits')
    science, template = (load(ImageSource(*(str(folder / name.format(k)) for k in 'iw'),
                                          mask=str(folder / name.format('d')))) for name in names)
    scale = 60 / 45 * 10 ** (0.4 * 0.246)
    noise, found, result, metrics = judge(science, template, 12, 4.0, scale)
    assert metrics['star_std'] <= 1.62 and abs(metrics['bias']) <= 0.015
    assert metrics['false'] <= 4
    assert noise <= 1.06
    assert found >= 11
    assert result.kernel_sum == pytest.approx(scale, rel=0.05)


def nuclear_pair(realdata):
    """Science, variance, template, variance: stacks of five 256x256 i cutouts of two epochs."""
    for epoch in ('04', '18'):
        files = sorted((realdata / 'sfft_decam' / 'input_data').glob(f'DEC-OBS{epoch}?.mini.fits'))
        stack = np.mean([read_image(file)[0] for file in files], axis=0).astype(np.float32)
        inner = stack[np.abs(stack - np.median(stack)) < 100]
        sigma = 1.4826 * np.median(np.abs(inner - np.median(inner)))
        yield stack
        yield (sigma**2 + np.maximum(stack - np.median(stack), 0) / 19.9).astype(np.float32)


def moffat_psf(fwhm):
    """PSF of this FWHM as a function of position and stamp size."""
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / 3) - 1))

    def psf_at(x, y, size):
        v, u = np.mgrid[:size, :size] - size // 2
        moffat = (1 + ((u - x + np.floor(x + 0.5)) ** 2 + (v - y + np.floor(y + 0.5)) ** 2) / alpha**2) ** -3.0
        return moffat / moffat.sum()

    return psf_at


@pytest.mark.realdata
def test_fluxes_in_stacks(realdata):
    """Sources of S/N 100 added where there is nothing keep their fluxes, and no background is removed first."""
    science, variance, template, template_variance = nuclear_pair(realdata)
    good = np.zeros(science.shape, bool)
    psf_at, sigma = moffat_psf(4.92), np.sqrt(np.median(variance) + np.median(template_variance))
    ratios = []
    for places in (((40, 90), (150, 40), (200, 130)), ((90, 140), (220, 60), (150, 230))):
        planted = science.copy()
        flux = 100 * sigma / np.sqrt(np.sum(psf_at(0, 0, 25) ** 2))
        for x, y in places:
            planted[y - 12:y + 13, x - 12:x + 13] += flux * psf_at(x, y, 25)
        image, plain = (subtract(plane, template, variance, template_variance, good, good).image
                        for plane in (planted, science))
        for x, y in places:
            part, psf = (slice(y - 12, y + 13), slice(x - 12, x + 13)), psf_at(x, y, 25)
            ratios.append(np.sum(psf * (image - plain)[part]) / np.sum(psf**2) / flux)
    assert abs(np.mean(ratios) - 1) < 0.02


@pytest.mark.realdata
def test_nuclear_variable(realdata):
    """The variable nucleus is found, the flux ratio is 1, bright stars leave no more than noise."""
    science, variance, template, template_variance = nuclear_pair(realdata)
    good = np.zeros(science.shape, bool)
    result = subtract(science, template, variance, template_variance, good, good)
    assert result.direction == 'template' and result.kernel_sum == pytest.approx(1.02, abs=0.02)
    psf_at = moffat_psf(result.metrics['fwhm_science'])
    systematic = systematic_variance(science, result.image, result.mask, result.model_error,
                                     result.metrics['fwhm_science'], result.places)
    found = detect(result.image, result.variance, result.mask, psf_at, systematic=systematic)
    distance = np.hypot(found['X_IMAGE'] - 1 - 128.7, found['Y_IMAGE'] - 1 - 127.7)
    assert distance.min() < 0.3 and found['SIGN'][distance.argmin()] == 1
    stars = find_stars(science, template, variance, template_variance, good, good)
    rows, columns = np.mgrid[:256, :256]
    chi = [(result.image / np.sqrt(result.variance))[np.hypot(columns - x, rows - y) <= 5]
           for x, y in zip(stars.x[stars.snr > 50], stars.y[stars.snr > 50])]
    assert len(chi) >= 4 and np.concatenate(chi).std() <= 1.4
    for x, y in ((60, 181), (98, 72), (103, 233)):  # where the images alone leave dipoles
        near = found[np.hypot(found['X_IMAGE'] - 1 - x, found['Y_IMAGE'] - 1 - y) < 8]
        assert len(near) == 0 or (near['FLAGS'] & Flag.DIPOLE).all()


def thumbnails(realdata, name):
    """Science, template and difference thumbnails (121, 121) with the rest of their row, of each epoch of a candidate."""
    rows = fits.getdata(next((realdata / 'gwmmads_s230922g' / 'candidates').glob(f'*{name}*.fits.gz')), 1)
    for row in rows:
        yield [np.asarray(row[f'PixA_THUMB_{k}'], np.float32) for k in ('SCI', 'TEMP', 'DIFF')], row


def thumbnail_variance(plane):
    """Of the sky, and of the photons at a gain of 4."""
    middle = np.median(plane)
    return ((1.4826 * np.median(np.abs(plane - middle))) ** 2 + np.maximum(plane - middle, 0) / 4).astype(np.float32)


@pytest.mark.realdata
def test_magnitudes_of_a_follow_up_campaign(realdata):
    """Candidate of S230922g beside a star, which is named: the magnitudes of the published forced photometry.

    Theirs is a difference with the PSF and in the units of the image that was not convolved.
    """
    differences = []
    for (science, template, published), row in thumbnails(realdata, '223382'):
        weight = np.clip(row['APER_FPHOT'] / 2 + 0.5 - np.hypot(*np.mgrid[-60:61, -60:61]), 0, 1)
        own = row['ZP_FPHOT'] - 2.5 * np.log10((published * weight).sum()) - row['MAG_FPHOT']
        if row['SNR_FPHOT'] < 15 or abs(own) > 0.03:  # not bright and centred
            continue
        variances, good = [thumbnail_variance(p) for p in (science, template)], np.zeros(science.shape, bool)
        result = subtract(science, template, *variances, good, good, stamps=np.array([[26, 70]]))
        flux = (result.image * weight).sum() / (result.kernel_sum if result.direction == 'science' else 1.0)
        differences.append(row['ZP_FPHOT'] - 2.5 * np.log10(flux) - row['MAG_FPHOT'])
    assert len(differences) >= 4 and np.abs(differences).max() < 0.05


@pytest.mark.realdata
def test_a_thumbnail_with_one_object_is_rejected(realdata):
    """A candidate that is the only object: nothing tells the change of its flux from that of the PSF."""
    (science, template, _), _ = next(thumbnails(realdata, '207556'))
    good = np.zeros(science.shape, bool)
    with pytest.raises(BadData, match='no common stars'):
        subtract(science, template, thumbnail_variance(science), thumbnail_variance(template), good, good)
