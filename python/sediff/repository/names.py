"""Every file name, once: the work tree, the products of a CCD and of an exposure (DES-GW's shapes)."""
from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from pathlib import Path

from sediff.instruments.base import Detector, Instrument
from sediff.instruments.load import default_instrument
from sediff.instruments.rawfiles import detector_files, raw_name
from sediff.values import TABLE_FORMS


@dataclass(frozen=True)
class Exposure:
    """An exposure (and, where set, one CCD of it) in one processing version.

    Parameters
    ----------
    root : Path
        Top of the work tree.
    expnum, ccd : int
        Exposure number, any length; CCD, 0 for the whole exposure.
    nite : str
        YYYYMMDD, the instrument's night offset before the UTC date (12 h).
    season : str
        Difference-imaging version, `dpNN`.
    field : str
        `WS...` name of the pointing, part of the difference-imaging file names.
    rerun : str
        Tree of its products, ROOT/rerun/RERUN; '' for ROOT itself.
    instrument : Instrument
        The camera that took it.
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
    rerun: str = ''
    instrument: Instrument = dataclass_field(default_factory=default_instrument, repr=False)

    @property
    def detector(self) -> Detector:
        """The detector of this CCD."""
        return self.instrument.detector(self.ccd)

    @property
    def rpnum(self) -> str:
        """`r4p7`."""
        return f'r{self.rnum}p{self.pnum}'

    @property
    def tree(self) -> Path:
        """Top of the tree that its products are written to."""
        return self.root / 'rerun' / self.rerun if self.rerun else self.root

    @property
    def folder(self) -> Path:
        """EXPDIR: where an exposure's products are written."""
        return folder_of(self, 'exp')

    @property
    def se_folder(self) -> Path:
        """Folder of the logs, stamps and intermediate files of this CCD's single-epoch steps."""
        return folder_of(self, 'se')

    def with_ccd(self, ccd: int) -> Exposure:
        """The same exposure, for one CCD."""
        return replace(self, ccd=ccd)

    def label(self) -> str:
        """How messages name it: `668443 c33`."""
        return f'{self.expnum} c{self.ccd:02d}' if self.ccd else str(self.expnum)


@dataclass(frozen=True)
class Product:
    """A file of the work tree.

    Parameters
    ----------
    name : str
        How steps call it.
    pattern : str
        File name, a format string of `fields_of`.
    place : str
        Its folder, see `PLACES`.
    kind : str
        How it is read and written, see `sediff.repository.products`.
    keep : bool
        False: handed on in memory, on disk only with KEEP_INTERMEDIATE.
    """

    name: str
    pattern: str
    place: str
    kind: str
    keep: bool = True


_EXPDIR = '{cache}/{schema}/exp/{nite}/{expnum}'
#: Folders of products, below the tree of their run.
PLACES = {
    'exp': _EXPDIR,
    'night': '{cache}/{schema}/exp/{nite}',
    'night_locks': '{cache}/{schema}/exp/{nite}/locks',
    'se': _EXPDIR + '/se_{ccd:02d}',
    'diffimg': _EXPDIR + '/{season}/{band}_{ccd:02d}',
    'locks': _EXPDIR + '/locks',
    'forcephoto': '{cache}/{schema}/forcephoto/images/{season}/{nite}/{expnum}',
    'light_curves': '{cache}/{schema}/forcephoto/output/{season}',
    'db': '{cache}/{schema}/db',
    'prepared': '{cache}/{schema}/prepared/{band}/{expnum}_{ccd:02d}',
    'prepared_all': '{cache}/{schema}/prepared',
}
#: Folders of what is given, below ROOT whatever the run.
GIVEN_PLACES = {
    'raw': 'dts/{nite}',
    **{name: f'calib/{name}' for name in ('biascor', 'darkcor', 'norm_dflatcor', 'bpm', 'starflat', 'skypca', 'linearity')},
}

