"""A model goes into a folder as the Hub keeps it and comes back with its variant, whatever that is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from hrformer import HRFormerConfig, create_model
from tests.variants import tiny, tiny_variants

pytest.importorskip("huggingface_hub")

from hrformer.hub import HubHRFormer


@given(tiny_variants(max_side=40))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_model_comes_back_from_a_folder_exactly(tmp_path: Path, config: HRFormerConfig) -> None:
    model = create_model(config).eval()
    HubHRFormer.of(model).save_pretrained(tmp_path)
    back = HubHRFormer.from_pretrained(tmp_path)
    assert back.config == config
    x = torch.randn(1, config.in_chans, *config.img_size)
    with torch.no_grad():
        torch.testing.assert_close(back(x), model(x), rtol=0, atol=0)


def test_the_folder_holds_the_variant_as_it_is_written_elsewhere(tmp_path: Path) -> None:
    config = tiny("pose", relative_position_bias=True)
    HubHRFormer.of(create_model(config)).save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors"} <= {path.name for path in tmp_path.iterdir()}
    assert HRFormerConfig.from_dict(json.loads((tmp_path / "config.json").read_text())["variant"]) == config


def test_the_model_that_was_copied_stays_its_own() -> None:
    model = create_model(tiny()).train()
    twin = HubHRFormer.of(model)
    assert twin.training
    with torch.no_grad():
        twin.conv1.weight.zero_()
    assert model.conv1.weight.abs().sum() > 0


def test_pushing_sends_what_saving_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, list[str]] = {}

    class Api:
        def __init__(self, **options: object) -> None:
            pass

        def create_repo(self, repo_id: str, **options: object) -> object:
            return type("Repository", (), {"repo_id": repo_id})()

        def upload_folder(self, *, repo_id: str, folder_path: Path, **options: object) -> None:
            sent[repo_id] = sorted(path.name for path in Path(folder_path).iterdir())

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    HubHRFormer.of(create_model(tiny())).push_to_hub("me/small")
    assert sent.keys() == {"me/small"}
    assert {"config.json", "model.safetensors"} <= set(sent["me/small"])


@pytest.mark.parametrize(
    ("module", "missing", "sentence"),
    [
        ("hub", "huggingface_hub", "hrformer.hub needs huggingface_hub and safetensors: pip install"),
        ("timm", "timm", "hrformer.timm needs the package timm: pip install timm."),
        ("mmpose", "mmengine", "hrformer.mmpose needs the package mmengine: pip install mmengine."),
    ],
)
def test_without_the_package_there_is_one_sentence(module: str, missing: str, sentence: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None\nimport hrformer.{module}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert sentence in result.stderr.splitlines()[-1]
