"""Raw files: what is written comes back; what is missing or broken is named."""
import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import Header

from sediff.errors import BadInput
from sediff.formats.raw import read_raw_ccd, read_raw_primary, write_raw


@pytest.fixture
def raw(tmp_path):
    path, rng = tmp_path / 'DECam_00000042.fits.fz', np.random.default_rng(1)
    pixels = {25: rng.integers(0, 65536, (64, 216)).astype(np.uint16),
              33: rng.integers(900, 1100, (64, 216)).astype(np.uint16)}
    primary = Header({'EXPNUM': 42, 'OBJECT': 'field', 'FILTER': 'r DECam', 'GAINA': 0.0})
    primary['HIERARCH TIME_RECORDED'] = 'now'
    write_raw(path, primary, [(name, pixels[ccd], Header({'CCDNUM': ccd, 'DETPOS': name, 'GAINA': 4.0}))
                              for name, ccd in (('S1', 25), ('N2', 33))])
    return path, pixels


def test_round_trip(raw):
    path, pixels = raw
    for ccd, expected in pixels.items():
        image, header = read_raw_ccd(path, ccd)
        assert image.dtype == np.float32 and np.array_equal(image, expected)
        assert header['EXPNUM'] == 42 and header['CCDNUM'] == ccd and header['GAINA'] == 4.0
        assert header['TIME_RECORDED'] == 'now'
    primary, ccds = read_raw_primary(path)
    assert primary['OBJECT'] == 'field' and ccds == [25, 33]


def test_stored_as_real_files_are(raw):
    header = fits.open(raw[0], disable_image_compression=True)['S1'].header
    assert header['BZERO'] == 32768 and header['ZBITPIX'] == 16 and header['ZCMPTYPE'] == 'RICE_1'
    assert header['ZTILE1'] == 216 and header['ZTILE2'] == 1
    with fitsio.FITS(str(raw[0])) as handle:
        assert handle['S1'].is_compressed()


def test_found_by_number_where_the_name_is_wrong(tmp_path):
    path = tmp_path / 'DECam_00000001.fits'
    write_raw(path, Header(), [('im1', np.full((8, 8), 7, np.uint16), Header({'CCDNUM': 12}))])
    assert read_raw_ccd(path, 12)[0].mean() == 7


def test_absent_ccd(raw):
    with pytest.raises(BadInput, match=r'DECam_00000042.*CCD 34.*S1 \(CCD 25\), N2 \(CCD 33\)'):
        read_raw_ccd(raw[0], 34)


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match='no such file'):
        read_raw_ccd(tmp_path / 'DECam_00000003.fits.fz', 33)


@pytest.mark.parametrize('part', [0.2, 0.5, 0.9])
def test_truncated_file(raw, part):
    data = raw[0].read_bytes()
    raw[0].write_bytes(data[:int(part * len(data))])
    with pytest.raises(BadInput, match='DECam_00000042'):
        read_raw_ccd(raw[0], 33)


def test_wrong_pixels(tmp_path):
    with pytest.raises(BadInput, match='16-bit'):
        write_raw(tmp_path / 'x.fits.fz', Header(), [('S1', np.zeros((8, 8), np.float32), Header())])
    assert not (tmp_path / 'x.fits.fz').exists()


def test_cards_of_a_raw_exposure_reach_its_products(tmp_path):
    """Undefined ones, strings over several cards, long integers: read, through the copy for other workers, written."""
    from sediff.ccdimage import CcdImage
    from sediff.formats.fits import read_ccd, write_ccd
    from sediff.formats.raw_scratch import RawScratch
    from sediff.instruments.headers import trimmed_header
    from sediff.repository.inventory import raw_ccds
    pixels = np.full((40, 60), 1000, np.uint16)
    primary = Header({'EXPNUM': 1, 'DATE-OBS': '2020-01-02T03:04:05', 'FILTER': 'r DECam', 'HUMIDITY': None,
                      'SERIAL': 10**25})
    primary['PROGRAM'] = 'Precision astrometry of a cluster whose name is too long for a single card of eighty letters'
    path = tmp_path / 'DECam_00000001.fits.fz'
    write_raw(path, primary, [('S29', pixels, Header({'CCDNUM': 1}))])
    data = path.read_bytes()
    at = data.index(b'FILTER  = ') + 10
    path.write_bytes(data[:at] + b'-NAN'.ljust(20) + data[at + 20:])
    for read in (read_raw_ccd, RawScratch(tmp_path)):
        image, header = read(path, 1)
        header['FILTER'] = 'r DECam'
        planes = image.astype(np.float32), pixels * 0, pixels * np.float32(1)
        write_ccd(tmp_path / 'p.fits.fz', CcdImage(*planes, trimmed_header(header)))
        found = read_ccd(tmp_path / 'p.fits.fz').header
        assert 'HUMIDITY' in found and found['HUMIDITY'] is None and found['SERIAL'] == 10**25
        assert found['PROGRAM'] == primary['PROGRAM'] and found['BAND'] == 'r'
    assert raw_ccds(path) == {1}
