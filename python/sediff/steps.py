"""THE table of steps: what runs, in which order, what each needs and makes.

Drivers, runner, monitor, documentation and tests read it. A need is a product of an earlier step or one of `EXTERNAL`.
"""
from __future__ import annotations

from sediff.engine.step import Step
from sediff.parameters.table import CUTS, QC

#: Inputs that no step makes: name -> what it is.
EXTERNAL = {
    'raw': 'raw exposure in ROOT/dts/NITE, of DECam DECam_EXPNUM.fits.fz',
    'crosstalk': 'crosstalk coefficients, crosstalk.csv of the instrument or CROSSTALK_FILE',
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
    'common': 'common_solution (SE14) of the other CCDs, for a CCD that its own stars do not solve; optional',
    'calibrations': 'bias, flat, bad pixels, linearity and crosstalk of every CCD of the raw exposure',
    'templates': 'immask, fullcat, psf and Merg_allZP files of the overlapping template CCDs',
    'snstar': 'SNSTAR list (-T), optional',
    'snveto': 'SNVETO list (-V), optional',
    'fakes': 'list of known injected sources (FAKE_LIST), optional',
    'prepared': 'prepared templates (TEMPLATE_CACHE_GB), optional',
}

#: Made once for the whole exposure, by the first of its CCDs that wants it.
SKY = (
    Step('SE00', 'binSky', 'single_epoch.sky:bin_sky', ('raw', 'calibrations'), ('binned_sky',),
         'sky of all CCDs of the raw exposure, binned, to which the components are fitted', ('CROSSTALK', 'OVERSCAN')),
)

SE = (
    Step('SE01', 'crosstalk', 'single_epoch.steps:crosstalk', ('raw', 'crosstalk'), ('xtalk',),
         'overscan, trim, crosstalk of the other amplifiers', ('CROSSTALK', 'OVERSCAN', 'SSXTALK_LEVEL')),
    Step('SE02', 'pixcorrect', 'single_epoch.steps:pixcorrect',
         ('xtalk', 'bias', 'flat', 'bpm', 'linearity', 'bf', 'tapebumps'),
         ('detrend',), 'bias, saturation, linearity, gain, brighter-fatter, flat, bad pixels and columns, weight',
         ('EDGE_WIDTH', 'NEAREDGE_WIDTH', 'SATURATION_GROWTH', 'FIXCOLS')),
    Step('SE03', 'bleedmask', 'single_epoch.steps:bleedmask', ('detrend',), ('bleedmasked',),
         'bleed trails, halos of bright stars', ('BLEED_MIN_LENGTH', 'HALO_LEVEL', 'INTERPOLATE_TRAILS')),
    Step('SE04', 'skysub', 'single_epoch.steps:skysub', ('bleedmasked', 'skypca', 'binned_sky'), ('skysub',),
         'sky and fringes by components of the focal plane, or sky from a robust mesh; its noise into the weight',
         ('SKY_MODEL', 'SKY_MAX_RMS', 'SKY_BLOCK')),
    Step('SE05', 'cosmicray', 'single_epoch.steps:cosmicray', ('skysub',), ('crmasked',),
         'cosmic rays and streaks into the mask, weight zero where nothing is known', ('CR_THRESHOLD', 'STREAKS')),
    Step('SE06', 'sextractor', 'single_epoch.steps:detect_bright', ('crmasked',), ('sextractor',),
         'bright detections for astrometry and PSF', ('BRIGHT_THRESHOLD',)),
    Step('SE07', 'scamp', 'single_epoch.steps:solve_astrometry', ('crmasked', 'sextractor', 'refcat', 'common'),
         ('head', 'astrometry'),
         'world coordinates from reference stars',
         ('POSITION_MAXERR', 'ROTATION_MAXERR', 'ASTROM_MIN_STARS', 'ASTROM_MAX_RMS', 'ASTROM_MIN_CONTRAST', 'ASTROM_FLOOR',
          'ASTROM_MAX_ORDER', 'ASTROM_START', 'REFCAT_DIR')),
    Step('SE08', 'immask', 'single_epoch.steps:immask',
         ('crmasked', 'sextractor', 'head', 'astrometry', 'starflat'), ('immask',),
         'the science product: star flat, image, mask and weight with the solved header', ()),
    Step('SE09', 'psfex', 'single_epoch.steps:model_psf', ('immask', 'sextractor'), ('psf', 'psf_map'),
         'PSF model varying over the CCD, its quality and maps of FWHM and ellipticity',
         ('PSF_DEGREE', 'PSF_SIZE', 'PSF_BRIGHT_MARGIN')),
    Step('SE10', 'fullcat', 'single_epoch.steps:fullcat', ('immask', 'psf'), ('fullcat',),
         'catalogue with PSF fluxes and SPREAD_MODEL', ('DETECT_THRESH', 'APERTURES')),
    Step('SE11', 'getcorners', 'single_epoch.steps:getcorners', ('immask',), ('out',),
         'corners of the CCD on the sky', ()),
)

