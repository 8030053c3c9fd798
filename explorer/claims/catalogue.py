"""The claims: what the paper and its summaries say, where, and how the explorer judges it.

Tolerances follow from how a figure is printed. A figure with decimals may be off by half of its last digit. A statement
in percent is taken as rounded: multiples of ten to ten, other multiples of five to five, all others to one or two, so
that ours may be off by 5, 2.5 and 1 percentage points.
"""

from __future__ import annotations

from explorer.claims.claim import Claim, Quantity
from explorer.claims.quantities import FewerParameters, Growth, LatencyRatio, LessWork, Parameters, WorkOfImage
from explorer.cost.conventions import (
    HRFORMER,
    HRNET,
    MACS,
    Convention,
)

Size = tuple[int, int]

_README = "HRFormer README, ImageNet-1K; results/published/classification.csv, row {name}"
_HRNET_POSE = "HRNet pose README, COCO val2017; results/published/pose.csv, rows pose_{name}"
_TEXT = "HRFormer paper, {where}; results/published/ablation.csv, row {row}"
_A100 = (
    "not in HRFormer's paper: ViTPose paper, Table 9, one A100, batch 64; "
    "results/published/inference_benchmarks_hrformer.csv"
)
_NO_WEIGHTS = "Accuracy needs the authors' weights and the data set, and neither is here."
_NO_TRAINING = "A difference of two trained networks: it needs training on the full data set, which is not here."
_LIGHT, _POSE, _LARGE_POSE, _DENSE = (224, 224), (256, 192), (384, 288), (512, 512)

_SIZES = (("tiny", "T", 8.0, 1.83), ("small", "S", 13.5, 3.56), ("base", "B", 50.3, 13.71))
_HRNET_PRINTED = (
    ("w32", 28.5, ((_POSE, 7.1), (_LARGE_POSE, 16.0))),
    ("w48", 63.6, ((_POSE, 14.6), (_LARGE_POSE, 32.9))),
)


def _params(key: str, topic: str, name: str, *, model: str, img_size: Size, published: float, source: str) -> Claim:
    return Claim(
        key=key,
        topic=topic,
        text=f"{name} has {published} M parameters",
        source=source,
        published=published,
        unit="M parameters",
        tolerance=0.05,
        kind="cost",
        quantity=Parameters(model, img_size),
        method=f"All learned numbers of {model}, counted.",
    )


def _work(
    key: str,
    topic: str,
    name: str,
    *,
    model: str,
    img_size: Size,
    published: float,
    tolerance: float,
    convention: Convention,
    source: str,
) -> Claim:
    return Claim(
        key=key,
        topic=topic,
        text=f"{name} takes {published} GFLOPs at {img_size[0]}x{img_size[1]}",
        source=source,
        published=published,
        unit=convention.unit,
        tolerance=tolerance,
        kind="cost",
        quantity=WorkOfImage(model, img_size),
        convention=convention,
        method=f"One forward pass of {model}. {convention.explanation}",
    )


def _fewer(
    key: str,
    topic: str,
    text: str,
    *,
    published: float,
    tolerance: float,
    quantity: Quantity,
    source: str,
    method: str,
    convention: Convention | None = None,
) -> Claim:
    return Claim(
        key=key,
        topic=topic,
        text=text,
        source=source,
        published=published,
        unit="% fewer parameters" if convention is None else f"% fewer {convention.unit}",
        tolerance=tolerance,
        kind="cost",
        quantity=quantity,
        convention=convention,
        method=method,
    )


def _accuracy(
    key: str, topic: str, text: str, *, published: float, unit: str, source: str, method: str = _NO_WEIGHTS
) -> Claim:
    return Claim(
        key=key,
        topic=topic,
        text=text,
        source=source,
        published=published,
        unit=unit,
        tolerance=0.05,
        kind="accuracy",
        quantity=None,
        method=method,
    )


