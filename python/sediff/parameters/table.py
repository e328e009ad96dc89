"""Every parameter of sediff: default, unit, range, meaning, and the rc file that may set it."""
from __future__ import annotations

from functools import partial

from sediff.errors import BadUsage
from sediff.maskbits import DIFFIMG_MASK
from sediff.parameters.model import Parameter as P
from sediff.values import (
    checked_distances,
    checked_file_pattern,
    checked_season,
    checked_table_forms,
    checked_version,
    is_night,
)


def _season(value: object, what: str) -> None:
    checked_season(f'dp{str(value).removeprefix("dp")}', what)


def _night(value: object, what: str) -> None:
    if value != 99999999 and not is_night(value):
        raise BadUsage(f'{what} must be a night of the calendar as YYYYMMDD, or 99999999 for no limit')


#: A parameter that names a file of each CCD.
F = partial(P, check=checked_file_pattern)

DAGMAKER = [
    P('RNUM', '4', '', 'processing version of single epoch, first part (rRNUMpPNUM)', 'dagmaker', check=checked_version,
      heading='versions', note='Processing version of single epoch: file names hold rRNUMpPNUM.'),
    P('PNUM', '7', '', 'processing version of single epoch, second part', 'dagmaker', check=checked_version, note=''),
    P('SEASON', '33', '', 'version of the difference imaging (dpSEASON); below 11 reserved, 20-100 for tests', 'dagmaker',
      check=_season,
      note='Version of the difference imaging, dpSEASON: below 11 reserved, 20-100 tests, from 100 on one per event.'),
    P('DIFFIMG_EUPS_VERSION', 'gw8', '', "tag given to SEdiff.sh -v and kept in the products' history", 'dagmaker'),
    P('DESTCACHE', 'persistent', '', 'folder below ROOT that keeps the products', 'dagmaker',
      choices=('persistent', 'scratch'), heading='where products go: ROOT/DESTCACHE/SCHEMA/exp/NITE/EXPNUM', note=''),
    P('SCHEMA', 'gw', '', 'folder below DESTCACHE', 'dagmaker', choices=('gw', 'wsdiff'), note=''),
    P('WRITEDB', 'on', '', 'write detections and candidates to the database: on or off', 'dagmaker', choices=('on', 'off')),
    P('RM_MYTEMP', True, '', 'remove what an earlier plan left in mytemp_EXPNUM', 'dagmaker'),
    P('SEARCH_OPTS', '-C', '', 'more SEdiff.sh flags of the search jobs', 'dagmaker',
      heading='flags added to SEdiff.sh (-t of templates is always there)', note=''),
    P('TEMP_OPTS', '-C -t', '', 'more SEdiff.sh flags of the template jobs', 'dagmaker', note=''),
    P('SNSTAR_FILENAME', 'SNSTAR_THEEXP_THECCDNUM_rTHERNUMpTHEPNUM.LIST', '',
      'name of the calibration stars of a search job (-T); empty: none', 'dagmaker',
      note='Star lists of a search job: THEEXP, THECCDNUM, THERNUM, THEPNUM are filled in. Empty: no list.'),
    P('SNVETO_FILENAME', 'SNVETO_THEEXP_THECCDNUM_rTHERNUMpTHEPNUM.LIST', '',
      'name of the veto stars of a search job (-V); empty: none', 'dagmaker', note=''),
    P('OVERLAP_RADIUS', 2.2, 'deg', 'centres of search and template exposure at most this far apart', 'dagmaker', 0, 10,
      heading='which exposures overlap'),
    P('TEMPLATE_MIN_DAYS', 0.5, 'd', 'exposures nearer in time than this are of the same night, no templates', 'dagmaker',
      0),
    P('JUNK_WORDS', 'zero|flat|test|junk|bias|supernova|slew|pointing|commish|sn-', '',
      'exposures whose OBJECT or OBSTYPE has one of these, in any case, are no templates', 'dagmaker'),
    P('BLACKLIST', '', '', 'file of exposure numbers never to be used, relative to ROOT; empty: none', 'dagmaker'),
    P('MIN_EXPTIME', 30.0, 's', 'shortest exposure accepted as search or template', 'dagmaker', 0,
      heading='which of them become templates'),
    P('TEFF_CUT_{band}', 0.2, '', 't_eff a template in {band} must have', 'dagmaker', 0, 10, band_default='limit',
      note='Smallest t_eff in each band.'),
    P('TEMPLATE_UNKNOWN_TEFF', 'wait', '',
      'templates whose t_eff is not known, as that of fresh exposures: wait (until they are processed, then those below '
      'TEFF_CUT are dropped) or drop', 'dagmaker', choices=('wait', 'drop')),
    P('TWINDOW', 15.0, 'd', 'no template within this time of the search exposure, before or after', 'dagmaker', 0),
    P('TWINDOW_DISTINCT', 0, '', '1: use the two limits below instead of TWINDOW', 'dagmaker', 0, 1,
      note='1: instead of TWINDOW, no template taken less than TWINDOW_BEFORE days before and less than TWINDOW_AFTER days '
      'after.'),
    P('TWINDOW_BEFORE', 0.0, 'd', 'no template taken less than this before the search exposure', 'dagmaker', note=''),
    P('TWINDOW_AFTER', 0.0, 'd', 'no template taken less than this after the search exposure', 'dagmaker', note=''),
    P('MIN_NITE', 20100101, 'YYYYMMDD', 'earliest night of a template', 'dagmaker', 20000101, 99999999, check=_night,
      note='First and last night of templates, inclusive.'),
    P('MAX_NITE', 99999999, 'YYYYMMDD', 'latest night of a template', 'dagmaker', 20000101, 99999999, check=_night, note=''),
    P('TEMPLATE_MODE', 'coadd', '', 'template: mean of all chosen exposures, or one alone, of best seeing', 'dagmaker',
      choices=('coadd', 'single'),
      note="Good seeing. The seeing is known of exposures that are processed; what it decides is looked at again after the "
      "templates' processing. coadd: mean of all chosen exposures; single: one exposure alone, the one of best seeing."),
    P('TEMPLATE_BEST', 0, '', 'keep at most so many templates, those of best seeing; 0: all', 'dagmaker', 0),
    P('TEMPLATE_QUANTILE', 1.0, '', 'keep at most this fraction of the templates, those of best seeing; 1: all', 'dagmaker',
      0, 1, note='Keep at most this fraction (rounded up) of those that passed the cuts above; 1: all.'),
    P('TEMPLATE_MAX_SEEING', 0.0, 'arcsec', 'no template whose seeing is worse; 0: no limit', 'dagmaker', 0, 20),
    P('TEMPLATE_UNKNOWN_SEEING', 'wait', '',
      'templates whose seeing is not known: wait (until they are processed, then the choice is made) or drop', 'dagmaker',
      choices=('wait', 'drop')),
    P('SKIP_INCOMPLETE_SE', False, '', 'drop templates without complete SE instead of queueing their SE', 'dagmaker'),
    P('IGNORECALIB', True, '', 'queue a template with complete images but no calibration for calibration only (-j)',
      'dagmaker', note='true: a template that lacks only its calibration is queued for calibration (-j); false: it is '
      'dropped. The name says the opposite; it is kept for rc files that exist.'),
    P('JOBSUB_GROUP', 'des', '', 'group that grid jobs are submitted for', 'dagmaker',
      heading='jobs of the .dag file; the local script does not use them', note=''),
    P('RESOURCES', 'DEDICATED,OPPORTUNISTIC,OFFSITE', '', 'where jobs may run', 'dagmaker', note=''),
    P('JOBSUB_OPTS', '--memory=2500MB --disk=70GB --cpu=1 --expected-lifetime=5h', '', 'options of the search jobs',
      'dagmaker', note=''),
    P('JOBSUB_TEMP_OPTS', '--memory=2500MB --disk=70GB --cpu=1 --expected-lifetime=5h', '', 'options of the template jobs',
      'dagmaker', note=''),
    P('COPY_COMMAND', 'cp -p --', '', 'first three words of copy_pairs_for_EXPNUM.sh; on a grid with ifdh: ifdh cp -D',
      'dagmaker'),
    P('DO_HEADER_CHECK', 0, '',
      'accepted and ignored: raw images are never rewritten, the field name comes from the pointing', 'dagmaker', 0, 1,
      heading='accepted and ignored, for rc files of DES-GW', ignored=True),
    P('STASHVER', '', '', 'accepted and ignored: CVMFS revision of DES-GW jobs', 'dagmaker', ignored=True),
    P('JOBSUB_OPTS_SE', '--memory=3600MB --disk=100GB --expected-lifetime=5h', '',
      'accepted and ignored: options of jobs of single epoch alone, which a plan does not have', 'dagmaker', ignored=True),
]

