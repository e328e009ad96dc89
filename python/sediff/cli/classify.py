"""The score of stamps: apply it, judge it, train it on labels of one's own; the stage `classify`."""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sediff.candidates.independent import independent_scene
from sediff.candidates.score import class_names, class_probabilities, score_features
from sediff.candidates.scoremodel import read_score_model, write_score_model
from sediff.candidates.stampscan import set_features
from sediff.candidates.training import examples_of, judged, measures, model_card, train, train_own, training_scene
from sediff.cli import arguments
from sediff.errors import BadUsage
from sediff.flow.exposure.labels import labels_of
from sediff.formats.atomic import atomic_path
from sediff.formats.stamp_sets import StampSet, read_stamp_set
from sediff.formats.tables import write_csv
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.values import finite_number

SIMULATED = {'own': training_scene, 'independent': independent_scene}
#: Seed of the first scene of `evaluate --simulated`.
FIRST_SCENE = 50_000


def main(stage: str, argv: list[str]) -> int:
    """Score stamps: real or artefact, and of which class.

    STAMPS are stamps_*.tar.gz of RUN23, folders of such stamps, or FITS tables with an image of template, search and
    difference in each row. LABELS are votes that a page has exported, or a csv stamps,objid,label (real or bogus).
    """
    args = _parser(stage).parse_args(argv)
    return args.action(args)


def _parser(stage: str) -> arguments.Parser:
    parser = arguments.Parser(prog=f'sediff {stage}', description=main.__doc__,
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True, metavar='train|apply|evaluate', parser_class=type(parser))
    apply = actions.add_parser('apply', help='scores and classes of stamps')
    apply.add_argument('stamps', nargs='+', metavar='STAMPS')
    apply.add_argument('--out', type=Path, help='csv to write (default: print)')
    apply.set_defaults(action=_apply)
    evaluate = actions.add_parser('evaluate', help='completeness, purity, ROC and reliability of scores of labelled stamps')
    evaluate.add_argument('labels', nargs='?', metavar='LABELS')
    evaluate.add_argument('stamps', nargs='*', metavar='STAMPS')
    evaluate.add_argument('--simulated', choices=tuple(SIMULATED), help='judge on simulated scenes instead')
    evaluate.add_argument('--scenes', type=arguments.integer('--scenes'), default=20, help='so many of them')
    evaluate.add_argument('--threshold', type=finite_number('--threshold'), default=0.3, help='score that is accepted')
    evaluate.set_defaults(action=_evaluate)
    learn = actions.add_parser('train', help='a model from labelled stamps')
    learn.add_argument('labels', nargs='?', metavar='LABELS')
    learn.add_argument('stamps', nargs='*', metavar='STAMPS')
    learn.add_argument('--simulated', action='store_true', help='train on simulated scenes: the model of sediff')
    learn.add_argument('--out', type=Path, required=True, help='npz to write; the card is .json beside it')
    learn.add_argument('--seed', type=arguments.integer('--seed'), default=1)
    learn.set_defaults(action=_train)
    for each in (apply, evaluate, learn):
        each.add_argument('--model', type=Path, help='npz of `train` (default: that of the default instrument)')
        each.add_argument('--fwhm', type=finite_number('--fwhm'), help='of the PSF, px (default: measured in the stamps)')
    return parser


def _model(args: argparse.Namespace):
    return read_score_model(args.model or table_path(default_instrument(), 'autoscan.npz'))


def _apply(args: argparse.Namespace) -> int:
    model = _model(args)
    parts = [_scored(each, model, args.fwhm) for each in _read(args)]
    table = pd.concat(parts, ignore_index=True)
    if args.out:
        write_csv(args.out, table)
        print(f'{args.out}: {len(table)} stamps, {int((table["score"] >= 0.7).sum())} score 0.7 or more')
    else:
        print(table.to_csv(index=False), end='')
    return 0


