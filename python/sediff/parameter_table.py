"""Every parameter of sediff: default, unit, range, meaning, and the rc file that may set it."""
from __future__ import annotations

from functools import partial

from sediff.errors import BadUsage
from sediff.parameters import Parameter as P
from sediff.values import checked_file_pattern, checked_season, checked_version, is_night


def _season(value: object, what: str) -> None:
    checked_season(f'dp{str(value).removeprefix("dp")}', what)


def _night(value: object, what: str) -> None:
    if value != 99999999 and not is_night(value):
        raise BadUsage(f'{what} must be a night of the calendar as YYYYMMDD, or 99999999 for no limit')


#: A parameter that names a file of each CCD.
F = partial(P, check=checked_file_pattern)

DAGMAKER = [
    P('RNUM', '4', '', 'processing version of single epoch, first part (rRNUMpPNUM)', 'dagmaker',
      check=checked_version),
    P('PNUM', '7', '', 'processing version of single epoch, second part', 'dagmaker', check=checked_version),
    P('SEASON', '33', '', 'version of the difference imaging (dpSEASON); below 11 reserved, 20-100 for tests',
      'dagmaker', check=_season),
    P('DIFFIMG_EUPS_VERSION', 'gw8', '', 'version tag handed to SEdiff.sh -v, recorded in the headers', 'dagmaker'),
    P('WRITEDB', 'on', '', 'write detections and candidates to the database', 'dagmaker', choices=('on', 'off')),
    P('RM_MYTEMP', True, '', 'remove an earlier mytemp_EXPNUM folder first', 'dagmaker'),
    P('JOBSUB_OPTS', '--memory=2500MB --disk=70GB --cpu=1 --expected-lifetime=5h', '',
      'options of the search jobs', 'dagmaker'),
    P('JOBSUB_OPTS_SE', '--memory=3600MB --disk=100GB --expected-lifetime=5h', '', 'options of SE-only jobs',
      'dagmaker'),
    P('JOBSUB_TEMP_OPTS', '--memory=2500MB --disk=70GB --cpu=1 --expected-lifetime=5h', '',
      'options of the template jobs',
      'dagmaker'),
    P('RESOURCES', 'DEDICATED,OPPORTUNISTIC,OFFSITE', '', 'where jobs may run', 'dagmaker'),
    P('IGNORECALIB', True, '',
      'queue a template with complete images but no calibration for calibration only (-j)', 'dagmaker'),
    P('DESTCACHE', 'persistent', '', 'folder below ROOT that keeps the products',
      'dagmaker', choices=('persistent', 'scratch')),
    P('SCHEMA', 'gw', '', 'folder below DESTCACHE', 'dagmaker', choices=('gw', 'wsdiff')),
    P('SEARCH_OPTS', '-C', '', 'more SEdiff.sh flags of the search jobs', 'dagmaker'),
    P('TEMP_OPTS', '-C -t', '', 'more SEdiff.sh flags of the template jobs', 'dagmaker'),
    P('TEFF_CUT_U', 0.2, '', 't_eff a template in u must have', 'dagmaker', 0, 10),
    P('TEFF_CUT_G', 0.2, '', 't_eff a template in g must have', 'dagmaker', 0, 10),
    P('TEFF_CUT_R', 0.3, '', 't_eff a template in r must have', 'dagmaker', 0, 10),
    P('TEFF_CUT_I', 0.3, '', 't_eff a template in i must have', 'dagmaker', 0, 10),
    P('TEFF_CUT_Z', 0.3, '', 't_eff a template in z must have', 'dagmaker', 0, 10),
    P('TEFF_CUT_Y', 0.2, '', 't_eff a template in Y must have', 'dagmaker', 0, 10),
    P('TEFF_CUT_VR', 0.3, '', 't_eff a template in VR must have', 'dagmaker', 0, 10),
    P('TWINDOW', 15.0, 'd', 'no template within this time of the search exposure', 'dagmaker', 0),
    P('TWINDOW_DISTINCT', 0, '', '1: use the two limits below instead of TWINDOW', 'dagmaker', 0, 1),
    P('TWINDOW_BEFORE', 0.0, 'd', 'no template taken less than this before the search exposure', 'dagmaker'),
    P('TWINDOW_AFTER', 0.0, 'd', 'no template taken less than this after the search exposure', 'dagmaker'),
    P('MIN_NITE', 20100101, 'YYYYMMDD', 'earliest night of a template', 'dagmaker', 20000101, 99999999, check=_night),
    P('MAX_NITE', 99999999, 'YYYYMMDD', 'latest night of a template', 'dagmaker', 20000101, 99999999, check=_night),
    P('TEMPLATE_MODE', 'coadd', '', 'template: mean of all chosen exposures, or one alone, of best seeing', 'dagmaker',
      choices=('coadd', 'single')),
    P('TEMPLATE_BEST', 0, '', 'keep at most so many templates, those of best seeing; 0: all', 'dagmaker', 0),
    P('TEMPLATE_QUANTILE', 1.0, '', 'keep at most this fraction of the templates, those of best seeing; 1: all', 'dagmaker',
      0, 1),
    P('TEMPLATE_MAX_SEEING', 0.0, 'arcsec', 'no template whose seeing is worse; 0: no limit', 'dagmaker', 0, 20),
    P('TEMPLATE_UNKNOWN_SEEING', 'wait', '',
      'templates whose seeing is not known: wait (until they are processed, then the choice is made) or drop', 'dagmaker',
      choices=('wait', 'drop')),
    P('SKIP_INCOMPLETE_SE', False, '', 'drop templates without complete SE instead of queueing their SE', 'dagmaker'),
    P('DO_HEADER_CHECK', 0, '', '1: check OBJECT, FIELD and TILING of the raw image', 'dagmaker', 0, 1),
    P('STASHVER', '', '', 'CVMFS revision of DES-GW jobs, recorded only', 'dagmaker'),
    P('MIN_EXPTIME', 30.0, 's', 'shortest exposure accepted as search or template', 'dagmaker', 0),
    P('OVERLAP_RADIUS', 2.2, 'deg', 'centres of search and template exposure at most this far apart',
      'dagmaker', 0, 10),
    P('TEMPLATE_MIN_DAYS', 0.5, 'd', 'exposures nearer in time than this are of the same night, no templates',
      'dagmaker', 0),
    P('JUNK_WORDS', 'zero|flat|test|junk|bias|supernova|slew|pointing|commish|sn-', '',
      'exposures whose OBJECT or OBSTYPE has one of these, in any case, are no templates', 'dagmaker'),
    P('SNSTAR_FILENAME', 'SNSTAR_THEEXP_THECCDNUM_rTHERNUMpTHEPNUM.LIST', '',
      'name of the calibration stars of a search job (-T); empty: none', 'dagmaker'),
    P('SNVETO_FILENAME', 'SNVETO_THEEXP_THECCDNUM_rTHERNUMpTHEPNUM.LIST', '',
      'name of the veto stars of a search job (-V); empty: none', 'dagmaker'),
    P('JOBSUB_GROUP', 'des', '', 'group that grid jobs are submitted for', 'dagmaker'),
    P('COPY_COMMAND', 'cp -p --', '',
      'first three words of copy_pairs_for_EXPNUM.sh; on a grid with ifdh: ifdh cp -D', 'dagmaker'),
    P('BLACKLIST', '', '', 'file of exposure numbers never to be used, relative to ROOT', 'dagmaker'),
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
      'cosmic rays: noises by which a pixel stands above the median of its surroundings; 0.25 less by '
      'which it must be sharper than a star', 'se', 3, 100),
    P('BRIGHT_THRESHOLD', 10.0, 'sigma', 'detection threshold of the catalogues for astrometry and PSF', 'se', 2, 100),
    P('POSITION_MAXERR', 60.0, 'arcsec', 'largest pointing error searched', 'se', 1, 600),
    P('ROTATION_MAXERR', 0.1, 'deg', 'largest rotation searched', 'se', 0, 5),
    P('ASTROM_MIN_STARS', 10, '', 'fewest matched stars of an accepted solution', 'se', 4),
    P('ASTROM_MAX_RMS', 150.0, 'mas', 'largest residual of an accepted solution', 'se', 1),
    P('ASTROM_MIN_CONTRAST', 2.0, '', 'votes for the offset of an accepted solution over those of the next best', 'se', 1),
    P('ASTROM_FLOOR', 8.0, 'mas', 'error added to every position: the atmosphere', 'se', 0, 1000),
    P('ASTROM_MAX_ORDER', 3, '', 'highest degree of the correction to the distortion, where left-out stars confirm it',
      'se', 1, 3),
    P('ASTROM_START', 'header', '', 'distortion to start from; camera: catalogs/tpv.csv', 'se',
      choices=('header', 'camera')),
    P('ASTROM_MIN_CCDS', 3, '', 'fewest solved CCDs of the common solution for CCDs without stars', 'se', 2, 62),
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
    P('WEIGHT_MASK', 0x47DB, '', 'mask bits whose pixels get no weight (18395 = 0x47DB)', 'diffimg', 0, 32767),
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
    P('VETOMAG', 20.0, 'mag', 'veto stars brighter than this count', 'diffimg', 0, 30),
    P('VETO_SCALE', 1.0, '', 'radii (px) of the SNVETO list are multiplied by this', 'diffimg', 0, 10),
    P('VETO_VARIABLES', 0, '', 'variable stars: 0 kept as candidates of that class, 1 rejected', 'diffimg', 0, 1),
    P('MAXA', 1.5, '', 'largest A_IMAGE of a candidate, in units of the PSF', 'diffimg', 0.1, 100),
    P('STAMP_SIZE', 51, 'px', 'side of the stamps', 'diffimg', 11, 501),
    P('MIN_MLSCORE', 0.3, '', 'lowest score that enters the candidate table', 'diffimg', 0, 1),
    P('PAGE_MLSCORE', 0.7, '', 'score from which the page shows a candidate by default', 'diffimg', 0, 1),
    P('CAND_RADIUS', 1.0, 'arcsec', 'detections this near are one candidate', 'diffimg', 0, 6),
]