SE = [
    P('CROSSTALK', True, '', 'subtract crosstalk', 'se'),
    P('INPUT', 'raw', '', 'what single epoch starts from: raw exposures, or Community Pipeline products (ooi, oow, ood)',
      'se', choices=('raw', 'community')),
    P('COMMUNITY_DIR', 'cp', '',
      'folder of Community Pipeline products, relative to ROOT; a folder a night below it, or none', 'se'),
    P('CROSSTALK_FILE', 'crosstalk.csv', '', 'crosstalk table, relative to ROOT; the default is that of catalogs', 'se'),
    P('OVERSCAN', 'mean', '', 'level of an overscan row: clipped mean, median, or a curve fitted through the rows', 'se',
      choices=('mean', 'median', 'fit')),
    P('SSXTALK_LEVEL', 10.0, 'ADU', 'crosstalk of a super-saturated pixel from which SSXTALK is set', 'se', 0),
    F('BIAS_FILE', '', '', 'your own bias, relative to ROOT, {ccd:02d} is put in; empty: found in ROOT/calib', 'se'),
    F('FLAT_FILE', '', '', 'your own dome flat, likewise, also {band}', 'se'),
    F('BPM_FILE', '', '', 'your own bad pixels, likewise: an image, or a table of pixels or boxes (docs/detrending.md)',
      'se'),
    P('BPM_MODE', 'add', '', 'BPM_FILE is added to the mask of ROOT/calib, where there is one, or replaces it', 'se',
      choices=('add', 'replace')),
    F('STARFLAT_FILE', '', '',
      'your own star flat, likewise; empty: that in ROOT/calib where there is one; none: no star flat', 'se'),
    P('LINEARITY_FILE', '', '', 'linearity table; empty: that in ROOT/calib/linearity where there is one; linearity.csv: '
      'the three CCDs of catalogs; none: not corrected', 'se'),
    P('BF_FILE', '', '', 'brighter-fatter table (border, dy, dx, shift), relative to ROOT; empty: not corrected', 'se'),
    P('TAPEBUMP_FILE', '', '',
      'boxes of tape bumps (ccdnum, x0, x1, y0, y1), relative to ROOT; empty: those of the bad-pixel mask', 'se'),
    P('CALIB_EPOCHS', 'calib_epochs.csv', '',
      'table of calibration epochs, relative to ROOT; the default is that of catalogs', 'se'),
    P('SATURATION_GROWTH', 1, 'px', 'pixels by which saturated areas grow', 'se', 0, 20),
    P('FIXCOLS', True, '', 'put bad columns right whose level alone is wrong (FIXED)', 'se'),
    P('HALO_LEVEL', 0.5, 'sigma', 'STAR is set where the wings of a saturated star exceed this much noise; 0: no halos',
      'se', 0, 100),
    P('INTERPOLATE_TRAILS', True, '',
      'replace bleed trails by straight lines along the rows (INTERP); their weight is 0', 'se'),
    P('MAX_CALIB_DAYS', 400.0, 'd', 'how far in time a bias, flat, bad-pixel mask or sky components may be', 'se', 0),
    P('EDGE_WIDTH', 15, 'px', 'outer rows and columns masked EDGE', 'se', 0, 500),
    P('NEAREDGE_WIDTH', 30, 'px', 'outer rows and columns marked NEAREDGE', 'se', 0, 500),
    P('BLEED_MIN_LENGTH', 20, 'px', 'shortest run of a column that counts as a bleed trail', 'se', 2, 4096),
    P('SKY_MODEL', 'auto', '',
      'auto: sky and fringes by components of the focal plane (calib build-skypca) where ROOT/calib/skypca has some; '
      'components (or pca): an error where it has none; local: by a mesh, fringes stay',
      'se', choices=('auto', 'components', 'local', 'pca')),
    P('SKY_MAX_RMS', 0.02, '', 'residual of the components (over the sky) above which auto takes the mesh', 'se', 0, 1),
    P('SKY_BLOCK', 128, 'px', 'mesh size of the sky background', 'se', 16, 1024),
    P('STREAKS', True, '', 'look for satellite streaks and mask them', 'se'),
    P('CR_THRESHOLD', 4.5, 'sigma',
      'cosmic rays: sigma by which a pixel stands above the median of its surroundings; 0.25 less by '
      'which it must be sharper than a star', 'se', 3, 100),
    P('BRIGHT_THRESHOLD', 10.0, 'sigma', 'detection threshold of the catalogues for astrometry and PSF', 'se', 2, 100),
    P('POSITION_MAXERR', 60.0, 'arcsec', 'largest pointing error searched', 'se', 1, 600),
    P('ROTATION_MAXERR', 0.1, 'deg', 'largest rotation searched', 'se', 0, 5),
    P('ASTROM_MIN_STARS', 10, '', 'fewest matched stars of an accepted solution', 'se', 4),
    P('ASTROM_MAX_RMS', 150.0, 'mas', 'largest residual of an accepted solution', 'se', 1),
    P('ASTROM_MIN_CONTRAST', 2.0, '', 'votes for the offset of an accepted solution over those of the next best', 'se', 1),
    P('ASTROM_FLOOR', 8.0, 'mas', 'error added to every position: the atmosphere', 'se', 0, 1000),
    P('ASTROM_MAX_ORDER', 3, '', 'highest degree of the correction to the distortion, where held-out stars confirm it',
      'se', 1, 3),
    P('ASTROM_START', 'header', '', 'distortion to start from; camera: tpv.csv or sip.csv of the instrument', 'se',
      choices=('header', 'camera')),
    P('ASTROM_MIN_CCDS', 3, '', 'fewest solved CCDs of the common solution for CCDs without stars', 'se', 2, 1000),
    P('REFCAT_DIR', 'refcat', '', 'folder of reference-star shards, relative to ROOT', 'se'),
    P('REFCAT_CASCADE', 'gaia', '',
      'catalogues for zero points, the first with enough stars is taken; others than gaia lie in REFCAT_DIR/NAME', 'se'),
    P('PSF_DEGREE', 2, '', 'polynomial degree of the PSF over the CCD', 'se', 0, 4),
    P('PSF_SIZE', 31, 'px', 'side of the PSF model', 'se', 15, 101),
    P('PSF_BRIGHT_MARGIN', 1.5, 'mag',
      'PSF stars are so much fainter than one whose peak saturates: spares the model the brighter-fatter effect',
      'se', 0, 10),
    P('APERTURES', '4,6,8,12,16,24,32,40', 'px', 'diameters of FLUX_APER and MAG_APER of fullcat, empty: none', 'se'),
    P('DETECT_THRESH', 1.5, 'sigma', 'detection threshold of fullcat', 'se', 1, 100),
    P('ZP_MAG_MIN', 15.0, 'mag', 'brightest reference star used for the zero point', 'se', 0, 30),
    P('ZP_MAG_MAX', 20.5, 'mag', 'faintest reference star used for the zero point', 'se', 0, 30),
    P('ZP_MIN_STARS', 4, '', 'fewest stars of a zero point', 'se', 3),
    P('ZP_MAG_TYPE', 'mag_psf', '', 'magnitudes of the catalogue that the zero point is of', 'se',
      choices=('mag_psf', 'mag_auto')),
    P('ZP_COLOUR_MIN', 0.4, 'mag', 'bluest reference star used for the zero point, BP-RP', 'se', -1, 5),
    P('ZP_COLOUR_MAX', 2.5, 'mag', 'reddest reference star used for the zero point, BP-RP', 'se', -1, 5),
    P('ZP_MATCH_RADIUS', 1.0, 'arcsec', 'an object and its reference star are at most this far apart', 'se', 0.05, 10),
    P('ZP_BLEND_RADIUS', 3.0, 'arcsec', 'reference stars with a neighbour this near (up to 4 mag fainter) are not used',
      'se', 0, 30),
    P('ZP_MAX_PEAK', 0.7, '', 'stars whose peak is above this fraction of saturation are not used for the zero point',
      'se', 0.05, 1),
    P('ZP_SPATIAL_DEGREE', 2, '', 'highest degree of a zero point that changes over the CCD, where the stars confirm it',
      'se', 0, 2),
    P('ZP_OUTLIER', 0.15, 'mag', 'a CCD whose zero point is this far from the median of the CCDs is flagged (-1000)',
      'se', 0),
    P('ZP_MAX_RMS', 0.3, 'mag', 'a CCD whose stars scatter more takes the zero point of the exposure', 'se', 0),
]

