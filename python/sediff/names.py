"""Every file name, once: the work tree, the products of a CCD and of an exposure (DES-GW's shapes)."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Exposure:
    """An exposure (and, where set, one CCD of it) in one processing version.

    Parameters
    ----------
    root : Path
        Top of the work tree.
    expnum, ccd : int
        Exposure number, any length; CCD 1-62, 0 for the whole exposure.
    nite : str
        YYYYMMDD, UTC date minus 12 h.
    season : str
        Difference-imaging version, `dpNN`.
    field : str
        `WS...` name of the pointing, part of the difference-imaging file names.
    """

    root: Path
    expnum: int
    nite: str
    band: str
    rnum: str = '4'
    pnum: str = '7'
    season: str = 'dp33'
    cache: str = 'persistent'
    schema: str = 'gw'
    ccd: int = 0
    field: str = 'WS'

    @property
    def rpnum(self) -> str:
        """`r4p7`."""
        return f'r{self.rnum}p{self.pnum}'

    @property
    def folder(self) -> Path:
        """EXPDIR: where an exposure's products are kept."""
        return self.root / self.cache / self.schema / 'exp' / self.nite / str(self.expnum)

    @property
    def diffimg_folder(self) -> Path:
        """Folder of the difference imaging of this CCD."""
        return self.folder / self.season / f'{self.band}_{self.ccd:02d}'

    @property
    def se_folder(self) -> Path:
        """Folder of the logs, stamps and intermediate files of this CCD's single-epoch steps."""
        return self.folder / f'se_{self.ccd:02d}'

    def with_ccd(self, ccd: int) -> Exposure:
        """The same exposure, for one CCD."""
        return replace(self, ccd=ccd)

    def label(self) -> str:
        """How messages name it: `668443 c33`."""
        return f'{self.expnum} c{self.ccd:02d}' if self.ccd else str(self.expnum)


@dataclass(frozen=True)
class Product:
    """A file that a step makes.

    Parameters
    ----------
    name : str
        How steps call it.
    pattern : str
        File name, a format string of `fields`.
    place : str
        'exp' (EXPDIR), 'se' or 'diffimg' (working folders), 'forcephoto'.
    kind : str
        How it is read and written, see `sediff.io.products`.
    keep : bool
        False: handed on in memory, on disk only with KEEP_INTERMEDIATE.
    """

    name: str
    pattern: str
    place: str
    kind: str
    keep: bool = True


CCD = 'D{expnum:08d}_{band}_{ccd:02d}_{rpnum}_'
CAL = 'D{expnum:08d}_{ccd:02d}_{rpnum}_'
WS = 'WSp1_{expnum}_{field}_tile1_{band}_{ccd:02d}'
COMBINED = 'WScombined_{nite}_{field}_{band}_{ccd:02d}'