def _read(args: argparse.Namespace) -> list[StampSet]:
    if args.fwhm is not None and not 1.5 <= args.fwhm <= 20.0:
        raise BadUsage(f'--fwhm {args.fwhm}: 1.5 to 20 px')
    if not args.stamps:
        raise BadUsage('give STAMPS, or --simulated; see -h')
    return [read_stamp_set(path) for path in args.stamps]


def _scored(stamps: StampSet, model, fwhm: float | None) -> pd.DataFrame:
    """Scores of a set; where nothing can be measured the score is empty and the class -."""
    features, seen = set_features(stamps.stamps, stamps.one_psf, fwhm)
    chances = class_probabilities(features, model)
    return pd.DataFrame({'stamps': stamps.path.name, 'objid': stamps.numbers,
                         'score': np.where(seen, score_features(features, model).round(4), np.nan),
                         'class': np.where(seen, class_names(chances, model), '-'),
                         'probability': np.where(seen, chances.max(axis=1).round(4), np.nan)})


def _labelled(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of the stamps that have both."""
    sets, features, real = _read(args), [], []
    for each, labels in zip(sets, labels_of(args.labels, sets)):
        wanted = [row for row, number in enumerate(each.numbers) if number in labels]
        if not wanted:
            continue
        values, seen = set_features([each.stamps[row] for row in wanted], each.one_psf, args.fwhm)
        features.append(values[seen])
        real += [labels[each.numbers[row]] for row, good in zip(wanted, seen) if good]
    return np.concatenate(features), np.array(real, bool)


def _evaluate(args: argparse.Namespace) -> int:
    model = _model(args)
    if args.simulated:
        if not 1 <= args.scenes <= 10_000:
            raise BadUsage(f'--scenes {args.scenes}: 1 to 10000')
        seeds = range(FIRST_SCENE, FIRST_SCENE + args.scenes)
        found = judged(model, examples_of(SIMULATED[args.simulated], seeds), args.threshold)
    else:
        features, real = _labelled(args)
        found = measures(score_features(features, model), real, args.threshold)
    print('\n'.join(_told(found)))
    return 0


def _told(found: dict) -> Sequence[str]:
    more = 'artefacts rejected where 99 % are kept'
    lines = [f'{found["examples"]} examples, {found["real"]} real; at score {found["threshold"]}: completeness '
             f'{found["kept"]:.4f}, artefacts rejected {found["rejected"]:.4f}, purity {found["purity"]:.4f}',
             f'ROC area {found["roc_auc"]:.4f}; {more} {found["rejected_at_kept_0.99"]:.4f}, '
             f'95 % {found["rejected_at_kept_0.95"]:.4f}', 'score  are real  error  number']
    told = found['reliability']
    lines += [f'{mean:.3f}  {share:.3f}     {error:.3f}  {number:.0f}' for mean, share, error, number in
              zip(told['score'], told['share'], told['error'], told['number']) if number]
    if 'classes' in found:
        lines += [f'macro recall {found["macro_recall"]:.3f}', 'class         examples  accepted  recall']
        lines += [f'{name:<12}  {row["examples"]:8d}  {row["accepted"]:8.3f}  {row["recall"]:6.3f}'
                  for name, row in found['classes'].items()]
    return lines


def _train(args: argparse.Namespace) -> int:
    card_path = args.out.with_suffix('.json')
    if args.out.suffix != '.npz':
        raise BadUsage(f'--out {args.out}: the name must end in .npz')
    if args.simulated:
        model = train(args.seed)
        card = model_card(model)
    else:
        if not args.labels:
            raise BadUsage('give LABELS and STAMPS, or --simulated; see -h')
        features, real = _labelled(args)
        model = train_own(features, real, _model(args), args.seed)
        card = {'model': 'autoScan', 'version': model.version, 'seed': model.seed, 'real': int(real.sum()),
                'artefacts': int((~real).sum())}
    write_score_model(args.out, model)
    with atomic_path(card_path) as temporary:
        temporary.write_text(json.dumps(card, indent=1) + '\n', encoding='utf-8')
    print(f'{args.out}, {card_path}: seed {model.seed}, {len(model.real.root)} trees of the score')
    return 0