DIFFIMG = [
    P('STAR_MAX_MAGERR', 0.011, 'mag', 'calibration stars: largest magnitude error', 'diffimg', 0, 1),
    P('STAR_MAG_MIN', 12.0, 'mag', 'calibration stars: brightest', 'diffimg', 0, 30),
    P('STAR_MAG_MAX', 21.5, 'mag', 'calibration stars: faintest', 'diffimg', 0, 30),
    P('VETO_RADIUS', 0.0, 'px', 'radius in SNVETO of a star of magnitude VETO_RADIUS_MAG; 0: from profiles of stars',
      'diffimg', 0, 1000),
    P('VETO_RADIUS_SLOPE', 2.0, 'px/mag', 'how much smaller that radius is for each magnitude fainter', 'diffimg', 0, 100),
    P('VETO_RADIUS_MAG', 15.0, 'mag', 'magnitude of the star whose radius is VETO_RADIUS', 'diffimg', 0, 30),
    P('WSTEMPLATE_NSTARMIN', 10, '', 'a template CCD with fewer common stars is rejected', 'diffimg', 1),
    P('WEIGHT_MASK', DIFFIMG_MASK, '', 'mask bits whose pixels get no weight (18395 = 0x47DB)', 'diffimg', 0, 32767),
    P('DOFAKE_FLAG', 0, '', '0: no fakes are put in', 'diffimg', 0, 0),
    P('FAKE_LIST', '', '', 'csv of sources known to be in the images (id, ra, dec, mag ...), relative to ROOT',
      'diffimg'),
    P('FAKE_RADIUS', 1.5, 'arcsec', 'a fake is found when a detection is this near', 'diffimg', 0, 30),
    P('CONVOLVE', 'auto', '', 'image that is convolved', 'diffimg', choices=('auto', 'template', 'science', 'both')),
    P('DECORRELATE', 1, '', '1: white noise in the difference (its PSF gets sharper, fluxes stay)', 'diffimg', 0, 1),
    P('KERNEL_ORDER', -1, '', 'spatial order of the kernel; -1: by the number of stars', 'diffimg', -1, 3),
    P('STAR_SHIFTS', 1, '', '1: reference stars are moved by their motion since the template, and by refraction, before the '
      'subtraction', 'diffimg', 0, 1),
    P('DIFF_THRESHOLD', 5.0, 'sigma', 'detection threshold on the difference', 'diffimg', 2, 100),
    P('MAX_DETECTIONS', 20000, '', 'peaks of a difference that are measured, the highest first; with more QC is red',
      'diffimg', 1, 10_000_000),
    P('SKY_SOURCES', 500, '', 'empty places of a difference that are measured like detections, for its noise and depth; '
      '0: none', 'diffimg', 0, 100_000),
    P('VETOMAG', 20.0, 'mag', 'veto stars brighter than this count', 'diffimg', 0, 30),
    P('VETO_SCALE', 1.0, '', 'radii (px) of the SNVETO list are multiplied by this', 'diffimg', 0, 10),
    P('VETO_VARIABLES', 0, '', 'variable stars: 0 kept as candidates of that class, 1 rejected', 'diffimg', 0, 1),
    P('MAXA', 1.5, '', 'largest A_IMAGE of a candidate, in units of the PSF', 'diffimg', 0.1, 100),
    P('STAMP_SIZE', 51, 'px', 'side of the stamps', 'diffimg', 11, 501),
    P('MIN_MLSCORE', 0.3, '', 'lowest score that enters the candidate table', 'diffimg', 0, 1),
    P('PAGE_MLSCORE', 0.7, '', 'score from which the page shows a candidate by default', 'diffimg', 0, 1),
    P('CANDIDATE_TABLES', 'csv', '',
      'tables of the candidates beside the page: csv (always written), fits, votable, parquet', 'diffimg',
      check=checked_table_forms),
    P('CAND_RADIUS', 1.0, 'arcsec', 'largest distance of a detection from its candidate', 'diffimg', 0, 6),
    P('MAX_NEW_CANDIDATES', 200, '', 'most detections of a CCD that pass the cuts and MIN_MLSCORE; with more the CCD fails, '
      'and none enters the database', 'diffimg', 0, 10_000_000),
    P('DIFF_MIN_NOISE', 0.8, '', 'smallest noise of a difference (pixels, score, sky sources) over that of its weights; '
      'below it the CCD fails likewise', 'diffimg', 0, 100),
    P('DIFF_MAX_NOISE', 1.25, '', 'largest noise of a difference over that of its weights, likewise', 'diffimg', 0, 1000),
    P('DIFF_MAX_MEDIAN', 0.5, 'sigma', 'farthest that the median score may be from zero (sky that is left), likewise',
      'diffimg', 0, 100),
    P('FAKES', 100, '', 'fakes that are put into a copy of each difference, for efficiency and depth; 0: none', 'diffimg', 0,
      1000),
    P('FAKES_BRIGHT', 17.0, 'mag', 'magnitudes of these fakes are uniform from here', 'diffimg', 5, 35),
    P('FAKES_FAINT', 25.0, 'mag', 'to here', 'diffimg', 5, 35),
    P('FAKES_HOSTS', 0.3, '', 'share of them on galaxies', 'diffimg', 0, 1),
    P('FAKES_NEGATIVE', 0.1, '', 'share of them that have faded since the template', 'diffimg', 0, 1),
    P('FAKES_DISTANCES', '40,100,200', 'Mpc', 'distances at which the page gives the efficiency for an AT2017gfo', 'diffimg',
      check=checked_distances),
    P('FAKES_DAYS', 1.0, 'd', 'days after the merger at which it is taken', 'diffimg', 0, 100),
    P('DIFF_MAX_NEGATIVE', 100, '', 'most negative detections below -5 sigma that pass the cuts but the one on the sign, '
      'likewise: about as many of the positive ones are false', 'diffimg', 0, 10_000_000),
]

