"""What `sediff why` tells, as text for a terminal and as JSON."""
from __future__ import annotations

import json
import math
from dataclasses import asdict

from sediff.candidates.explain import Check
from sediff.flow.exposure.why import Found, Told
from sediff.flow.exposure.whyempty import NEAR, Difference
from sediff.values import sexagesimal_text

#: Listed stars farther away than this (arcsec) are not named.
STAR_NEAR = 60.0


def why_json(told: Told) -> str:
    """One object; what is not known is null."""
    return json.dumps(_known(asdict(told)), indent=1, allow_nan=False)


def _known(value):
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def why_text(told: Told) -> str:
    """A few lines a detection, or what is known where there is none."""
    lines = [f'{told.expnum} {told.band}, night {told.nite}, season {told.season}: {_place(told.ra, told.dec)}, within '
             f'{told.radius:g} arcsec', told.where]
    lines += [f'PROBLEM: {told.problem}'] if told.problem else []
    for found in told.detections:
        lines += ['', *_detection(found)]
    if told.difference is not None:
        lines += ['', f'no detection within {told.radius:g} arcsec; {_nearest(told.nearest)}',
                  *_nothing(told.difference)]
    elif not told.detections:
        lines.append(f'no detection within {told.radius:g} arcsec')
    return '\n'.join(lines)


def _place(ra: float, dec: float) -> str:
    return f'{ra:.6f} {dec:+.6f} ({sexagesimal_text(ra / 15.0, 2)} {sexagesimal_text(dec, 1, sign=True)})'


def _named(found: Found) -> str:
    sign = 'fainter than the template' if found.negative else 'brighter than the template'
    light = '' if found.magnitude is None else f', {found.magnitude:.2f} +- {found.magnitude_error:.2f} mag'
    return f'S/N {found.snr:.1f}, {sign}{light}'


def _verdict(found: Found) -> str:
    return 'kept' if found.kept else f'rejected by {", ".join(found.reasons)}'


def _detection(found: Found) -> list[str]:
    """A detection: its verdict, its candidate, each cut."""
    lines = [f'detection {found.number} of CCD {found.ccd}, {found.distance:.2f} arcsec away at '
             f'{_place(found.ra, found.dec)}, x {found.x:.1f}, y {found.y:.1f}',
             f'  {_named(found)}{", " + found.kind.replace("_", " ") if found.kind else ""}: {_verdict(found).upper()}']
    if found.candidate is not None:
        lines.append(f'  candidate {found.candidate}, {"new here" if found.is_new else "known before"}, {found.epochs} '
                     f'detection{"s" * (found.epochs != 1)} in the season')
    elif found.kept:
        lines.append('  no candidate: RUN25 has not written one (WRITEDB=off, or it has not run)')
    if found.score is None:
        lines.append('  no score: RUN24 has not run')
    lines += [_check(check) for check in found.checks]
    if found.star_distance is not None and found.star_distance < STAR_NEAR:
        lines.append(f'  nearest star of the SNVETO list: {found.star_magnitude:.2f} mag, {found.star_distance:.1f} arcsec '
                     'away')
    return lines


def _check(check: Check) -> str:
    unit = f' {check.unit}' if check.unit else ''
    value = '' if check.value is None else f'{check.value:.4g}{unit}'
    limit = '' if check.limit is None else f'must be {check.relation} {check.limit:.4g}'
    return f'  {"passed" if check.passed else "FAILED"}  {check.name:<13} {value:>10}  {limit:<18}  {check.meaning}'.rstrip()


def _nearest(found: Found | None) -> str:
    if found is None:
        return 'there is none on this CCD'
    return f'the nearest is number {found.number}, {found.distance:.1f} arcsec away, {_named(found)}, {_verdict(found)}'


def _nothing(there: Difference) -> list[str]:
    """Why there is no detection."""
    lines = [f'  {_reason(there)}']
    if there.value is None:
        lines.append('  difference: the pixel has no weight')
    else:
        lines.append(f'  difference: {there.value:.1f} +- {there.noise:.1f} electrons in the pixel')
    if there.flux is not None:
        limit = '' if there.limit is None else f'; 5 sigma are {there.limit:.2f} mag'
        lines.append(f'  a point source there: {there.flux:.0f} +- {there.flux_error:.0f} electrons, S/N {there.snr:.1f}'
                     + limit)
    lines.append(f'  {100 * there.good:.0f} % of the weight of its PSF is on usable pixels')
    for name, words in (('search image', there.search_mask), ('template', there.template_mask)):
        lines.append(f'  mask of the {name} within {NEAR} px: {", ".join(words) or "none"}')
    if there.left_out:
        lines.append(f'  {there.left_out} peaks of this CCD were more than MAX_DETECTIONS and were not measured')
    return lines


def _reason(there: Difference) -> str:
    """The first reason that there is no detection."""
    if not there.covered:
        return 'no template covers the place: nothing is subtracted, nothing can be detected'
    if there.snr is None or there.good <= 0.5:
        return 'too few usable pixels: a detection has more than half of the weight of its PSF on them'
    if abs(there.snr) < there.threshold:
        return f'no significant source: |S/N| is below DIFF_THRESHOLD = {there.threshold:g}'
    return 'significant light, but no peak of its own: it is part of the nearest detection, or was left out'