_TABLE = (
    # single epoch
    Product('xtalk', CCD + 'xtalk.fits', 'se', 'ccd', keep=False),
    Product('detrend', CCD + 'detrend.fits', 'se', 'ccd', keep=False),
    Product('bleedmasked', CCD + 'bleedmasked.fits', 'se', 'ccd', keep=False),
    Product('skysub', CCD + 'skysub.fits', 'se', 'ccd', keep=False),
    Product('crmasked', CCD + 'crmasked.fits', 'se', 'ccd', keep=False),
    Product('sextractor', CCD + 'sextractor.fits', 'se', 'ldac'),
    Product('head', CCD + 'sextractor.head', 'exp', 'text'),
    Product('astrometry', CCD + 'astrometry.json', 'exp', 'json'),
    Product('immask', CCD + 'immask.fits.fz', 'exp', 'ccd'),
    Product('psf', CCD + 'sextractorPSFEX.psf', 'exp', 'psf'),
    Product('psf_map', CCD + 'psfmap.json', 'exp', 'json'),
    Product('fullcat', CCD + 'fullcat.fits', 'exp', 'ldac'),
    Product('out', '{expnum}_{ccd}.out', 'exp', 'text'),
    Product('std', CCD + 'fullcat_std.csv', 'exp', 'csv'),
    Product('obj', CCD + 'fullcat_Obj.csv', 'exp', 'csv'),
    Product('match', CCD + 'fullcat_match.csv', 'exp', 'csv'),
    Product('zero', 'Zero_D{expnum:08d}_{ccd:02d}_{rpnum}.csv', 'exp', 'csv'),
    Product('zp', CAL + 'ZP.csv', 'exp', 'csv'),
    Product('zp_fits', CAL + 'ZP.fits', 'exp', 'table'),
    Product('zero_point', 'Merg_allZP_' + CAL.removesuffix('_') + '.csv', 'exp', 'csv'),
    Product('quality', CCD + 'quality.json', 'exp', 'json'),
    # difference imaging
    Product('search', WS + '.fits', 'diffimg', 'ccd', keep=False),
    Product('pairs', WS + '_pairs.out', 'diffimg', 'text'),
    Product('starcat', WS + '_starCat.cat', 'diffimg', 'text'),
    Product('wstemplate', WS + '_WStemplate.json', 'diffimg', 'json'),
    Product('wcscheck', WS + '_stripPV.json', 'diffimg', 'json'),
    Product('weighted', WS + '.weight.fits', 'diffimg', 'ccd', keep=False),
    Product('sex1', WS + '.cat', 'diffimg', 'ldac'),
    Product('astrom', WS + '_astrom.json', 'diffimg', 'json'),
    Product('template_heads', WS + '_templates.head', 'diffimg', 'headers'),
    Product('sex2', WS + '_sex2.cat', 'diffimg', 'ldac'),
    Product('search_zp', WS + '_zp.json', 'diffimg', 'json'),
    Product('search_psf', WS + '.psf', 'diffimg', 'psf'),
    Product('faked', WS + '+fakeSN.fits', 'diffimg', 'ccd', keep=False),
    Product('dofake', WS + '+fakeSN_doFake.out', 'diffimg', 'text'),
    Product('combined', COMBINED + '+fakeSN.fits', 'diffimg', 'ccd', keep=False),
    Product('combined_cat', COMBINED + '+fakeSN.cat', 'diffimg', 'ldac'),
    Product('combined_psf', COMBINED + '+fakeSN.psf', 'diffimg', 'psf'),
    Product('ingest', COMBINED + '_ingest.json', 'diffimg', 'json'),
    Product('template', COMBINED + '_template.fits', 'diffimg', 'ccd', keep=False),
    Product('template_info', COMBINED + '_template.json', 'diffimg', 'json'),
    Product('template_zones', COMBINED + '_template_zones.fits', 'diffimg', 'zones', keep=False),
    Product('template_psf', COMBINED + '_template.psf', 'diffimg', 'psf'),
    Product('template_quality', COMBINED + '_template_psf.json', 'diffimg', 'json'),
    Product('template_cat', COMBINED + '_template.cat', 'diffimg', 'ldac'),
    Product('diff', COMBINED + '+fakeSN_diff.fits', 'diffimg', 'ccd', keep=False),
    Product('diff_psf', COMBINED + '+fakeSN_diff.psf', 'diffimg', 'psf'),
    Product('photons', COMBINED + '+fakeSN_diff.photons.fits', 'diffimg', 'plane', keep=False),
    Product('kern', COMBINED + '+fakeSN_diff.kern.fits', 'diffimg', 'kernel'),
    Product('diff_info', COMBINED + '+fakeSN_diff.json', 'diffimg', 'json'),
    Product('star_shifts', COMBINED + '+fakeSN_starShifts.csv', 'diffimg', 'csv'),
    Product('diff_quality', COMBINED + '+fakeSN_coaddWSdiff.json', 'diffimg', 'json'),
    Product('diff_cat', COMBINED + '+fakeSN_diff.cat', 'diffimg', 'ldac'),
    Product('score_info', COMBINED + '+fakeSN_diff_score.json', 'diffimg', 'json'),
    Product('diff_mh', COMBINED + '+fakeSN_diff_mh.fits.fz', 'diffimg', 'ccd'),
    Product('template_mh', COMBINED + '_template_mh.fits.fz', 'diffimg', 'ccd'),
    Product('filterobj', COMBINED + '+fakeSN_filterObj.out', 'diffimg', 'text'),
    Product('stamps', 'stamps_{nite}_{field}_{band}_{ccd:02d}.tar.gz', 'diffimg', 'stamps'),
    Product('autoscan', COMBINED + '+fakeSN_autoScan.out', 'diffimg', 'text'),
    Product('makecand', COMBINED + '+fakeSN_makeCand.out', 'diffimg', 'text'),
    Product('forced', 'forcePhoto_' + COMBINED + '.out', 'diffimg', 'text'),
    Product('fakematch', COMBINED + '+fakeSN_fakeMatch.out', 'diffimg', 'text'),
    Product('force_image', COMBINED + '+fakeSN_diff.fits.fz', 'forcephoto', 'ccd'),
    Product('force_psf', COMBINED + '+fakeSN_diff.psf', 'forcephoto', 'psf'),
)
PRODUCTS = {product.name: product for product in _TABLE}