#: In place of SE01 to SE05 with INPUT=community.
COMMUNITY = (
    Step('SE05', 'community', 'single_epoch.community:ingest', ('community',), ('crmasked',),
         'an image of the Community Pipeline with its mask and weight translated',
         ('EDGE_WIDTH', 'NEAREDGE_WIDTH', 'SKY_BLOCK')),
)

CALIBRATION = (
    Step('SE12', 'expCalib', 'single_epoch.calibrate:calibrate', ('fullcat', 'immask', 'psf', 'refcat'),
         ('std', 'obj', 'match', 'zero', 'quality'), 'zero point from reference stars, t_eff and depth',
         ('ZP_MAG_MIN', 'ZP_MAG_MAX', 'ZP_MIN_STARS', 'ZP_COLOUR_MIN', 'ZP_COLOUR_MAX', 'ZP_MATCH_RADIUS', 'ZP_BLEND_RADIUS',
          'ZP_MAX_PEAK', 'ZP_SPATIAL_DEGREE', 'ZP_MAG_TYPE', 'REFCAT_DIR', 'REFCAT_CASCADE')),
)

#: Runs for the whole exposure after its CCDs, under one lock; brings up to date what it makes for each CCD.
EXPOSURE = (
    Step('SE13', 'exposureTables', 'exposure.tables:exposure_tables',
         ('immask', 'out', 'fullcat', 'std', 'match', 'zero', 'quality'), ('zp', 'zp_fits', 'zero_point'),
         'zero point of the exposure for CCDs without their own, outliers over the CCDs, calibrated catalogues, qc',
         ('ZP_MIN_STARS', 'ZP_OUTLIER', 'ZP_MAX_RMS', *(parameter.name for parameter in QC))),
)

#: Runs for the whole exposure where stars of some CCDs do not solve them; these run once more with what it makes.
COMMON = (
    Step('SE14', 'commonAstrometry', 'exposure.astrometry:common_astrometry', ('head', 'astrometry'), ('common_solution',),
         'pointing, rotation and scale of the camera from the CCDs that are solved', ('ASTROM_MIN_CCDS',)),
)

