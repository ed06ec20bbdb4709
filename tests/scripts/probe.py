"""Writes crates/clip-eval/tests/data/probe.json: what scikit-learn learns from made-up features.

    pip install scikit-learn numpy
    python tests/scripts/probe.py

Features are noise around a center for each class, so noisy that four of five rows can be told at
best, and of different scale from column to column. They are stored as whole numbers; divided by
`denominator` they are exact in f32. The first `train` rows are learned from, the others tell the
accuracy. Each fit is `LogisticRegression(C=c)` on the rows whose label is below
`classes`, standardized first where it says so:

    coef, intercept    the minimum, by Newton's method, which finds it to some nine digits
    accuracy           of that minimum
    accuracy_default   as users have it: `solver="lbfgs", max_iter=1000` and the default tolerance
    iterations_default

The script fails where the accuracies are not those of a hard problem, or Newton's method did not
converge.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

OUT = Path(__file__).resolve().parents[2] / "crates/clip-eval/tests/data/probe.json"
ROWS, TRAIN, WIDTH, CLASSES = 800, 400, 16, 7
DENOMINATOR = 64
# classes, C, standardized
FITS = [(CLASSES, c, False) for c in (1e-3, 1e-2, 0.1, 1.0, 10.0, 1e3)]
FITS += [(2, 0.1, False), (2, 10.0, False), (3, 1.0, False), (CLASSES, 0.1, True)]


def features() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    labels = random.integers(0, CLASSES, ROWS)
    centers = random.normal(size=(CLASSES, WIDTH))
    noise = random.normal(size=(ROWS, WIDTH))
    scales = np.geomspace(0.4, 2.0, WIDTH)
    values = (1.2 * centers[labels] + 1.5 * noise + 0.5) * scales
    return np.round(values * DENOMINATOR).astype(int), labels


def fit(values: np.ndarray, labels: np.ndarray, classes: int, c: float, standardize: bool) -> dict:
    train = (np.arange(ROWS) < TRAIN) & (labels < classes)
    test = (np.arange(ROWS) >= TRAIN) & (labels < classes)
    x = values.astype(np.float64) / DENOMINATOR
    scaler = StandardScaler().fit(x[train]) if standardize else None
    if scaler is not None:
        x = scaler.transform(x)

    exact = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=100)
    exact.fit(x[train], labels[train])
    default = LogisticRegression(C=c, solver="lbfgs", max_iter=1000)
    default.fit(x[train], labels[train])
    coef, intercept = exact.coef_, exact.intercept_
    if classes > 2:  # a constant on all intercepts changes nothing; L-BFGS keeps their sum at 0
        intercept = intercept - intercept.mean()
    if scaler is not None:  # for features as they are
        coef = coef / scaler.scale_
        intercept = intercept - coef @ scaler.mean_

    accuracy = exact.score(x[test], labels[test])
    print(f"{classes} classes, C {c}: {accuracy:.3f}, {exact.n_iter_} and {default.n_iter_} steps")
    assert exact.n_iter_ < 100
    assert 0.5 < accuracy < 0.97
    return {
        "classes": classes,
        "c": c,
        "standardize": standardize,
        "coef": coef.round(9).tolist(),
        "intercept": intercept.round(9).tolist(),
        "accuracy": accuracy,
        "accuracy_default": default.score(x[test], labels[test]),
        "iterations_default": int(default.n_iter_[0]),
    }


def main() -> None:
    values, labels = features()
    golden = {
        "scikit-learn": sklearn.__version__,
        "train": TRAIN,
        "width": WIDTH,
        "denominator": DENOMINATOR,
        "labels": labels.tolist(),
        "features": values.ravel().tolist(),
        "fits": [fit(values, labels, *settings) for settings in FITS],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
