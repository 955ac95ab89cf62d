import pytest
from pydantic import ValidationError

from qa_assets.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0), ("epochs", 10_001), ("epochs", 1.5), ("epochs", "15"), ("epochs", True),
        ("batch_size", 0), ("learning_rate", 0.0), ("learning_rate", float("inf")),
        ("learning_rate", float("nan")), ("learning_rate", "0.1"), ("weight_decay", -0.1),
        ("optimizer", "Adam"), ("momentum", 1.1), ("seed", -1), ("threads", 0), ("device", "tpu"),
        ("model", "../model.py"), ("model", "model.txt"), ("model", ""), ("epoch", 3),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused_by_its_name(key: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        TrainingSettings.model_validate({key: value})
    assert [error["loc"] for error in refused.value.errors()] == [(key,)]


def test_momentum_needs_an_optimizer_that_has_one() -> None:
    with pytest.raises(ValidationError, match="adam takes none"):
        TrainingSettings(momentum=0.9)
    assert TrainingSettings(momentum=0.9, optimizer="sgd").momentum == 0.9


def test_every_field_is_described() -> None:
    assert all(field.description for field in TrainingSettings.model_fields.values())
