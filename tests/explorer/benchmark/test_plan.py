"""Jobs and plans: axes, groups, round trips, and what is refused."""

import pytest

from explorer.benchmark.method import Method
from explorer.benchmark.plan import Job, Plan, parse_device
from explorer.models.model_ref import ModelRef, model_by_name
from hrformer import preset

TINY, HRNET = model_by_name("hrformer_tiny"), model_by_name("hrnet_w18")


def test_a_plan_crosses_models_with_axes():
    plan = Plan(models=(TINY, HRNET), batch_sizes=(1, 8), precisions=("fp32", "bf16"), threads=(1, 2))
    assert len(plan.jobs()) == 2 * 2 * 2 * 2
    assert len(set(plan.jobs())) == 16
    assert all({job.model for job in group} == {TINY, HRNET} for group in plan.groups())


def test_the_models_of_a_group_differ_in_nothing_else():
    for group in Plan(models=(TINY, HRNET), batch_sizes=(1, 8)).groups():
        assert len({(job.batch_size, job.device, job.precision) for job in group}) == 1


def test_without_a_size_each_model_takes_its_own():
    pose = model_by_name("hrformer_tiny_pose")
    (group,) = Plan(models=(TINY, pose)).groups()
    assert [job.img_size for job in group] == [(224, 224), (256, 192)]


def test_threads_count_for_the_cpu_only():
    plan = Plan(models=(TINY,), devices=("cpu", "cuda:0"), threads=(1, 2))
    assert [(job.device, job.threads) for job in plan.jobs()] == [("cpu", 1), ("cpu", 2), ("cuda:0", None)]
    assert len(plan.groups_on("cuda:0")) == 1


def test_a_search_for_the_largest_batch_runs_alone():
    plan = Plan(models=(TINY, HRNET), kinds=("inference", "largest_batch"))
    assert [len(group) for group in plan.groups()] == [2, 1, 1]


def test_repeated_values_count_once():
    assert len(Plan(models=(TINY, TINY), batch_sizes=(1, 1)).jobs()) == 1


FULL = Plan(
    models=(TINY, HRNET, model_by_name("resnet18", pretrained=True)),
    kinds=("inference", "training_step"),
    batch_sizes=(1, 8),
    img_sizes=(None, (256, 192)),
    devices=("cpu", "cuda:1"),
    threads=(None, 2),
    precisions=("fp32", "autocast_bf16"),
    memory_formats=("contiguous", "channels_last"),
    engines=("optimised eager", "torch.compile"),
    compile_modes=("reduce-overhead",),
    method=Method(min_seconds=1.5),
)


def test_a_plan_survives_a_round_trip():
    assert Plan.from_dict(FULL.to_dict()) == FULL
    assert Plan.from_yaml(FULL.to_yaml()) == FULL


def test_a_job_survives_a_round_trip():
    for job in FULL.jobs()[::7]:
        assert Job.from_dict(job.to_dict()) == job


def test_a_hand_written_plan_is_short():
    plan = Plan.from_yaml("models: [hrformer_tiny, hrnet_w18]\nbatch_sizes: 8\nimg_sizes: [224, [256, 192]]\n")
    expected = Plan(models=(TINY, HRNET), batch_sizes=(8,), img_sizes=((224, 224), (256, 192)))
    assert plan == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("models: hrnet_w19", "There is no model called 'hrnet_w19': use hrnet_w18"),
        ("model: hrnet_w18", "Unknown key model: a plan has the keys models"),
        ("batch_sizes: 1", "Missing key models"),
        ("models: []", "models is empty"),
        ("models: resnet18\nbatch_sizes: []", "batch_sizes is empty"),
        ("models: resnet18\nbatch_sizes: [0]", "batch_size = 0 is not legal: use a whole number from 1"),
        ("models: resnet18\nbatch_sizes: [[1]]", "batch_size = .1. is not legal"),
        ("models: resnet18\nbatch_sizes: [true]", "batch_size = True is not legal"),
        ("models: resnet18\nkinds: training", "kind = 'training' is not legal: use one of inference"),
        ("models: resnet18\nimg_sizes: [[224]]", "img_size = .224. is not legal: give height and width"),
        ("models: resnet18\ndevices: cuda", "device = 'cuda' is not legal: use cpu, mps, or cuda with its number"),
        ("models: resnet18\ndevices: 3", "device = 3 is not legal"),
        ("models: resnet18\nprecisions: tf32", "precision tf32 exists on CUDA only"),
        ("models: resnet18\nprecisions: int8", "precision = 'int8' is not legal: use one of fp32"),
        ("models: resnet18\nmethod: {min_second: 1}", "Unknown key min_second: a method has the keys"),
        ("models: resnet18\nmethod: fast", "A method is a mapping"),
        ("models: resnet18\nengines: abacus", "engine = 'abacus' is not legal: use one of eager, optimised eager"),
        ("models: resnet18\nengines: OpenVINO\ncompile_modes: max-autotune", "add it to engines"),
        ("models: resnet18\nengines: torch.compile\ncompile_modes: eager", "compile_mode = 'eager' is not legal"),
        ("models: [", "The plan is not valid YAML"),
        ("- resnet18", "A plan is a mapping"),
        ("models: !!python/object/apply:os.system ['true']", "The plan is not valid YAML"),
        ("models: resnet18\nbatch_sizes: 1:30", "batch_size = '1:30' is not legal"),
        ("models: resnet18\nbatch_sizes: 1_000", "batch_size = '1_000' is not legal"),
        ("models: resnet18\nmodels: resnet34", "the key 'models' stands there twice, line 2"),
        ("models: resnet18\nmethod: {min_seconds: 1, 'min_seconds': 2}", "the key 'min_seconds' stands there twice"),
        ("models: {name: resnet18, name: resnet34}", "the key 'name' stands there twice, line 1"),
        ("models: {name: resnet18, pretrained: 'false'}", "pretrained = 'false' is not legal: use true or false"),
        ("models: {name: resnet18, pretrained: no}", "pretrained = 'no' is not legal: use true or false"),
        ("models: {name: resnet18, pretrained: 0}", "pretrained = 0 is not legal: use true or false"),
        ("models: {name: resnet18, pretrained: null}", "pretrained = None is not legal: use true or false"),
        (b"models: caf\xe9", "It is not UTF-8 text: save the plan as YAML in UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(text, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        Plan.from_yaml(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("010", (10,)),
        ("0224", (224,)),
        ("[08, +7, 0x10, 0o17]", (8, 7, 16, 15)),
        ("1_0", None),
        ("2001-01-01", None),
        ("1e1", None),
    ],
)
def test_numbers_are_what_they_look_like_or_refused(text: str, sizes: tuple[int, ...] | None) -> None:
    plan = f"models: resnet18\nbatch_sizes: {text}"
    if sizes is not None:
        assert Plan.from_yaml(plan).batch_sizes == sizes
        return
    with pytest.raises(ValueError, match=r"batch_size = .* is not legal: use a whole number"):
        Plan.from_yaml(plan)


