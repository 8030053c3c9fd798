"""`make screenshots`: the pictures in the README, taken from the running app."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.driver import CHROMIUM_FLAGS, find_chromium, open_page
from tests.browser.serving import running_app

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
#: File name -> address below the app's.
PAGES = {
    "architecture": "/?preset=tiny",
    "prediction": "/prediction?network=digits&row=13&column=23",
    "feature_maps": "/feature_maps?network=digits&stage=3",
    "attention_windows": "/attention_windows?network=digits&stage=3&branch=1/8",
    "receptive_field": "/receptive_field?preset=tiny",
    "fusion": "/fusion?network=digits&stage=4",
    "ablation": "/ablation?ablation_view=Train+it",
    "take_out": "/prediction?network=digits&prediction_section=Take+it+out&without=branch:2",
    "tour": "/tour?step=4",
}


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with running_app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_page(page, address)
        for name, path in PAGES.items():
            open_page(page, address + path)
            page.wait_for_timeout(1000)
            page.screenshot(path=FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