CCD = 'D{expnum:08d}_{band}_{ccd:02d}_{rpnum}_'
EXP = 'D{expnum:08d}_{rpnum}_'
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
    # of the whole exposure
    Product('binned_sky', EXP + 'sky.fits', 'exp', 'sky'),
    Product('common_solution', EXP + 'astrometry.json', 'exp', 'json'),
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
    Product('diff_sky', COMBINED + '+fakeSN_diff_sky.json', 'diffimg', 'json'),
    Product('diff_mh', COMBINED + '+fakeSN_diff_mh.fits.fz', 'diffimg', 'ccd'),
    Product('template_mh', COMBINED + '_template_mh.fits.fz', 'diffimg', 'ccd'),
    Product('filterobj', COMBINED + '+fakeSN_filterObj.out', 'diffimg', 'text'),
    Product('cut_reasons', COMBINED + '+fakeSN_filterObj.csv', 'diffimg', 'csv'),
    Product('stamps', 'stamps_{nite}_{field}_{band}_{ccd:02d}.tar.gz', 'diffimg', 'stamps'),
    Product('autoscan', COMBINED + '+fakeSN_autoScan.out', 'diffimg', 'text'),
    Product('makecand', COMBINED + '+fakeSN_makeCand.out', 'diffimg', 'text'),
    Product('forced', 'forcePhoto_' + COMBINED + '.out', 'diffimg', 'text'),
    Product('fakematch', COMBINED + '+fakeSN_fakeMatch.out', 'diffimg', 'text'),
    Product('injected', COMBINED + '+fakeSN_injected.csv', 'diffimg', 'csv'),
    Product('injected_info', COMBINED + '+fakeSN_injected.json', 'diffimg', 'json'),
    Product('force_image', COMBINED + '+fakeSN_diff.fits.fz', 'forcephoto', 'ccd'),
    Product('force_psf', COMBINED + '+fakeSN_diff.psf', 'forcephoto', 'psf'),
    Product('force_photons', COMBINED + '+fakeSN_diff.photons.fits.fz', 'forcephoto', 'plane'),
)
PRODUCTS = {product.name: product for product in _TABLE}

CALIB = 'D_n{nite}_c{ccd:02d}_'
BANDED_CALIB = 'D_n{nite}_{band}_c{ccd:02d}_'

_OTHERS = (
    # of a whole exposure
    Product('exposure_out', '{expnum}.out', 'exp', 'text'),
    Product('exposure_std', 'STD' + EXP + 'red_catlist.csv', 'exp', 'csv'),
    Product('exposure_match', 'OUT' + EXP + 'red_catlist.csv', 'exp', 'csv'),
    Product('red_catlist', EXP + 'red_catlist.csv', 'exp', 'csv'),
    Product('all_zp', 'allZP_' + EXP.removesuffix('_') + '.csv', 'exp', 'csv'),
    Product('merged', 'Merged_' + CAL.removesuffix('_') + '.csv', 'exp', 'csv'),
    Product('exposure_zp', EXP + 'ZP.csv', 'exp', 'csv'),
    Product('qc', 'qc_' + EXP.removesuffix('_') + '.json', 'exp', 'json'),
    Product('qc_png', 'qc_' + EXP.removesuffix('_') + '.png', 'exp', 'file'),
    Product('page', 'candidates_{expnum}_{season}.html', 'exp', 'text'),
    Product('fakes', 'fakes_{expnum}_{season}_{ccd:02d}.csv', 'exp', 'csv'),
    Product('fakes_efficiency', 'fakes_{expnum}_{season}_efficiency.csv', 'exp', 'csv'),
    Product('fakes_summary', 'fakes_{expnum}_{season}_efficiency.json', 'exp', 'json'),
    Product('fakes_png', 'fakes_{expnum}_{season}_efficiency.png', 'exp', 'file'),
    Product('injected_efficiency', 'efficiency_{expnum}_{season}.csv', 'exp', 'csv'),
    Product('injected_summary', 'efficiency_{expnum}_{season}.json', 'exp', 'json'),
    Product('injected_png', 'efficiency_{expnum}_{season}.png', 'exp', 'file'),
    *(Product(f'candidates_{form}', f'candidates_{{expnum}}.{suffix}', 'exp', 'file')
      for form, suffix in zip(TABLE_FORMS, ('csv', 'fits', 'vot', 'parquet'), strict=True)),
    Product('sky_sources', COMBINED + '+fakeSN_skySources.json', 'diffimg', 'json'),
    Product('pages', 'candidates_{expnum}_{season}', 'exp', 'folder'),
    Product('night_page', 'night_{nite}_{season}.html', 'night', 'text'),
    Product('withdrawn', 'withdrawn_{expnum}.json', 'exp', 'json'),
    # of a plan and a season
    Product('ws_diff', 'WS_diff.list', 'exp', 'text'),
    Product('copy_pairs', 'copy_pairs_for_{expnum}.sh', 'exp', 'text'),
    Product('choices', 'choices_{expnum}.list', 'exp', 'text'),
    Product('database', '{season}.sqlite', 'db', 'file'),
    # locks
    Product('ccd_lock', '{expnum}_{ccd:02d}.lock', 'locks', 'file'),
    Product('tables_lock', '{expnum}_tables.lock', 'locks', 'file'),
    Product('page_lock', '{expnum}_{season}_page.lock', 'locks', 'file'),
    Product('night_lock', '{nite}_{season}_page.lock', 'night_locks', 'file'),
    Product('table_sums', '{expnum}_tables.sums', 'locks', 'json'),
    Product('sky_lock', '{expnum}_sky.lock', 'locks', 'file'),
    # what is given
    Product('raw', '', 'raw', 'file'),                  # named by the instrument
    Product('biascor', CALIB + 'biascor.fits', 'biascor', 'file'),
    Product('darkcor', CALIB + 'darkcor.fits', 'darkcor', 'file'),
    Product('bpm', CALIB + 'bpm.fits', 'bpm', 'file'),
    Product('norm-dflatcor', BANDED_CALIB + 'norm-dflatcor.fits', 'norm_dflatcor', 'file'),
    Product('starflat', BANDED_CALIB + 'starflat.fits', 'starflat', 'file'),
    Product('linearity', CALIB + 'linearity.csv', 'linearity', 'file'),
    Product('sky_components', 'D_n{nite}_{band}_skypca-binned-fp.fits', 'skypca', 'file'),
    Product('sky_template', BANDED_CALIB + 'skypca-tmpl.fits', 'skypca', 'file'),
)
#: Everything in the tree that has a name: the products of the steps, and the rest.
FILES = PRODUCTS | {product.name: product for product in _OTHERS}
#: Kinds of calibration images that belong to a band.
BANDED_CALIBRATIONS = ('norm-dflatcor', 'starflat', 'sky_template')


