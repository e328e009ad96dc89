"""THE table of steps: what runs, in which order, what each needs and makes.

Drivers, runner, monitor, documentation and tests read it. A need is a product of an earlier step or one of `EXTERNAL`.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module


@dataclass(frozen=True)
class Step:
    """One step of a CCD's processing.

    Parameters
    ----------
    id, name : str
        `RUN18`, `combined_hotpants`; logs and stamps are named `RUN18_combined_hotpants`.
    function : str
        `module:function` below `sediff.flow`; takes a `Context`.
    needs, makes : tuple of str
        Products (see `sediff.names`) or external inputs.
    parameters : tuple of str
        Every parameter the step reads; no other is handed to it.
    rooms : tuple of str
        Packages and modules whose code decides the result; a change there redoes the step.
    doc : str
        What it does, one line.
    """

    id: str
    name: str
    function: str
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    doc: str
    parameters: tuple[str, ...] = ()
    rooms: tuple[str, ...] = field(default=())

    @property
    def label(self) -> str:
        """Name of its log and stamps."""
        return f'{self.id}_{self.name}'

    def load(self):
        """The function itself."""
        module, name = self.function.split(':')
        return getattr(import_module(f'sediff.flow.{module}'), name)


#: Inputs that no step makes: name -> what it is.
EXTERNAL = {
    'raw': 'raw exposure, ROOT/dts/NITE/DECam_EXPNUM.fits.fz',
    'crosstalk': 'crosstalk coefficients, catalogs/crosstalk.csv or CROSSTALK_FILE',
    'bias': 'bias image of the CCD',
    'flat': 'normalised dome flat of the CCD and band',
    'bpm': 'bad-pixel mask of the CCD, and BPM_FILE',
    'linearity': 'linearity table (LINEARITY_FILE or ROOT/calib/linearity), optional',
    'bf': 'brighter-fatter table (BF_FILE), optional',
    'tapebumps': 'boxes of tape bumps (TAPEBUMP_FILE), optional',
    'starflat': 'star flat of the CCD and band, optional',
    'skypca': 'sky components of the band, templates and fringes of the CCD (ROOT/calib/skypca), optional',
    'community': 'Community Pipeline image, weight and mask (ooi, oow, ood), with INPUT=community',
    'refcat': 'shards of reference stars',
    'common': 'common astrometric solution of the exposure, for a CCD that its own stars do not solve; optional',
    'templates': 'immask, fullcat, psf and Merg_allZP files of the overlapping template CCDs',
    'snstar': 'SNSTAR list (-T), optional',
    'snveto': 'SNVETO list (-V), optional',
    'fakes': 'list of known injected sources (FAKE_LIST), optional',
}

SE = (
    Step('SE01', 'crosstalk', 'single_epoch:crosstalk', ('raw', 'crosstalk'), ('xtalk',),
         'overscan, trim, crosstalk of the other amplifiers', ('CROSSTALK', 'OVERSCAN', 'SSXTALK_LEVEL'),
         ('isr', 'camera', 'io/crosstalk')),
    Step('SE02', 'pixcorrect', 'single_epoch:pixcorrect', ('xtalk', 'bias', 'flat', 'bpm', 'linearity', 'bf', 'tapebumps'),
         ('detrend',), 'bias, saturation, linearity, gain, brighter-fatter, flat, bad pixels and columns, weight',
         ('EDGE_WIDTH', 'NEAREDGE_WIDTH', 'SATURATION_GROWTH', 'FIXCOLS'), ('isr', 'camera', 'io/badpixels')),
    Step('SE03', 'bleedmask', 'single_epoch:bleedmask', ('detrend',), ('bleedmasked',),
         'bleed trails, halos of bright stars', ('BLEED_MIN_LENGTH', 'HALO_LEVEL', 'INTERPOLATE_TRAILS'), ('isr',)),
    Step('SE04', 'skysub', 'single_epoch:skysub', ('bleedmasked', 'skypca'), ('skysub',),
         'sky and fringes by components of the focal plane, or sky from a robust mesh; its noise into the weight',
         ('SKY_MODEL', 'SKY_MAX_RMS', 'SKY_BLOCK'), ('isr', 'flow/sky')),
    Step('SE05', 'cosmicray', 'single_epoch:cosmicray', ('skysub',), ('crmasked',),
         'cosmic rays and streaks into the mask, weight zero where nothing is known', ('CR_THRESHOLD', 'STREAKS'),
         ('isr', 'catalog')),
    Step('SE06', 'sextractor', 'single_epoch:sextractor', ('crmasked',), ('sextractor',),
         'bright detections for astrometry and PSF', ('BRIGHT_THRESHOLD',), ('catalog',)),
    Step('SE07', 'scamp', 'single_epoch:scamp', ('crmasked', 'sextractor', 'refcat', 'common'),
         ('head', 'astrometry'),
         'world coordinates from reference stars',
         ('POSITION_MAXERR', 'ROTATION_MAXERR', 'ASTROM_MIN_STARS', 'ASTROM_MAX_RMS', 'ASTROM_MIN_CONTRAST', 'ASTROM_FLOOR',
          'ASTROM_MAX_ORDER', 'ASTROM_START', 'REFCAT_DIR'), ('astrometry', 'refcat', 'camera')),
    Step('SE08', 'immask', 'single_epoch:immask', ('crmasked', 'sextractor', 'head', 'astrometry', 'starflat'), ('immask',),
         'the science product: star flat, image, mask and weight with the solved header', (), ('io', 'isr')),
    Step('SE09', 'psfex', 'single_epoch:psfex', ('immask', 'sextractor'), ('psf', 'psf_map'),
         'PSF model varying over the CCD, its quality and maps of FWHM and ellipticity',
         ('PSF_DEGREE', 'PSF_SIZE', 'PSF_BRIGHT_MARGIN'), ('psf',)),
    Step('SE10', 'fullcat', 'single_epoch:fullcat', ('immask', 'psf'), ('fullcat',),
         'catalogue with PSF fluxes and SPREAD_MODEL', ('DETECT_THRESH', 'APERTURES'), ('catalog', 'psf')),
    Step('SE11', 'getcorners', 'single_epoch:getcorners', ('immask',), ('out',),
         'corners of the CCD on the sky', (), ('camera',)),
)

#: In place of SE01 to SE05 with INPUT=community.
COMMUNITY = (
    Step('SE05', 'community', 'community:ingest', ('community',), ('crmasked',),
         'an image of the Community Pipeline with its mask and weight translated',
         ('EDGE_WIDTH', 'NEAREDGE_WIDTH', 'SKY_BLOCK'), ('isr', 'camera')),
)

CALIBRATION = (
    Step('SE12', 'expCalib', 'calibrate:calibrate', ('fullcat', 'immask', 'psf', 'refcat'),
         ('std', 'obj', 'match', 'zero', 'quality'), 'zero point from reference stars, t_eff and depth',
         ('ZP_MAG_MIN', 'ZP_MAG_MAX', 'ZP_MIN_STARS', 'ZP_COLOUR_MIN', 'ZP_COLOUR_MAX', 'ZP_MATCH_RADIUS', 'ZP_BLEND_RADIUS',
          'ZP_MAX_PEAK', 'ZP_SPATIAL_DEGREE', 'ZP_MAG_TYPE', 'REFCAT_DIR', 'REFCAT_CASCADE'),
         ('photometry', 'refcat', 'isr/sky_fringe')),
)

#: Runs for the whole exposure after its CCDs, under one lock; brings up to date what it makes for each CCD.
EXPOSURE = (
    Step('SE13', 'exposureTables', 'tables:write_exposure_tables', ('fullcat', 'zero', 'quality'),
         ('zp', 'zp_fits', 'zero_point'),
         'zero point of the exposure for CCDs without their own, outliers over the CCDs, calibrated catalogues, qc',
         ('ZP_MIN_STARS', 'ZP_OUTLIER', 'ZP_MAX_RMS'), ('photometry', 'report')),
)

DIFFIMG = (
    Step('RUN01', 'expose_prepData', 'diffimg_prepare:prep_data', ('immask', 'templates'), ('search', 'pairs'),
         'fetch the search image, list the template CCDs that overlap it', (), ('template',)),
    Step('RUN02', 'expose_makeStarCat', 'diffimg_prepare:make_star_cat', ('search', 'fullcat', 'zero_point', 'snstar'),
         ('starcat',), 'calibration stars of this CCD, from SNSTAR or the catalogue itself', ('STAR_MAX_MAGERR',),
         ('photometry',)),
    Step('RUN03', 'expose_mkWStemplate', 'diffimg_prepare:make_ws_template', ('fullcat', 'zero_point', 'templates'),
         ('wstemplate',), 'relative zero point of each template CCD, rejects those with too few stars',
         ('WSTEMPLATE_NSTARMIN',), ('photometry', 'template')),
    Step('RUN04', 'expose_stripPV', 'diffimg_prepare:strip_pv', ('search', 'templates'), ('wcscheck',),
         'PV terms are kept; checks that every WCS can be read and inverted', (), ('camera',)),
    Step('RUN05', 'expose_makeWeight', 'diffimg_prepare:make_weight', ('search',), ('weighted',),
         'weight zero on mask bits 0x47DB', ('WEIGHT_MASK',), ()),
    Step('RUN06', 'expose_sex1', 'diffimg_prepare:sex1', ('weighted',), ('sex1',),
         'detections of the search image for the joint astrometry', ('BRIGHT_THRESHOLD',), ('catalog',)),
    Step('RUN07', 'combined_astromScamp', 'diffimg_prepare:astrom_scamp', ('weighted', 'sex1', 'wstemplate', 'templates'),
         ('astrom',), 'offset of each template CCD from the search image', (), ('astrometry',)),
    Step('RUN08', 'combined_astromHeaders', 'diffimg_prepare:astrom_headers', ('astrom', 'templates'),
         ('template_heads',), 'template headers with that offset', (), ('astrometry',)),
    Step('RUN09', 'expose_sex2', 'diffimg_prepare:sex2', ('weighted', 'sex1', 'starcat', 'zero_point'),
         ('sex2', 'search_zp'),
         'detections matched to the calibration stars, zero point checked', (), ('photometry',)),
    Step('RUN10', 'expose_psfex1', 'diffimg_prepare:psfex1', ('psf', 'weighted', 'sex2'), ('search_psf',),
         'PSF model of the search exposure', (), ('psf',)),
    Step('RUN11', 'combined+expose_doFake', 'diffimg_prepare:do_fake', ('weighted', 'fakes'), ('faked', 'dofake'),
         'with DOFAKE_FLAG 0 the image unchanged and the list of known fakes', ('DOFAKE_FLAG', 'FAKE_LIST'), ()),
    Step('RUN12', 'combined_swarpSEARCH', 'diffimg_subtract:swarp_search', ('faked',), ('combined',),
         'search coadd; one exposure is its own coadd', (), ('template',)),
    Step('RUN13', 'combined_sexCoadd', 'diffimg_subtract:sex_coadd', ('combined', 'sex2'), ('combined_cat',),
         'detections of the search coadd', ('BRIGHT_THRESHOLD',), ('catalog',)),
    Step('RUN14', 'combined_psfexCoadd', 'diffimg_subtract:psfex_coadd', ('combined', 'combined_cat', 'search_psf'),
         ('combined_psf',), 'PSF model of the search coadd', (), ('psf',)),
    Step('RUN15', 'combined_ingest', 'diffimg_subtract:ingest', ('combined', 'combined_psf', 'search_zp', 'quality'),
         ('ingest',), 'image metadata into the database', (), ('candidates', 'io', 'photometry')),
    Step('RUN16', 'combined+expose_distorTEMPLATES', 'diffimg_subtract:distort_templates',
         ('combined', 'wstemplate', 'template_heads', 'templates'), ('template', 'template_info', 'template_zones'),
         'template CCDs onto the search grid, one resampling, and their coadd without artefacts, with one PSF', (),
         ('warp', 'template', 'isr', 'flow/template_inputs', 'psf', 'subtract/holes', 'subtract/zones')),
    Step('RUN17', 'combined+expose_sexDistorTEMPLATES', 'diffimg_subtract:sex_template',
         ('template', 'template_info', 'combined', 'wstemplate', 'template_heads', 'templates'),
         ('template_cat', 'template_psf', 'template_quality'), 'detections of the template, its PSF and depth',
         ('BRIGHT_THRESHOLD', 'PSF_DEGREE', 'PSF_SIZE'), ('catalog', 'psf', 'template', 'flow/template_inputs')),
    Step('RUN18', 'combined+expose_hotpants', 'diffimg_subtract:hotpants',
         ('combined', 'template', 'template_zones', 'combined_psf', 'template_psf', 'template_info', 'template_heads',
          'wstemplate', 'refcat'),
         ('diff', 'diff_psf', 'photons', 'kern', 'diff_info', 'star_shifts'),
         'PSF matching, subtraction with listed stars moved by motion and refraction, photon noise of sources and hosts',
         ('CONVOLVE', 'KERNEL_ORDER', 'DECORRELATE', 'STAR_SHIFTS'),
         ('subtract', 'psf', 'refcat', 'io/refcat', 'astrometry/refraction', 'flow/star_shifts')),
    Step('RUN19', 'combined_coaddWSdiff', 'diffimg_subtract:coadd_ws_diff', ('diff',), ('diff_quality',),
         'noise of the difference against its variance; one difference is its own coadd', (), ('isr',)),
    Step('RUN20', 'combined_sexDiffim', 'diffimg_subtract:sex_diffim',
         ('diff', 'diff_psf', 'photons', 'combined', 'diff_info', 'star_shifts'), ('diff_cat', 'score_info'),
         'matched-filter detections, positive and negative', ('DIFF_THRESHOLD', 'MAX_DETECTIONS'),
         ('detect', 'subtract', 'flow/star_shifts', 'psf/zoned')),
    Step('RUN21', 'combined_mergeDiffim', 'diffimg_subtract:merge_diffim', ('diff', 'template'),
         ('diff_mh', 'template_mh'), 'difference and template with mask and weight in one file each', (), ()),
    Step('RUN22', 'combined+expose_filterObj', 'diffimg_candidates:filter_obj',
         ('diff', 'diff_cat', 'diff_psf', 'photons', 'score_info', 'template', 'combined', 'search_zp', 'snveto'),
         ('filterobj',), 'cuts on each detection, with the reason; variable stars, moved stars, residuals of stars',
         ('VETOMAG', 'VETO_SCALE', 'VETO_VARIABLES', 'MAXA'), ('candidates',)),
    Step('RUN23', 'combined_makeStamps', 'diffimg_candidates:make_stamps',
         ('filterobj', 'diff_cat', 'diff', 'template', 'combined'), ('stamps',),
         'stamps of template, search and difference', ('STAMP_SIZE',), ('candidates',)),
    Step('RUN24', 'combined_autoScan', 'diffimg_candidates:auto_scan',
         ('filterobj', 'diff_cat', 'diff', 'template', 'diff_psf', 'photons', 'score_info', 'snveto'),
         ('autoscan',), 'score between 0 and 1 from features of the stamps', ('VETOMAG', 'VETO_SCALE'), ('candidates',)),
    Step('RUN25', 'combined_makeCand', 'diffimg_candidates:make_cand',
         ('autoscan', 'filterobj', 'diff_cat', 'combined', 'score_info', 'ingest'), ('makecand',),
         'detections joined to candidates in the database', ('MIN_MLSCORE', 'CAND_RADIUS', 'WRITEDB'), ('candidates', 'io')),
    Step('RUN26', 'combined_fakeForcePhoto', 'diffimg_candidates:force_photo',
         ('diff', 'diff_psf', 'photons', 'makecand', 'dofake', 'score_info', 'ingest'), ('forced',),
         'forced PSF photometry at candidates and fakes', (), ('candidates', 'detect', 'io')),
    Step('RUN27', 'combined_fakeMatch', 'diffimg_candidates:fake_match', ('dofake', 'diff_cat', 'autoscan', 'filterobj'),
         ('fakematch',), 'which fakes were found', ('FAKE_RADIUS', 'MIN_MLSCORE'), ('candidates',)),
    Step('RUN28', 'combined_prepForcePhoto', 'diffimg_candidates:prep_force_photo', ('diff', 'diff_psf'),
         ('force_image', 'force_psf'), 'difference and PSF staged for later forced photometry', (), ()),
)

ALL = SE + CALIBRATION + EXPOSURE + DIFFIMG


def maker_of(product: str) -> Step | None:
    """The step that makes a product; None for an external input."""
    return next((step for step in ALL if product in step.makes), None)