DIFFIMG = (
    Step('RUN01', 'expose_prepData', 'diffimg.prepare:prep_data', ('immask', 'templates'), ('search', 'pairs'),
         'fetch the search image, list the template CCDs that overlap it', ()),
    Step('RUN02', 'expose_makeStarCat', 'diffimg.prepare:make_star_cat', ('search', 'fullcat', 'zero_point', 'snstar'),
         ('starcat',), 'calibration stars of this CCD, from SNSTAR or the catalogue itself', ('STAR_MAX_MAGERR',)),
    Step('RUN03', 'expose_mkWStemplate', 'diffimg.prepare:make_ws_template', ('fullcat', 'zero_point', 'templates'),
         ('wstemplate',), 'relative zero point of each template CCD, rejects those with too few stars',
         ('WSTEMPLATE_NSTARMIN',)),
    Step('RUN04', 'expose_stripPV', 'diffimg.prepare:check_wcs', ('search', 'templates'), ('wcscheck',),
         'PV terms are kept; checks that every WCS can be read and inverted', ()),
    Step('RUN05', 'expose_makeWeight', 'diffimg.prepare:make_weight', ('search',), ('weighted',),
         'weight zero on mask bits 0x47DB', ('WEIGHT_MASK',)),
    Step('RUN06', 'expose_sex1', 'diffimg.prepare:detect_search', ('weighted',), ('sex1',),
         'detections of the search image for the joint astrometry', ('BRIGHT_THRESHOLD',)),
    Step('RUN07', 'combined_astromScamp', 'diffimg.prepare:tie_templates', ('weighted', 'sex1', 'wstemplate', 'templates'),
         ('astrom',), 'offset of each template CCD from the search image', ()),
    Step('RUN08', 'combined_astromHeaders', 'diffimg.prepare:correct_headers', ('astrom', 'templates'),
         ('template_heads',), 'template headers with that offset', ()),
    Step('RUN09', 'expose_sex2', 'diffimg.prepare:match_star_cat', ('weighted', 'sex1', 'starcat', 'zero_point'),
         ('sex2', 'search_zp'),
         'detections matched to the calibration stars, zero point checked', ()),
    Step('RUN10', 'expose_psfex1', 'diffimg.prepare:search_psf', ('psf', 'weighted', 'sex2'), ('search_psf',),
         'PSF model of the search exposure', ()),
    Step('RUN11', 'combined+expose_doFake', 'diffimg.prepare:do_fake', ('weighted', 'fakes'), ('faked', 'dofake'),
         'with DOFAKE_FLAG 0 the image unchanged and the list of known fakes', ('DOFAKE_FLAG', 'FAKE_LIST')),
    Step('RUN12', 'combined_swarpSEARCH', 'diffimg.subtract:coadd_search', ('faked',), ('combined',),
         'search coadd; one exposure is its own coadd', ()),
    Step('RUN13', 'combined_sexCoadd', 'diffimg.subtract:detect_coadd', ('sex1',), ('combined_cat',),
         'detections of the search coadd; with one exposure those of RUN06', ()),
    Step('RUN14', 'combined_psfexCoadd', 'diffimg.subtract:coadd_psf', ('combined', 'combined_cat', 'search_psf'),
         ('combined_psf',), 'PSF model of the search coadd', ()),
    Step('RUN15', 'combined_ingest', 'diffimg.subtract:ingest', ('combined', 'combined_psf', 'search_zp', 'quality'),
         ('ingest',), 'image metadata into the database', (), ('images',), 'diffimg.rows:refill_image'),
    Step('RUN16', 'combined+expose_distorTEMPLATES', 'diffimg.subtract:coadd_templates',
         ('combined', 'wstemplate', 'template_heads', 'templates', 'prepared'),
         ('template', 'template_info', 'template_zones'),
         'template CCDs onto the search grid, one resampling, and their coadd without artefacts, with one PSF', ()),
    Step('RUN17', 'combined+expose_sexDistorTEMPLATES', 'diffimg.subtract:measure_template',
         ('template', 'template_info', 'combined', 'wstemplate', 'template_heads', 'templates'),
         ('template_cat', 'template_psf', 'template_quality'), 'detections of the template, its PSF and depth',
         ('BRIGHT_THRESHOLD', 'PSF_DEGREE', 'PSF_SIZE')),
    Step('RUN18', 'combined+expose_hotpants', 'diffimg.subtract:subtract_template',
         ('combined', 'template', 'template_zones', 'combined_psf', 'template_psf', 'template_info', 'template_heads',
          'wstemplate', 'refcat'),
         ('diff', 'diff_psf', 'photons', 'kern', 'diff_info', 'star_shifts'),
         'PSF matching, subtraction with listed stars moved by motion and refraction, photon noise of sources and hosts',
         ('CONVOLVE', 'KERNEL_ORDER', 'DECORRELATE', 'STAR_SHIFTS')),
    Step('RUN19', 'combined_coaddWSdiff', 'diffimg.subtract:measure_noise', ('diff',), ('diff_quality',),
         'noise of the difference against its variance; one difference is its own coadd', ()),
    Step('RUN20', 'combined_sexDiffim', 'diffimg.subtract:detect_difference',
         ('diff', 'diff_psf', 'photons', 'combined', 'diff_info', 'star_shifts', 'search_zp'),
         ('diff_cat', 'score_info', 'diff_sky'),
         'matched-filter detections, positive and negative; noise and depth at empty places',
         ('DIFF_THRESHOLD', 'MAX_DETECTIONS', 'SKY_SOURCES')),
    Step('RUN21', 'combined_mergeDiffim', 'diffimg.subtract:merge_diffim', ('diff', 'template'),
         ('diff_mh', 'template_mh'), 'difference and template with mask and weight in one file each', ()),
    Step('RUN22', 'combined+expose_filterObj', 'diffimg.candidates:filter_obj',
         ('diff', 'diff_cat', 'diff_psf', 'photons', 'score_info', 'template', 'combined', 'combined_psf', 'search_zp',
          'snveto'),
         ('filterobj', 'cut_reasons'),
         'cuts on each detection, with the reason; variable stars, moved stars, residuals of stars',
         ('VETOMAG', 'VETO_SCALE', 'VETO_VARIABLES', 'MAXA', *(parameter.name for parameter in CUTS))),
    Step('RUN23', 'combined_makeStamps', 'diffimg.candidates:make_stamps',
         ('filterobj', 'diff_cat', 'diff', 'template', 'combined'), ('stamps',),
         'stamps of template, search and difference', ('STAMP_SIZE',)),
    Step('RUN24', 'combined_autoScan', 'diffimg.candidates:auto_scan',
         ('filterobj', 'diff_cat', 'diff', 'template', 'diff_psf', 'photons', 'score_info', 'combined', 'combined_psf',
          'search_zp', 'snveto'),
         ('autoscan',), 'score between 0 and 1 from features of the stamps', ('VETOMAG', 'VETO_SCALE')),
    Step('RUN25', 'combined_makeCand', 'diffimg.candidates:make_cand',
         ('autoscan', 'filterobj', 'diff_cat', 'immask', 'score_info', 'diff_quality', 'diff_sky', 'ingest'), ('makecand',),
         'detections joined to candidates in the database, unless they are a flood',
         ('MIN_MLSCORE', 'CAND_RADIUS', 'WRITEDB', 'MAX_NEW_CANDIDATES', 'DIFF_MIN_NOISE', 'DIFF_MAX_NOISE',
          'DIFF_MAX_MEDIAN', 'DIFF_MAX_NEGATIVE'),
         ('detections', 'candidates'), 'diffimg.candidates:make_cand'),
    Step('RUN26', 'combined_fakeForcePhoto', 'diffimg.candidates:force_photo',
         ('diff', 'diff_psf', 'photons', 'makecand', 'dofake', 'score_info', 'ingest'), ('forced',),
         'forced PSF photometry at candidates and fakes', (), ('forced',), 'diffimg.rows:refill_forced'),
    Step('RUN27', 'combined_fakeMatch', 'diffimg.injected:fake_match',
         ('dofake', 'diff_cat', 'autoscan', 'filterobj', 'diff', 'diff_psf', 'photons', 'kern', 'diff_info', 'star_shifts',
          'score_info', 'diff_sky', 'template', 'template_psf', 'combined', 'combined_psf', 'fullcat', 'search_zp', 'snveto',
          'ingest'),
         ('fakematch', 'injected', 'injected_info'),
         'which known fakes were found; fakes in a copy of the difference: efficiency and true depth',
         ('FAKE_RADIUS', 'MIN_MLSCORE', 'FAKES', 'FAKES_BRIGHT', 'FAKES_FAINT', 'FAKES_HOSTS', 'FAKES_NEGATIVE',
          'DIFF_THRESHOLD', 'VETOMAG', 'VETO_SCALE', 'VETO_VARIABLES', 'MAXA', *(parameter.name for parameter in CUTS)),
         ('images',), 'diffimg.injected:refill_depth'),
    Step('RUN28', 'combined_prepForcePhoto', 'diffimg.candidates:prep_force_photo',
         ('diff_mh', 'diff_psf', 'photons', 'score_info'), ('force_image', 'force_psf', 'force_photons'),
         'difference, PSF and photon noise staged for later forced photometry', ()),
)

#: A part of a template made ahead of its search exposures, between the steps: its code is in the key of each such part.
PREPARED = Step('TILE', 'prepareTemplate', 'diffimg.tiles:make_tile', ('immask', 'fullcat', 'psf', 'zero_point'), (),
                'coadd of template CCDs on a tile of the grid of one of them')

ALL = SKY + SE + CALIBRATION + EXPOSURE + COMMON + DIFFIMG
#: Everything whose code is hashed.
HASHED = (*ALL, *COMMUNITY, PREPARED)