#: Parameters of which the first may not be above the second.
ORDERED = (('ZP_MAG_MIN', 'ZP_MAG_MAX'), ('ZP_COLOUR_MIN', 'ZP_COLOUR_MAX'), ('STAR_MAG_MIN', 'STAR_MAG_MAX'),
           ('DIFF_MIN_NOISE', 'DIFF_MAX_NOISE'), ('CUT_MIN_A', 'MAXA'), ('FAKES_BRIGHT', 'FAKES_FAINT'))

#: What filterObj rejects, beside MAXA, VETOMAG, VETO_SCALE and VETO_VARIABLES; CUT_X is the setting x of its cuts.
CUTS = [
    P('CUT_MIN_SNR', 4.5, '', 'least FLUX_PSF / FLUXERR_PSF', 'diffimg', 0, 1000,
      heading='cuts (RUN22); docs/detection.md has the name of each in the column REASON'),
    P('CUT_MIN_A', 0.6, '', 'smallest A_IMAGE, in units of the PSF', 'diffimg', 0, 100),
    P('CUT_MAX_ELONGATION', 3.0, '', 'largest A_IMAGE / B_IMAGE above S/N 10; what is thinner than the PSF is cut in '
      'proportion to it', 'diffimg', 1, 1000),
    P('CUT_SPREAD_LIMIT', 0.02, '', 'largest |SPREAD_MODEL|, besides CUT_SPREAD_SIGMA of its errors', 'diffimg', 0, 10),
    P('CUT_SPREAD_SIGMA', 3.0, '', 'errors (SPREADERR_MODEL) by which |SPREAD_MODEL| may exceed it', 'diffimg', 0, 1000),
    P('CUT_BOX', 35, 'px', 'side of the box in which negative pixels are counted', 'diffimg', 3, 501),
    P('CUT_MAX_BELOW_2SIGMA', 200, 'px', 'pixels below -2 sigma that reject a detection, at least', 'diffimg', 1, 1_000_000),
    P('CUT_MAX_BELOW_4SIGMA', 20, 'px', 'pixels below -4 sigma that do, at least', 'diffimg', 1, 1_000_000),
    P('CUT_MAX_BELOW_6SIGMA', 2, 'px', 'pixels below -6 sigma that do, at least', 'diffimg', 1, 1_000_000),
    P('CUT_RING_SHARE', 0.1, '', 'a negative pixel must be deeper than this share of the peak, too', 'diffimg', 0, 1),
    P('CUT_NEGATIVE_TOUCH', 1.0, 'FWHM', 'a negative object this near is that of a detection', 'diffimg', 0, 100),
    P('CUT_NEGATIVE_REACH', 2.5, 'FWHM', 'pixels of such a negative object count as far as this', 'diffimg', 0, 100),
    P('CUT_MAX_MASKED_CORE', 0, 'px', 'most masked pixels within 2 px', 'diffimg', 0, 100),
    P('CUT_MAX_MASKED_NEAR', 0.3, '', 'largest masked share within 2 FWHM', 'diffimg', 0, 2),
    P('CUT_REJECT_DIPOLES', 1, '', '1: dipoles are rejected', 'diffimg', 0, 1),
    P('CUT_REJECT_EDGES', 1, '', '1: what reaches over the edge of the CCD is rejected', 'diffimg', 0, 1),
    P('CUT_POSITIVE_ONLY', 1, '', '1: what is fainter than the template is rejected', 'diffimg', 0, 1),
    P('CUT_REGION_RADIUS', 3.0, 'FWHM', 'pixels so near tell whether a detection is beside a bleed or in a ghost', 'diffimg',
      0.1, 20),
    P('CUT_MAX_BLEED', 0.25, '', 'largest share of them in bleed trails of saturated stars', 'diffimg', 0, 1),
    P('CUT_MAX_GHOST', 1.0, '', 'largest share of them in halos of bright stars; 1 rejects nothing', 'diffimg', 0, 1),
    P('CUT_LINE_CHANCE', 0.01, '', 'detections on one line are rejected when chance makes fewer such lines on a CCD than '
      'this; 0 rejects nothing', 'diffimg', 0, 1),
    P('CUT_LINE_WIDTH', 3.0, 'px', 'half-width of such a line', 'diffimg', 0.1, 20),
    P('CUT_LINE_MEMBERS', 5, '', 'fewest detections of such a line', 'diffimg', 3, 1000),
    P('CUT_STAR_AT', 0.4, 'FWHM', 'a detection so near to a star of SNVETO is the star', 'diffimg', 0, 100),
    P('CUT_STAR_ON', 1.5, 'FWHM', 'a detection this near to such a star lies on its light', 'diffimg', 0, 100),
    P('CUT_STAR_SIGNIFICANCE', 5.0, '', 'least flux there over the error that the star leaves', 'diffimg', 0, 1000),
    P('CUT_STAR_MISFIT', 0.15, '', 'largest sqrt(CHI2_PSF - 1) / SNR of a variable star', 'diffimg', 0, 100),
    P('CUT_STAR_APERTURE', 0.5, '', 'largest |FLUX_APER / FLUX_PSF - 1| near a star, besides two errors', 'diffimg', 0, 100),
    P('CUT_STAR_OPPOSITE', 0.4, '', 'largest opposite peak near a star, over the own one', 'diffimg', 0, 100),
    P('CUT_STAR_DISTURBED', 1.3, 'sigma', 'rings about a star in which the score scatters more hold false light', 'diffimg',
      1, 100),
    P('CUT_STAR_FARTHEST', 4.0, '', 'the farthest such ring, in radii of SNVETO', 'diffimg', 1, 20),
    P('CUT_MOVING_REACH', 16.0, 'px', 'a star that moved has left its old place this near', 'diffimg', 0, 200),
    P('CUT_MOVING_SHARE', 0.3, '', 'largest share by which the fluxes of its two places differ, besides', 'diffimg', 0, 10),
    P('CUT_MOVING_ERRORS', 3.0, 'sigma', 'their errors, so many times', 'diffimg', 0, 100),
    P('CUT_MOVING_LEFT', 0.5, '', 'share of the light at one of its places that the other image may have', 'diffimg', 0, 1),
]


