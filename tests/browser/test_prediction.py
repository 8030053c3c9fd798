"""Prediction in a real browser: a click on the mask, dragged boxes, several persons, and the same by keyboard."""

import re

from playwright.sync_api import Locator, Page, expect

from explorer.models.variants import to_query
from tests.browser.driver import click_chart, comes_to, open_page, settle, slider
from tests.variants import tiny

POSE = "&".join(f"{key}={value}" for key, value in to_query(tiny("pose", img_size=(64, 48), num_classes=17)).items())


def chart(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-chart_{name} .js-plotly-plot .nsewdrag").first


def drag_a_box(page: Page, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of a chart to another, as shares of its width and height."""
    target = chart(page, name)
    target.scroll_into_view_if_needed()
    area = target.bounding_box()
    assert area is not None
    places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    page.mouse.up()


def titles(page: Page) -> str:
    return " ".join(page.locator(".js-plotly-plot .gtitle").all_text_contents())


def test_a_click_on_the_mask_says_the_pixel_and_so_do_the_arrow_keys(page: Page, server: str) -> None:
    open_page(page, f"{server}/prediction")
    area = chart(page, "clickable_picture").bounding_box()
    assert area is not None
    click_chart(page, area["x"] + 0.78 * area["width"], area["y"] + 0.49 * area["height"])
    comes_to(page, lambda: "digit 2" in titles(page))
    settle(page)
    expect(page).to_have_url(re.compile("row="))
    before = titles(page)
    slider(page, "row").focus()
    for _ in range(12):
        page.keyboard.press("ArrowUp")  # upwards is more
    comes_to(page, lambda: titles(page) != before)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
    page.get_by_role("link", name="Its window").click()
    expect(page.get_by_role("heading", level=1, name="Attention windows")).to_be_visible()


def test_boxes_are_dragged_for_several_persons_and_taken_out(page: Page, server: str) -> None:
    open_page(page, f"{server}/prediction?{POSE}&picture=Astronaut&least_score=0")
    page.get_by_role("radio", name="Draw boxes around persons").click()
    settle(page)
    drag_a_box(page, "key_points_0_boxes", (0.1, 0.1), (0.5, 0.6))
    expect(page).to_have_url(re.compile(r"boxes=\d+%2C\d+%2C\d+%2C\d+"))
    settle(page)
    drag_a_box(page, "key_points_1_boxes", (0.5, 0.2), (0.9, 0.9))
    expect(page.locator(".st-key-person")).to_be_visible()
    settle(page)
    expect(page.get_by_text(re.compile("person 1: .*person 2: "))).to_be_visible()
    page.get_by_text("Boxes of persons", exact=True).click()
    for index in (1, 0):
        page.locator(f".st-key-take_out_box_{index} button").focus()
        page.keyboard.press("Enter")
        settle(page)
    expect(page.get_by_text("No box yet: the whole picture is one person's.")).to_be_visible()
    expect(page).not_to_have_url(re.compile("boxes="))
    page.locator(".st-key-add_box button").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"boxes=0%2C0%2C512%2C512"))
    assert page.get_by_test_id("stException").count() == 0


def test_a_key_point_is_chosen_by_a_click(page: Page, server: str) -> None:
    open_page(page, f"{server}/prediction?{POSE}&picture=Astronaut&least_score=0")
    point = page.locator(".st-key-chart_key_points_0_points .scatterlayer .point").nth(6)
    place = point.bounding_box()
    assert place is not None
    click_chart(page, place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(page).to_have_url(re.compile("joint="))
    assert page.get_by_test_id("stException").count() == 0


def test_a_link_leads_to_what_speaks_for_the_chosen_pixel(page: Page, server: str) -> None:
    open_page(page, f"{server}/prediction?network=digits&row=13&column=23")
    page.get_by_role("link", name="What speaks for it").click()
    expect(page.get_by_role("heading", level=1, name="Attribution")).to_be_visible()
    expect(page.get_by_text("at the pixel in row 54, column 94, where it wins")).to_be_visible()
    expect(page).to_have_url(re.compile("explained=pixel&pixel_row=54&pixel_column=94"))


def test_pages_behind_a_point_start_where_it_was_clicked_and_not_at_the_highest_of_its_digit(
    page: Page, server: str
) -> None:
    open_page(page, f"{server}/prediction?network=digit_points")
    points = page.evaluate(
        "document.querySelector('.st-key-chart_key_points_0_points .js-plotly-plot').data"
        ".filter(trace => trace.name === 'key points').map(trace => [trace.y, trace.x, trace.customdata])[0]"
    )
    twos = [
        (number, row, column) for number, (row, column, told) in enumerate(zip(*points, strict=True)) if told[1] == 2
    ]
    assert len(twos) == 2
    for number, row, column in twos:
        place = page.locator(".st-key-chart_key_points_0_points .scatterlayer .point").nth(number).bounding_box()
        assert place is not None
        click_chart(page, place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        comes_to(page, lambda: "digit 2" in titles(page))
        settle(page)
        page.get_by_role("link", name="Its window").click()
        expect(page.get_by_role("heading", level=1, name="Attention windows")).to_be_visible()
        expect(page).to_have_url(re.compile(rf"row={int(row / 4)}\b.*column={int(column / 4)}\b"))
        page.go_back()
        expect(page.get_by_role("heading", level=1, name="Prediction")).to_be_visible()
        settle(page)