def _classification() -> list[Claim]:
    claims = []
    for size, letter, params_m, gflops in _SIZES:
        name, model = f"HRFormer-{letter}", f"hrformer_{size}"
        source = _README.format(name=name)
        claims += [
            _params(
                f"{letter.lower()}-params",
                "Classification",
                name,
                model=model,
                img_size=_LIGHT,
                published=params_m,
                source=source,
            ),
            _work(
                f"{letter.lower()}-flops",
                "Classification",
                name,
                model=model,
                img_size=_LIGHT,
                published=gflops,
                tolerance=0.005,
                convention=HRFORMER,
                source=source,
            ),
        ]
    source = _TEXT.format(where="introduction", row='"Intro text"')
    model, baseline = "hrformer_base", "deit_base_patch16_224"
    return [
        *claims,
        _fewer(
            "deit-params",
            "Classification",
            "HRFormer-B has 40 % fewer parameters than DeiT-B",
            published=40,
            tolerance=5,
            quantity=FewerParameters(model, _LIGHT, baseline),
            source=source,
            method="Both networks' parameters, counted.",
        ),
        _fewer(
            "deit-flops",
            "Classification",
            "HRFormer-B takes 20 % fewer FLOPs than DeiT-B",
            published=20,
            tolerance=5,
            quantity=LessWork(model, _LIGHT, baseline),
            source=source,
            method="Both networks' forward pass at 224x224. The paper sets its own table's 13.7, with norms "
            "and element-wise operators, against DeiT's 17.5 multiply-adds; counted alike, the saving "
            "is larger.",
            convention=MACS,
        ),
        _accuracy(
            "deit-top1",
            "Classification",
            "HRFormer-B beats DeiT-B by 1.0 top-1",
            published=1.0,
            unit="% top-1",
            source=source,
        ),
    ]


def _pose() -> list[Claim]:
    claims = []
    for width, params_m, printed in _HRNET_PRINTED:
        name, model = f"HRNet-{width.upper()} pose", f"hrnet_{width}_pose"
        source = _HRNET_POSE.format(name=f"hrnet_{width}")
        claims.append(
            _params(
                f"hrnet-{width}-params",
                "Pose",
                name,
                model=model,
                img_size=_POSE,
                published=params_m,
                source=source,
            )
        )
        claims += [
            _work(
                f"hrnet-{width}-flops-{size[0]}",
                "Pose",
                name,
                model=model,
                img_size=size,
                published=gflops,
                tolerance=0.05,
                convention=HRNET,
                source=source,
            )
            for size, gflops in printed
        ]
    model = "hrformer_base_pose"
    against_hrnet = _TEXT.format(where="Table 3", row='"Table 3 text"')
    against_swin = _TEXT.format(where="abstract and Table 10", row='"Table 10: ViT/DeiT/Swin as pose backbones"')
    return [
        *claims,
        _fewer(
            "pose-params-hrnet",
            "Pose",
            "HRFormer-B has 32 % fewer parameters than HRNet-W48 for pose",
            published=32,
            tolerance=1,
            quantity=FewerParameters(model, _LARGE_POSE, "hrnet_w48_pose"),
            source=against_hrnet,
            method="Both pose networks' parameters, counted; HRNet with only the highest row of its last fusion.",
        ),
        _fewer(
            "pose-flops-hrnet",
            "Pose",
            "HRFormer-B takes 19 % fewer FLOPs than HRNet-W48 for pose at 384x288",
            published=19,
            tolerance=1,
            quantity=LessWork(model, _LARGE_POSE, "hrnet_w48_pose"),
            source=against_hrnet,
            method="Both pose networks' forward pass at 384x288, counted as HRNet's authors do: the matrix "
            "products inside attention, which HRNet has none of, are left out. With them HRFormer-B "
            "saves less: choose MACs.",
            convention=HRNET,
        ),
        _accuracy(
            "pose-ap-hrnet",
            "Pose",
            "HRFormer-B beats HRNet-W48 by 0.9 AP at 384x288",
            published=0.9,
            unit="AP",
            source=against_hrnet,
        ),
        _fewer(
            "pose-params-swin",
            "Pose",
            "HRFormer has half the parameters of Swin as a pose backbone",
            published=50,
            tolerance=5,
            quantity=FewerParameters(model, _LARGE_POSE, "swin_base_pose"),
            source=against_swin,
            method="HRFormer-B against Swin-B under three transposed convolutions (arXiv 1804.06208), both for pose.",
        ),
        _fewer(
            "pose-flops-swin",
            "Pose",
            "HRFormer takes 30 % fewer FLOPs than Swin as a pose backbone",
            published=30,
            tolerance=5,
            quantity=LessWork(model, _LARGE_POSE, "swin_base_pose"),
            source=against_swin,
            method="HRFormer-B against Swin-B under three transposed convolutions (arXiv 1804.06208) at "
            "384x288, where the published AP differ by the abstract's 1.3; counted as the paper's other"
            " pose figures.",
            convention=HRNET,
        ),
        _accuracy(
            "pose-ap-swin", "Pose", "HRFormer-B beats Swin-B by 1.3 AP", published=1.3, unit="AP", source=against_swin
        ),
    ]


