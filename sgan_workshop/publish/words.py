"""Tables of results for people."""

from __future__ import annotations

import pandas as pd


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`by_method` returns, for people: mean ± standard deviation, accuracies in percent."""

    def both(mean: pd.Series, std: pd.Series, digits: int) -> list[str]:
        texts = mean.map(f"{{:.{digits}f}}".format) + " ± " + std.map(f"{{:.{digits}f}}".format)
        return texts.str.replace(" ± nan", "").to_list()

    return pd.DataFrame(
        {
            "method": table["method"],
            "protocol": table["protocol"],
            "labels": table["labels"],
            "accuracy %": both(100 * table["mean_accuracy"], 100 * table["std_accuracy"], 2),
            "FID": both(table["mean_fid"], table["std_fid"], 1),
            "seeds": table["seeds"],
            "core s": table["mean_core_seconds"].map("{:.0f}".format),
        }
    )
