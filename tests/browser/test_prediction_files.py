"""What is downloaded from the Prediction page, as a browser receives it."""

import io
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from explorer.models.trained import load_digit_sample
from explorer.models.variants import to_query
from explorer.pictures.photographs import load_sample
from tests.browser.driver import open_page
from tests.variants import tiny


def downloaded(page: Page, label: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(re.escape(label))).click()
    return Path(download.value.path()).read_bytes()


def pixels(contents: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(contents)))


def test_a_mask_is_downloaded_as_pictures_and_as_numbers(page: Page, server: str) -> None:
    open_page(page, f"{server}/prediction?network=digits&picture=Digits+2")
    classes = pixels(downloaded(page, "Classes as PNG"))
    arrays = np.load(io.BytesIO(downloaded(page, "Classes, confidence and logits as NumPy")))
    assert classes.shape == (112, 112)
    np.testing.assert_array_equal(classes, arrays["logits"].argmax(0))
    np.testing.assert_array_equal(classes, arrays["classes"])
    over, picture = pixels(downloaded(page, "Picture with mask as PNG")), load_digit_sample("Digits 2")
    changed = (over != picture).any(-1)
    assert not changed[classes == 0].any()  # the background stays clear
    assert changed[classes > 0].all()


def test_key_points_are_downloaded_as_a_picture_as_numbers_and_in_cocos_format(page: Page, server: str) -> None:
    query = to_query(tiny("pose", img_size=(64, 48), num_classes=17)) | {
        "picture": "Astronaut",
        "least_score": "0",
        "boxes": "10,20,200,300;250,20,200,300",
    }
    open_page(page, f"{server}/prediction?" + "&".join(f"{key}={value}" for key, value in query.items()))
    persons = json.loads(downloaded(page, "Key points as JSON (COCO)"))
    arrays = np.load(io.BytesIO(downloaded(page, "Heat maps as NumPy")))
    assert [person["bbox"] for person in persons] == [[10, 20, 200, 300], [250, 20, 200, 300]]
    assert {person["category_id"] for person in persons} == {1}
    told = np.array([person["keypoints"] for person in persons]).reshape(2, 17, 3)
    np.testing.assert_allclose(told[..., :2], arrays["points"], atol=1e-3)
    np.testing.assert_allclose(told[..., 2], arrays["heat_maps"].max((2, 3)), atol=1e-3)
    painted, picture = pixels(downloaded(page, "Picture with key points as PNG")), load_sample("Astronaut")
    assert painted.shape == picture.shape
    assert (painted != picture).any()


def test_classes_are_downloaded_as_numbers(page: Page, server: str) -> None:
    query = to_query(tiny("classification", num_classes=12))
    open_page(page, f"{server}/prediction?" + "&".join(f"{key}={value}" for key, value in query.items()))
    arrays = np.load(io.BytesIO(downloaded(page, "Logits as NumPy")))
    assert arrays["logits"].shape == (12,)
