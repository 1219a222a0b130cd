"""A user's conftest.py overrides a fixture: the run, and the suite, must be made of what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

few_checks = pytest.mark.usefixtures("few_checks")

COLLATOR = """
    import pytest
    from transformers import DataCollatorWithPadding

    class Collator(DataCollatorWithPadding):
        def __call__(self, features):
            batch = super().__call__(features)
            {statement}
            return batch

    @pytest.fixture
    def ft_collator(ft_tokenizer):
        return Collator(ft_tokenizer)
"""

OVERRIDES = {
    "a fixture that replaces the collator": (
        """
        import pytest
        from transformers import DataCollatorWithPadding

        @pytest.fixture
        def ft_collator(ft_tokenizer):
            return DataCollatorWithPadding(ft_tokenizer, pad_to_multiple_of=16)
        """,
        "assert ft_pipeline.data_collator.pad_to_multiple_of == 16",
    ),
    "a fixture that changes the collator": (
        """
        import pytest

        @pytest.fixture
        def ft_collator(ft_collator):
            ft_collator.pad_to_multiple_of = 16
            return ft_collator
        """,
        "assert ft_pipeline.data_collator.pad_to_multiple_of == 16",
    ),
    "a dataset with fewer rows": (
        """
        import pytest

        @pytest.fixture
        def ft_dataset(ft_dataset):
            ft_dataset["train"] = ft_dataset["train"].select(range(40))
            ft_dataset["validation"] = ft_dataset["validation"].select(range(20))
            return ft_dataset
        """,
        "assert (ft_run.train_rows, len(ft_run.label_ids)) == (40, 20)",
    ),
    "a model that is made otherwise": (
        """
        import pytest
        from transformers import BertConfig, BertForSequenceClassification

        @pytest.fixture
        def ft_model(ft_tokenizer):
            return BertForSequenceClassification(BertConfig(
                vocab_size=len(ft_tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                intermediate_size=8, max_position_embeddings=128,
            ))
        """,
        "assert ft_run.load_model().config.hidden_size == 8",
    ),
    "a model that is changed in place": (
        """
        import pytest, torch

        @pytest.fixture
        def ft_model(ft_model):
            with torch.no_grad():
                ft_model.classifier.bias += 100.0
            return ft_model
        """,
        "assert ft_run.load_model().classifier.bias.min() > 90",
    ),
    "a model that is partly frozen": (
        """
        import pytest

        @pytest.fixture
        def ft_model(ft_model):
            ft_model.bert.requires_grad_(False)
            return ft_model
        """,
        "assert ft_run.load_model().bert.pooler.dense.weight.equal(ft_model.bert.pooler.dense.weight)",
    ),
    "a tokenizer with other settings": (
        """
        import pytest
        from transformers import AutoTokenizer

        @pytest.fixture
        def ft_tokenizer(ft_session):
            folder = ft_session.pipeline("mrpc").checkpoint.folder
            return AutoTokenizer.from_pretrained(folder, model_max_length=16, padding_side="left")
        """,
        "assert ft_run.load_tokenizer().padding_side == ft_pipeline.data_collator.tokenizer.padding_side == 'left'",
    ),
    "a tokenizer that splits otherwise": (
        """
        import pytest
        from tokenizers import normalizers
        from transformers import AutoTokenizer

        @pytest.fixture
        def ft_tokenizer(ft_session):
            tokenizer = AutoTokenizer.from_pretrained(ft_session.pipeline("mrpc").checkpoint.folder)
            tokenizer.backend_tokenizer.normalizer = normalizers.Replace("a", "xyz")
            return tokenizer
        """,
        "assert ft_pipeline.train_dataset[0] != ft_session.pipeline('mrpc').train_dataset[0]",
    ),
}
QUICK = ("a fixture that replaces the collator", "a model that is changed in place")


@pytest.fixture
def run_suite(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., pytest.RunResult]:
    """Run the suite of mrpc with a conftest.py."""

    def run(conftest: str, *options: str) -> pytest.RunResult:
        project.makeconftest(conftest)
        return run_pytest("--ftcheck-task=mrpc", *options)

    return run


@few_checks
@pytest.mark.parametrize(
    "override",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in OVERRIDES],
)
def test_an_override_reaches_the_run(
    project: pytest.Pytester, run_suite: Callable[..., pytest.RunResult], override: str
) -> None:
    conftest, statement = OVERRIDES[override]
    arguments = "ft_run, ft_pipeline, ft_model, ft_dataset, ft_session"
    path = project.makepyfile(f"def test_own({arguments}):\n    {statement}")
    result = run_suite(conftest, path, "-k", "test_own or logits_shape")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes()["passed"] == 2


@few_checks
def test_without_an_override_the_run_is_none_of_these(
    project: pytest.Pytester, run_suite: Callable[..., pytest.RunResult]
) -> None:
    arguments = "ft_run, ft_pipeline, ft_model, ft_dataset, ft_session"
    statements = [
        f"def test_own_{index}({arguments}):\n    {OVERRIDES[name][1]}" for index, name in enumerate(OVERRIDES)
    ]
    path = project.makepyfile("\n".join(statements))
    result = run_suite("", path, "-k", "test_own or logits_shape")
    result.assert_outcomes(passed=1, failed=len(OVERRIDES), deselected=8)


@pytest.mark.parametrize(
    ("statement", "invariant"),
    [
        ("batch['attention_mask'] = batch['attention_mask'] * 0 + 1", "mask"),
        ("batch['labels'] = batch['labels'].flip(0)", "labels"),
        ("batch['input_ids'] = batch['input_ids'].float()", "dtype"),
        ("features[0]['input_ids'].append(0)", "mutation"),
    ],
)
def test_a_broken_collator_turns_its_tests_red(
    run_suite: Callable[..., pytest.RunResult], statement: str, invariant: str
) -> None:
    result = run_suite(COLLATOR.format(statement=statement), "-k", f"test_collator and {invariant}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED ftcheck/mrpc::test_collator[[]{invariant}[]]*"])
    result.stdout.fnmatch_lines(["*collator.*", "*expected  *", "*observed  *"])


def test_a_healthy_collator_of_the_user_passes(run_suite: Callable[..., pytest.RunResult]) -> None:
    result = run_suite(COLLATOR.format(statement="pass"), "-k", "test_collator")
    assert result.ret == pytest.ExitCode.OK


@few_checks
def test_an_override_trains_once_though_it_makes_a_new_object_for_every_test(
    project: pytest.Pytester, run_suite: Callable[..., pytest.RunResult]
) -> None:
    result = run_suite(COLLATOR.format(statement="pass"), "-k", "metric_floor or finite")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"passed": 2, "skipped": 2, "deselected": 5}
    result.stdout.no_fnmatch_line("*reused*")
    assert len(list(project.path.parent.rglob(f"*{project.path.name}*/**/ftcheck-runs/*/manifest.json"))) == 1


@few_checks
def test_a_user_may_replace_the_run_itself(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.fixture
        def ft_run(): return "a run from elsewhere"

        def test_own(ft_run): assert ft_run == "a run from elsewhere"
        """
    )
    result = run_pytest(
        "--ftcheck-task=mrpc",
        "--ftcheck-engine=both",
        "test_a_user_may_replace_the_run_itself.py",
        "-k",
        "test_own or logits_shape",
    )
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes()["passed"] == 3


@few_checks
@pytest.mark.parametrize("options", [(), ("tests",)])
def test_an_override_below_the_root_folder_is_noted_for_it_does_not_reach_the_suite(
    project: pytest.Pytester, run_suite: Callable[..., pytest.RunResult], options: tuple[str, ...]
) -> None:
    folder = project.mkdir("tests")
    (folder / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef ft_collator(): raise AssertionError\n", encoding="utf-8"
    )
    result = run_suite("", "-k", "mask", *options)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["tests/conftest.py: its ft_collator did not reach the suite*Move*/conftest.py."])


@few_checks
def test_an_override_in_the_root_folder_is_not_noted(run_suite: Callable[..., pytest.RunResult]) -> None:
    result = run_suite(COLLATOR.format(statement="pass"), "-k", "mask")
    result.stdout.no_fnmatch_line("*did not reach*")
