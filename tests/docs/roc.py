"""Draws ROC and reliability of the shipped score from its card into docs/score_roc.png: `python -m tests.docs.roc`."""
from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt

REPOSITORY = Path(__file__).resolve().parents[2]
CARD = REPOSITORY / 'python' / 'sediff' / 'instruments' / 'decam' / 'autoscan.json'
PICTURE = REPOSITORY / 'docs' / 'score_roc.png'
TESTS = {'own_test': 'own generator, scenes not trained on', 'independent': 'independent generator'}


def draw(card: dict, path: Path) -> None:
    """The picture of a card of `sediff.candidates.training.model_card`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2))
    for (name, words), colour in zip(TESTS.items(), ('#1f4e79', '#c0504d')):
        curve, told = card[name]['roc'], card[name]['reliability']
        left.plot(curve['artefacts_kept'], curve['real_kept'], color=colour, label=words)
        left.plot(1.0 - card[name]['rejected'], card[name]['kept'], 'o', color=colour)
        bins = [k for k, number in enumerate(told['number']) if number]
        right.errorbar([told['score'][k] for k in bins], [told['share'][k] for k in bins],
                       [told['error'][k] for k in bins], fmt='o', ms=4, color=colour)
    left.set(xscale='log', xlim=(1e-4, 1), ylim=(0.8, 1.002), xlabel='artefacts kept', ylabel='real ones kept')
    left.legend(loc='lower right', fontsize=8, frameon=False)
    right.plot([0, 1], [0, 1], color='0.6', lw=1)
    right.set(xlim=(0, 1), ylim=(0, 1), xlabel='score', ylabel='are real')
    for axes in (left, right):
        axes.spines[['top', 'right']].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=100, metadata={'Software': None})
    plt.close(figure)


if __name__ == '__main__':
    draw(json.loads(CARD.read_text()), PICTURE)
    print(PICTURE)