def _segmentation() -> list[Claim]:
    source = _TEXT.format(where="segmentation experiments", row='"Seg text"')
    return [
        _fewer(
            "seg-params-hrnet",
            "Segmentation",
            "HRFormer-B + OCR has 25 % fewer parameters than HRNet-W48 + OCR",
            published=25,
            tolerance=2.5,
            quantity=FewerParameters("hrformer_base_segmentation", _DENSE, "hrnet_w48_ocr"),
            source="HRFormer paper, segmentation experiments, in words; networks: results/published/segmentation.csv",
            method="Both backbones under the same OCR head with its auxiliary head, for 19 classes.",
        ),
        _accuracy(
            "seg-miou-context",
            "Segmentation",
            "HRFormer-B + OCR beats HRNet-W48 + OCR by 1.2 mIoU on PASCAL-Context",
            published=1.2,
            unit="mIoU",
            source=f"{source}, whose two texts say 1.1 and 1.2",
        ),
        _accuracy(
            "seg-miou-stuff",
            "Segmentation",
            "HRFormer-B + OCR beats HRNet-W48 + OCR by 2.0 mIoU on COCO-Stuff",
            published=2.0,
            unit="mIoU",
            source=source,
        ),
    ]


def _ablation() -> list[Claim]:
    source = _TEXT.format(where="Table 7", row='"Table 7: 3x3 depth-wise conv in FFN"')
    printed = (
        ("top1", "ImageNet", 0.65, "% top-1"),
        ("miou", "PASCAL-Context", 2.9, "mIoU"),
        ("ap", "COCO", 4.04, "AP"),
    )
    return [
        _accuracy(
            f"dw-conv-{key}",
            "Ablation",
            f"The depth-wise convolution is worth {delta} {unit.removeprefix('% ')} on {data} to HRFormer-T",
            published=delta,
            unit=unit,
            source=source,
            method=_NO_TRAINING,
        )
        for key, data, delta, unit in printed
    ]


def _scaling() -> list[Claim]:
    texts = {
        "window": (1.0, "Attention in windows costs linearly in the number of positions"),
        "global": (2.0, "Attention over all positions costs quadratically in their number"),
    }
    claims = []
    for scope, (published, text) in texts.items():
        for measured in (False, True):
            what = "time" if measured else "MACs"
            claims.append(
                Claim(
                    key=f"scaling-{scope}-{'time' if measured else 'macs'}",
                    topic="Scaling",
                    text=f"{text}: {what}",
                    source="HRFormer paper, abstract and method: attention inside windows, in words",
                    published=published,
                    unit="exponent",
                    tolerance=0.25 if measured else 0.05,
                    kind="scaling" if measured else "cost",
                    quantity=Growth("window" if scope == "window" else "global", measured),
                    method="Straight line through the logarithms of cost and positions: "
                    + (
                        "processor time of the 1/4 branch's attention of HRFormer-B on maps of 14 to 56 tokens a side. "
                        "Projections, which are linear, pull the global exponent below 2."
                        if measured
                        else "multiply-adds of the 1/4 branch's attention of HRFormer-B, projections included, for "
                        "pictures of 224 to 896 pixels a side."
                    ),
                )
            )
    return claims


def _speed() -> list[Claim]:
    ours = "Ratio of the median latencies of two records under equal conditions, at the largest batch of both."
    other = f"{ours} The published pair ran on an A100 at batch 64: another machine, so a deviation is no error."
    pairs = (
        ("speed-pose-hrnet", "HRNet-W48 for pose at 256x192", "hrformer_base_pose", "hrnet_w48_pose", _POSE, 649 / 158),
        (
            "speed-pose-hrnet-384",
            "HRNet-W48 for pose at 384x288",
            "hrformer_base_pose",
            "hrnet_w48_pose",
            _LARGE_POSE,
            309 / 78,
        ),
        (
            "speed-hrnet",
            "HRNet-W48 at 224x224 (published: pose at 256x192)",
            "hrformer_base",
            "hrnet_w48",
            _LIGHT,
            649 / 158,
        ),
        (
            "speed-deit",
            "DeiT-B at 224x224 (published: ViTPose-B, the same trunk, at 256x192)",
            "hrformer_base",
            "deit_base_patch16_224",
            _LIGHT,
            944 / 158,
        ),
    )
    return [
        Claim(
            key=key,
            topic="Speed",
            text=f"HRFormer-B takes {published:.1f} times as long as {against}",
            source=_A100,
            published=published,
            unit="times the latency",
            tolerance=0.2 * published,
            kind="speed",
            quantity=LatencyRatio(model, baseline, img_size),
            method=other,
        )
        for key, against, model, baseline, img_size, published in pairs
    ]


CLAIMS: tuple[Claim, ...] = (
    *_classification(),
    *_pose(),
    *_segmentation(),
    *_scaling(),
    *_speed(),
    *_ablation(),
)