def _limits(metric: str, green: float, yellow: float, unit: str, meaning: str, largest: float) -> tuple[P, P]:
    """The two limits of a metric of quality: good from the green one on, usable from the yellow one on."""
    return (P(f'QC_{metric}_GREEN', green, unit, f'green: {meaning}', 'qc', 0, largest),
            P(f'QC_{metric}_YELLOW', yellow, unit, f'yellow: {meaning}', 'qc', 0, largest))


QC = [
    P('TEMPLATE_MIN_CCD_FRACTION', 1.0, '', 'fraction of the wanted CCDs a template exposure must have complete',
      'qc', 0, 1),
    *_limits('CCDS', 1.0, 0.95, '', 'fraction of the expected CCDs that are complete, at least', 1),
    *_limits('TEFF', 0.5, 0.3, '', 't_eff, at least', 10),
    *_limits('SEEING', 1.2, 1.6, 'arcsec', 'seeing (FWHM of the PSF), at most', 20),
    *_limits('SKY', 0.5, 0.25, '', 'sky factor of t_eff (good sky over this sky), at least', 10),
    *_limits('CLOUD', 0.2, 0.5, 'mag', 'extinction by cloud, at most', 10),
    *_limits('DEPTH', 0.5, 1.0, 'mag', 'how much shallower than under reference conditions, at most', 10),
    *_limits('ELLIPTICITY', 0.1, 0.2, '', 'ellipticity of the stars, at most', 1),
    *_limits('ASTROM', 40.0, 100.0, 'mas', 'rms of the astrometry along an axis, at most', 10000),
    *_limits('ASTROM_STARS', 30, 10, '', 'reference stars of the astrometry of the CCD with the fewest, at least', 100000),
    *_limits('ZP_ERROR', 0.005, 0.02, 'mag', 'error of the zero points from their stars, at most', 10),
    *_limits('ZP_SPREAD', 0.03, 0.08, 'mag', 'scatter of the zero points over the CCDs, at most', 10),
    *_limits('STAR_SCATTER', 0.03, 0.06, 'mag', 'scatter of the stars beyond their errors, at most', 10),
    *_limits('ZP_LENT', 0.0, 0.1, '', 'fraction of CCDs that take the zero point of the exposure, at most', 1),
    *_limits('FRINGES', 0.0, 0.0, '', 'fraction of CCDs whose fringes are still in the image, at most', 1),
]

