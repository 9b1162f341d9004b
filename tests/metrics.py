"""Reads metrics with independent parsers: files that `runner run -o openmetrics` wrote.

    python tests/metrics.py FILE…

The parser of OpenMetrics and that of the older text format must find the same samples, at least one.
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format


def samples(parse, text):
    found = []
    for family in parse(text):
        for sample in family.samples:
            found.append((sample.name, sorted(sample.labels.items()), float(sample.value)))
    return sorted(found)


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    new, old = samples(openmetrics, text), samples(text_format, text)
    assert new, f"{path}: no sample"
    assert new == old, f"{path}: {set(map(str, new)) ^ set(map(str, old))}"
    families = list(openmetrics(text))
    assert all(family.documentation for family in families), f"{path}: no help"
    print(f"{path}: {len(new)} samples of {len(families)} metrics")
