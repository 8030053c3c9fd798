"""What a page says, each kind of it as one text."""

import re

from streamlit.testing.v1 import AppTest

#: The password of the tests' servers.
PASSWORD = "pa55word"
#: A slash that begins a path: not one of a fraction, of a unit or within a URL.
ABSOLUTE = re.compile(r"""(?:^|[\s'"`(=:])/[\w.-]+""")


def errors(app: AppTest) -> str:
    return " ".join(error.value for error in app.error)


def notes(app: AppTest) -> str:
    return " ".join(info.value for info in app.info)


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def titles(app: AppTest) -> str:
    """All charts' JSON, with a space for each break of a line."""
    return " ".join(chart.proto.spec for chart in app.get("plotly_chart")).replace("\\u003cbr\\u003e", " ")


def told(app: AppTest) -> list[str]:
    """All that a page says."""
    assert not app.exception
    elements = (*app.error, *app.warning, *app.info, *app.caption, *app.markdown)
    return [str(element.value) for element in elements]


def assert_discreet(texts: list[str], *hidden: object) -> None:
    """Neither a path of the machine, nor the password, nor what else is to be hidden, is in a text."""
    for text in texts:
        assert not ABSOLUTE.search(text), text
        assert not any(str(secret) in text for secret in (PASSWORD, *hidden)), text
