"""Every parameter of sediff: default, unit, range, meaning, and the rc file that may set it."""
from __future__ import annotations

from sediff.parameters import Parameter as P

DAGMAKER = [
    P('RNUM', '4', '', 'processing version of single epoch, first part (rRNUMpPNUM)', 'dagmaker'),
    P('PNUM', '7', '', 'processing version of single epoch, second part', 'dagmaker'),
    P('SEASON', '33', '', 'version of the difference imaging (dpSEASON); below 11 reserved, 20-100 for tests',
      'dagmaker'),
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
    P('MIN_NITE', 20100101, 'YYYYMMDD', 'earliest night of a template', 'dagmaker', 20000101, 99999999),
    P('MAX_NITE', 99999999, 'YYYYMMDD', 'latest night of a template', 'dagmaker', 20000101, 99999999),
    P('SKIP_INCOMPLETE_SE', False, '', 'drop templates without complete SE instead of queueing their SE', 'dagmaker'),
    P('DO_HEADER_CHECK', 0, '', '1: check OBJECT, FIELD and TILING of the raw image', 'dagmaker', 0, 1),
    P('STASHVER', '', '', 'CVMFS revision of DES-GW jobs, recorded only', 'dagmaker'),
    P('MIN_EXPTIME', 30.0, 's', 'shortest exposure accepted as search or template', 'dagmaker', 0),
    P('OVERLAP_RADIUS', 2.2, 'deg', 'centres of search and template exposure at most this far apart',
      'dagmaker', 0, 10),
    P('BLACKLIST', '', '', 'file of exposure numbers never to be used, relative to ROOT', 'dagmaker'),
]

SE = [
    P('CROSSTALK', True, '', 'subtract crosstalk', 'se'),
    P('MAX_CALIB_DAYS', 400.0, 'd', 'how far in time a bias, flat or bad-pixel mask may be', 'se', 0),
    P('BLEED_MIN_LENGTH', 15, 'px', 'shortest run of a column that counts as a bleed trail', 'se', 2, 4096),
    P('SKY_BLOCK', 128, 'px', 'mesh size of the sky background', 'se', 16, 1024),
    P('CR_THRESHOLD', 5.0, 'sigma', 'cosmic rays: significance of the Laplacian', 'se', 3, 100),
    P('BRIGHT_THRESHOLD', 10.0, 'sigma', 'detection threshold of the catalogues for astrometry and PSF', 'se', 2, 100),
    P('POSITION_MAXERR', 60.0, 'arcsec', 'largest pointing error searched', 'se', 1, 600),
    P('ROTATION_MAXERR', 0.1, 'deg', 'largest rotation searched', 'se', 0, 5),
    P('ASTROM_MIN_STARS', 10, '', 'fewest matched stars of an accepted solution', 'se', 4),
    P('ASTROM_MAX_RMS', 150.0, 'mas', 'largest residual of an accepted solution', 'se', 1),
    P('REFCAT_DIR', 'refcat', '', 'folder of reference-star shards, relative to ROOT', 'se'),
    P('PSF_DEGREE', 2, '', 'polynomial degree of the PSF over the CCD', 'se', 0, 4),
    P('PSF_SIZE', 31, 'px', 'side of the PSF model', 'se', 15, 101),
    P('DETECT_THRESH', 1.5, 'sigma', 'detection threshold of fullcat', 'se', 1, 100),
    P('ZP_MAG_MIN', 15.0, 'mag', 'brightest reference star used for the zero point', 'se', 0, 30),
    P('ZP_MAG_MAX', 20.5, 'mag', 'faintest reference star used for the zero point', 'se', 0, 30),
    P('ZP_MIN_STARS', 4, '', 'fewest stars of a zero point', 'se', 3),
]

DIFFIMG = [
    P('STAR_MAX_MAGERR', 0.011, 'mag', 'calibration stars: largest magnitude error', 'diffimg', 0, 1),
    P('STAR_MAG_MIN', 12.0, 'mag', 'calibration stars: brightest', 'diffimg', 0, 30),
    P('STAR_MAG_MAX', 21.5, 'mag', 'calibration stars: faintest', 'diffimg', 0, 30),
    P('WSTEMPLATE_NSTARMIN', 10, '', 'a template CCD with fewer common stars is rejected', 'diffimg', 1),
    P('WEIGHT_MASK', 0x47DB, '', 'mask bits whose pixels get no weight (18395 = 0x47DB)', 'diffimg', 0, 32767),
    P('DOFAKE_FLAG', 0, '', '0: no fakes are put in', 'diffimg', 0, 0),
    P('FAKE_LIST', '', '', 'csv of sources known to be in the images (id, ra, dec, mag ...), relative to ROOT',
      'diffimg'),
    P('FAKE_RADIUS', 1.5, 'arcsec', 'a fake is found when a detection is this near', 'diffimg', 0, 30),
    P('CONVOLVE', 'auto', '', 'image that is convolved', 'diffimg', choices=('auto', 'template', 'science')),
    P('KERNEL_ORDER', -1, '', 'spatial order of the kernel; -1: by the number of stars', 'diffimg', -1, 3),
    P('DIFF_THRESHOLD', 5.0, 'sigma', 'detection threshold on the difference', 'diffimg', 2, 100),
    P('VETOMAG', 20.0, 'mag', 'veto stars brighter than this count', 'diffimg', 0, 30),
    P('MAXA', 1.5, '', 'largest A_IMAGE of a candidate, in units of the PSF', 'diffimg', 0.1, 100),
    P('STAMP_SIZE', 51, 'px', 'side of the stamps', 'diffimg', 11, 501),
    P('MIN_MLSCORE', 0.3, '', 'lowest score that enters the candidate table', 'diffimg', 0, 1),
    P('PAGE_MLSCORE', 0.7, '', 'score from which the page shows a candidate by default', 'diffimg', 0, 1),
    P('CAND_RADIUS', 1.0, 'arcsec', 'detections this near are one candidate', 'diffimg', 0, 6),
]

QC = [
    P('TEMPLATE_MIN_CCD_FRACTION', 1.0, '', 'fraction of the wanted CCDs a template exposure must have complete',
      'qc', 0, 1),
]

SITE = [
    P('ROOT', '.', '', 'top of the work tree: dts/, calib/, refcat/, persistent/', 'site'),
    P('EXPOSURES_LIST', 'exposures.list', '', 'table of known exposures, relative to ROOT', 'site'),
    P('DB_URL', '', '', 'candidate database (SQLAlchemy URL); empty: SQLite below ROOT', 'site'),
    P('WORKERS', 0, '', 'worker processes; 0: one a core', 'site', 0, 1024),
    P('KEEP_INTERMEDIATE', False, '', 'keep every intermediate image on disk', 'site'),
]

TABLE = [*DAGMAKER, *SE, *DIFFIMG, *QC, *SITE]
