"""The trace: plain values for JSON and back."""

from __future__ import annotations

import json

from pytest_ftcheck.runs.trace import ParameterTrace, Pass, Trace


def whole_trace() -> Trace:
    return Trace(
        planned_steps=4,
        learning_rates=((1e-3, 1e-4), (5e-4, 5e-5)),
        base_learning_rates=(1e-3, 1e-4),
        gradient_norms=(1.5, 0.5),
        micro_steps=(2, 1),
        scheduler_steps=2,
        schedule_length=4,
        stale_gradients=(2,),
        parameters=(
            ParameterTrace(
                name="classifier.bias",
                size=2,
                trainable=True,
                normalisation_or_bias=True,
                groups=(0, 1),
                weight_decay=0.01,
                gradient=0.5,
                moved=0.1,
                scale=0.0,
            ),
        ),
        passes=(Pass("train", (7, -9), (0.0, 1.0), (1, 1), in_train_mode=True, weights_changed=True),),
        forward_keys=("attention_mask", "input_ids"),
        eval_forward_keys=("input_ids",),
        padded_without_mask=True,
    )


def test_whole_trace_survives_json() -> None:
    trace = whole_trace()
    assert Trace.from_record(json.loads(json.dumps(trace.to_record()))) == trace


def test_empty_trace_survives_json() -> None:
    assert Trace.from_record(json.loads(json.dumps(Trace().to_record()))) == Trace()


def test_steps_are_those_that_were_taken() -> None:
    assert whole_trace().steps == 2
    assert Trace().steps == 0
