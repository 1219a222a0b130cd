"""OpenMetrics text: a sample for each metric with its labels, and the line that ends it."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from pytest_ftcheck.report.openmetrics import openmetrics
from tests.report.made_up import check, document, gate, red_document

SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (NaN|[+-]Inf|-?\d[\d.e+-]*)')


def test_every_metric_has_a_sample_with_its_labels() -> None:
    lines = openmetrics(red_document()).splitlines()
    assert lines[:3] == [
        "# TYPE ftcheck_metric gauge",
        "# HELP ftcheck_metric Value of a metric of a fine-tuned model.",
        'ftcheck_metric{task="mrpc",engine="trainer",metric="accuracy",slice="",seed="0"} 0.8125',
    ]
    assert 'ftcheck_limit{task="mrpc",engine="trainer",metric="accuracy",slice="",seed="0"} 0.8906' in lines
    assert 'ftcheck_checks_failed{task="mrpc"} 3' in lines
    assert lines[-1] == "# EOF"


def test_each_line_is_a_comment_or_a_sample_and_no_sample_comes_twice() -> None:
    odd = gate(slice='class="a\\b"\nc', value=-math.inf)
    made = document(gates=[gate(), gate(seed=3), odd, gate(metric="f1", value=math.nan)])
    made = replace(made, checks=[*made.checks, check("data.rows", task="sst2")])
    text = openmetrics(made)
    assert text.endswith("# EOF\n")
    samples = [line for line in text.splitlines() if not line.startswith("# ")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    assert len({line.rpartition(" ")[0] for line in samples}) == len(samples)
    assert {line.rpartition(" ")[2] for line in samples} >= {"0.8975", "-Inf", "NaN"}