#: The instrument of exposures that name none.
DEFAULT_INSTRUMENT = 'decam'

SITE = [
    P('INSTRUMENT', DEFAULT_INSTRUMENT, '', 'camera: one that comes with sediff, or a folder of tables (docs/camera.md)',
      'site'),
    P('ROOT', '.', '', 'top of the work tree: dts/, calib/, refcat/, persistent/', 'site'),
    P('EXPOSURES_LIST', 'exposures.list', '', 'table of known exposures, relative to ROOT', 'site'),
    P('DB_URL', '', '', 'candidate database (SQLAlchemy URL); empty: SQLite below ROOT', 'site'),
    P('WORKERS', 0, '', 'worker processes; 0: one a core', 'site', 0, 1024),
    P('SQLITE_ON_NETWORK', 'reject', '', 'an SQLite database on a network file system, which two writing machines damage: '
      'reject, or allow where one machine alone uses it', 'site', choices=('reject', 'allow')),
    P('SCRATCH', '', '', 'folder on a disk of this machine for what its workers share, at most 1.1 GB; empty: TMPDIR',
      'site'),
    P('TEMPLATE_CACHE_GB', 0.0, 'GB', 'disk that prepared templates may take, which serve every later search exposure of a '
      'field; 0: none are made', 'site', 0, 1e6),
    P('KEEP_INTERMEDIATE', False, '', 'keep every intermediate image on disk', 'site'),
    P('CODE_CHANGES', 'redo', '', 'steps that only newer code of sediff would change: redo, or keep what a season has',
      'site', choices=('redo', 'keep')),
]

TABLE = [*DAGMAKER, *SE, *DIFFIMG, *CUTS, *QC, *SITE]

#: Head of dagmaker.rc, whose values are live; those of the other files are shown as comments.
DAGMAKER_HEAD = (
    'dagmaker.rc - what DAGMaker.sh plans. KEY=value; nothing here is executed. DAGMaker.sh takes ./dagmaker.rc of the '
    'current folder first. `sediff config` prints every value with its unit and where it came from.')