@pytest.mark.parametrize("label", ["1e3", "0o17", "010", "1:30", "no", "2001-01-01", "true", "~", ".5", "=", "1_000"])
def test_a_label_that_looks_like_something_else_stays_a_label(label: str) -> None:
    plan = Plan(models=(ModelRef(name=label, config=preset("tiny")),))
    assert Plan.from_yaml(plan.to_yaml()) == plan
    assert Plan.from_yaml(b"\xef\xbb\xbf" + plan.to_yaml().encode()) == plan


def test_threads_on_a_card_are_refused_in_a_job():
    with pytest.raises(ValueError, match="threads = 2 means nothing on cuda:0"):
        Job(model=TINY, img_size=(224, 224), device="cuda:0", threads=2)


def test_engines_are_measured_in_turns_and_compile_modes_are_for_one_of_them():
    plan = Plan(
        models=(TINY, HRNET), engines=("eager", "torch.compile", "OpenVINO"), compile_modes=("default", "max-autotune")
    )
    (group,) = plan.groups()
    assert [(job.model.name, job.engine, job.compile_mode) for job in group] == [
        (name, engine, mode)
        for name in ("hrformer_tiny", "hrnet_w18")
        for engine, mode in (
            ("eager", "eager"),
            ("torch.compile", "default"),
            ("torch.compile", "max-autotune"),
            ("OpenVINO", "eager"),
        )
    ]


def test_a_compile_mode_under_another_engine_is_refused_in_a_job():
    with pytest.raises(
        ValueError, match=r"'default' means nothing under the engine OpenVINO: it is for torch\.compile"
    ):
        Job(model=TINY, img_size=(224, 224), engine="OpenVINO", compile_mode="default")


@pytest.mark.parametrize(
    ("modes", "engines", "compile_modes"),
    [
        ("eager", ("eager",), ("default",)),
        ("[eager, max-autotune]", ("eager", "torch.compile"), ("max-autotune",)),
        ("reduce-overhead", ("torch.compile",), ("reduce-overhead",)),
    ],
)
def test_plans_from_before_there_were_engines_keep_their_meaning(modes, engines, compile_modes):
    plan = Plan.from_yaml(f"models: hrformer_tiny\ncompile_modes: {modes}")
    assert (plan.engines, plan.compile_modes) == (engines, compile_modes)


def test_devices_are_read_by_kind_and_number():
    assert parse_device("cuda:12") == ("cuda", 12)
    assert parse_device("cpu") == ("cpu", None)
    assert parse_device("mps") == ("mps", None)


@pytest.mark.parametrize("models", [[[1]], [None], [{"name": 3}], [{"name": "deit_tiny_patch16_224", "colour": "red"}]])
def test_models_of_other_types_are_refused(models: list) -> None:
    with pytest.raises(ValueError, match="A model is a name"):
        Plan.from_dict({"models": models})


def test_a_plan_that_multiplies_into_too_many_jobs_is_refused() -> None:
    with pytest.raises(ValueError, match="has 65,000 jobs"):
        Plan.from_dict(
            {"models": ["hrformer_tiny"], "batch_sizes": list(range(1, 651)), "threads": list(range(1, 101))}
        )