def fields_of(exposure: Exposure) -> dict:
    """What patterns are filled with."""
    return {name: getattr(exposure, name) for name in ('expnum', 'nite', 'band', 'ccd', 'rpnum', 'season', 'cache', 'schema',
                                                       'field')}


def folder_of(exposure: Exposure, place: str) -> Path:
    """A folder of `PLACES` or `GIVEN_PLACES`, in the exposure's own tree."""
    if place in GIVEN_PLACES:
        return exposure.root / GIVEN_PLACES[place].format(**fields_of(exposure))
    return exposure.tree / PLACES[place].format(**fields_of(exposure))


def product_path(exposure: Exposure, name: str) -> Path:
    """Where a product of this exposure and CCD is written."""
    if name == 'raw':
        return raw_path(exposure.root, exposure.nite, exposure.expnum, exposure.instrument, exposure.ccd)
    return folder_of(exposure, FILES[name].place) / product_name(exposure, name)


def product_name(exposure: Exposure, name: str) -> str:
    """File name of a product, but the raw file's, of this exposure and CCD."""
    return FILES[name].pattern.format(**fields_of(exposure))


def light_curve_name(identifier: int, form: str = 'dat') -> str:
    """File name of the light curve of a candidate, as DES-GW's data files have it."""
    return f'des_real_{identifier:08d}.{form}'


def raw_path(root: Path, nite: str, expnum: int, instrument: Instrument | None = None, ccd: int = 0) -> Path:
    """The raw file of an exposure; where each CCD has its own, that of the CCD, default the first that is there."""
    instrument, folder = instrument or default_instrument(), root / GIVEN_PLACES['raw'].format(nite=nite)
    path = folder / raw_name(instrument, expnum, nite, ccd)
    return path if ccd else next(iter(detector_files(path, instrument).values()), path)


def raw_inputs(path: Path, instrument: Instrument) -> list[Path]:
    """All raw files of the exposure to which one belongs."""
    return list(detector_files(path, instrument).values()) or [path]


def calib_path(root: Path, kind: str, nite: str, ccd: int, band: str | None = None) -> Path:
    """A calibration of a night: 'biascor', 'darkcor', 'bpm' or 'linearity', or one that needs the band: 'norm-dflatcor',
    'starflat', 'sky_components' or 'sky_template'."""
    return product_path(Exposure(root, 0, nite, band or '', ccd=ccd), kind)