def _limits(figure: str, green: float, yellow: float, unit: str, meaning: str, largest: float) -> tuple[P, P]:
    """The two limits of a figure of quality: good from the green one on, usable from the yellow one on."""
    return (P(f'QC_{figure}_GREEN', green, unit, f'green: {meaning}', 'qc', 0, largest),
            P(f'QC_{figure}_YELLOW', yellow, unit, f'yellow: {meaning}', 'qc', 0, largest))


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
    *_limits('FRINGES', 0.0, 0.0, '', 'fraction of CCDs whose fringes (z, Y) are still in the image, at most', 1),
]

SITE = [
    P('ROOT', '.', '', 'top of the work tree: dts/, calib/, refcat/, persistent/', 'site'),
    P('EXPOSURES_LIST', 'exposures.list', '', 'table of known exposures, relative to ROOT', 'site'),
    P('DB_URL', '', '', 'candidate database (SQLAlchemy URL); empty: SQLite below ROOT', 'site'),
    P('WORKERS', 0, '', 'worker processes; 0: one a core', 'site', 0, 1024),
    P('KEEP_INTERMEDIATE', False, '', 'keep every intermediate image on disk', 'site'),
]

TABLE = [*DAGMAKER, *SE, *DIFFIMG, *QC, *SITE]