def product_path(exposure: Exposure, name: str) -> Path:
    """Path of a product of this exposure and CCD."""
    product = PRODUCTS[name]
    fields = {'expnum': exposure.expnum, 'band': exposure.band, 'ccd': exposure.ccd, 'rpnum': exposure.rpnum,
              'nite': exposure.nite, 'field': exposure.field}
    places = {'exp': exposure.folder, 'se': exposure.se_folder, 'diffimg': exposure.diffimg_folder,
              'forcephoto': forcephoto_folder(exposure)}
    return places[product.place] / product.pattern.format(**fields)


def forcephoto_folder(exposure: Exposure) -> Path:
    """Where the images for later forced photometry are gathered."""
    base = exposure.root / exposure.cache / exposure.schema / 'forcephoto' / 'images'
    return base / exposure.season / exposure.nite / str(exposure.expnum)


def raw_path(root: Path, nite: str, expnum: int) -> Path:
    """The raw exposure."""
    return root / 'dts' / nite / f'DECam_{expnum:08d}.fits.fz'


def database_path(exposure: Exposure) -> Path:
    """The season's SQLite file of detections and candidates."""
    return exposure.root / exposure.cache / exposure.schema / 'db' / f'{exposure.season}.sqlite'


CALIB_FOLDERS = {'biascor': 'biascor', 'norm-dflatcor': 'norm_dflatcor', 'bpm': 'bpm', 'starflat': 'starflat',
                 'darkcor': 'darkcor'}
#: Kinds of calibration images that belong to a band.
BANDED_CALIBRATIONS = ('norm-dflatcor', 'starflat', 'skypca-tmpl')


def calib_path(root: Path, kind: str, nite: str, ccd: int, band: str | None = None) -> Path:
    """A calibration image: kind is 'biascor', 'darkcor' or 'bpm', or 'norm-dflatcor' or 'starflat' (which need the band)."""
    middle = f'{band}_c{ccd:02d}' if band else f'c{ccd:02d}'
    return root / 'calib' / CALIB_FOLDERS[kind] / f'D_n{nite}_{middle}_{kind}.fits'


def sky_components_path(root: Path, nite: str, band: str) -> Path:
    """Sky components of a band, binned over the focal plane."""
    return root / 'calib' / 'skypca' / f'D_n{nite}_{band}_skypca-binned-fp.fits'


def sky_template_path(root: Path, nite: str, band: str, ccd: int) -> Path:
    """Full-resolution sky templates of a CCD, made with the components of the same night."""
    return root / 'calib' / 'skypca' / f'D_n{nite}_{band}_c{ccd:02d}_skypca-tmpl.fits'


def exposure_table(exposure: Exposure, name: str) -> Path:
    """Tables of a whole exposure: 'out', 'allZP', 'ZP', 'red_catlist', 'Merged', 'Merg_allZP'."""
    stem = f'D{exposure.expnum:08d}'
    names = {'out': f'{exposure.expnum}.out',
             'allZP': f'allZP_{stem}_{exposure.rpnum}.csv',
             'ZP': f'{stem}_{exposure.rpnum}_ZP.csv',
             'red_catlist': f'{stem}_{exposure.rpnum}_red_catlist.csv',
             'STD': f'STD{stem}_{exposure.rpnum}_red_catlist.csv',
             'OUT': f'OUT{stem}_{exposure.rpnum}_red_catlist.csv',
             'Merged': f'Merged_{stem}_{exposure.ccd:02d}_{exposure.rpnum}.csv',
             'Merg_allZP': f'Merg_allZP_{stem}_{exposure.ccd:02d}_{exposure.rpnum}.csv',
             'astrometry': f'{stem}_{exposure.rpnum}_astrometry.json',
             'qc': f'qc_{stem}_{exposure.rpnum}.json',
             'qc_png': f'qc_{stem}_{exposure.rpnum}.png',
             'sky': f'{stem}_{exposure.rpnum}_sky.fits',
             'page': f'candidates_{exposure.expnum}_{exposure.season}.html'}
    return exposure.folder / names[name]


def star_list_path(exposure: Exposure, name: str) -> Path:
    """A SNSTAR or SNVETO list of the search exposure, kept beside its products."""
    return exposure.folder / name
