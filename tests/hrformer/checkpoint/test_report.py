"""What people read of a checkpoint."""

from hrformer.checkpoint import Assumption, CheckpointReport


def test_all_is_said_in_sentences_and_what_there_is_not_is_not() -> None:
    assumption = Assumption("relative_position_bias", True, (False,), "mmpose's code adds it and its keys are mmpose's")
    report = CheckpointReport(
        family="mmpose",
        evidence="its keys are mmpose's",
        weights="ema",
        other_weights=("raw",),
        assumptions=(assumption,),
        adapted=("Made a fresh pose head: the file holds none.",),
        skipped=("optimizer",),
    )
    assert str(report) == " ".join(
        [
            "Weights of mmpose's form: its keys are mmpose's.",
            "Took the weights 'ema'; the file also holds raw.",
            "Assumed relative_position_bias = True, because mmpose's code adds it and its keys are mmpose's;",
            "otherwise load it with relative_position_bias=False.",
            "Made a fresh pose head: the file holds none.",
            "Left out what is no weight of the network: optimizer.",
        ]
    )
    assert not report.is_certain


def test_a_file_that_says_its_variant_leaves_nothing_open() -> None:
    report = CheckpointReport("hrformer", "its keys are this library's", "raw", says_its_variant=True)
    assert report.is_certain
    assert report.sentences == (
        "Weights of this library's form: its keys are this library's. The file says its variant.",
    )


def test_an_assumption_with_too_many_alternatives_names_its_field() -> None:
    assert str(Assumption("num_heads", (1, 2, 4, 8), (), "so")).endswith("otherwise load it with another num_heads.")
