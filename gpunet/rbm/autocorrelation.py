"""How many steps a chain takes to forget where it was."""

import numpy as np

WINDOW = 5.0  # autocorrelations are summed up to so many times their sum, beyond which there is noise alone
LEAST = 0.05  # autocorrelations below are lost in noise


def autocorrelations(series: np.ndarray) -> np.ndarray:
    """Correlation of chains with themselves after 0, 1, 2, ... steps, (steps,): averaged over the chains.

    Deviations are those from the mean over all chains and steps, so that chains which each stay in a place of their own
    count as correlated.

    Args:
        series: (steps, chains), one number of each chain at each step.

    >>> autocorrelations(np.array([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]])).tolist()
    [1.0, 1.0, 1.0]
    """
    steps = len(series)
    deviation = series - series.mean()
    spectrum = np.fft.rfft(deviation, 2 * steps, axis=0)
    raw = np.fft.irfft(spectrum * spectrum.conj(), axis=0)[:steps].mean(axis=1) / np.arange(steps, 0, -1)
    if raw[0] <= np.finfo(float).eps * max(1.0, float(np.square(series).mean())):
        return np.ones(steps)  # nothing ever changes
    return raw / raw[0]


def integrated_time(series: np.ndarray) -> float:
    """``1 + 2 sum of autocorrelations``: how many steps of a chain count as much as one independent sample.

    The sum ends where it is a fifth of the steps summed (Sokal 1997); 1 for independent samples, and for chains that
    never change their length.

    Args:
        series: (steps, chains).

    >>> series = np.random.default_rng(0).normal(size=(2000, 10))
    >>> round(integrated_time(series), 1)
    1.0
    """
    sums = 2 * np.cumsum(autocorrelations(series)) - 1
    ends = np.flatnonzero(np.arange(len(sums)) >= WINDOW * sums)
    return float(max(1.0, sums[ends[0] if len(ends) else -1]))


def exponential_time(series: np.ndarray) -> float:
    """Steps in which the autocorrelation falls by a factor e at last, in the slowest way that the numbers show.

    A line through the logarithms of the autocorrelations from where fast ways are over to where noise begins; with a
    spectral gap ``g`` it is ``-1 / log(1 - g)``.  Infinite where they never fall so far.

    Args:
        series: (steps, chains).
    """
    found = autocorrelations(series)
    noise = max(LEAST, 4 * float(np.sqrt(2 * integrated_time(series) / series.size)))
    below = np.flatnonzero(found < noise)
    if not len(below):
        return float("inf")
    stop = max(int(below[0]), 2)
    start = min(int(np.argmax(found < 0.5)) if (found < 0.5).any() else 0, stop - 2)
    lags = np.arange(start, stop)
    logs = np.log(np.maximum(found[lags], np.finfo(float).tiny))
    slope = float(np.polyfit(lags, logs, 1, w=found[lags].clip(noise / 4))[0])
    return -1 / slope if slope < 0 else float("inf")
