"""What a page says, each kind of it as one text."""

from streamlit.testing.v1 import AppTest


def errors(app: AppTest) -> str:
    return " ".join(error.value for error in app.error)


def notes(app: AppTest) -> str:
    return " ".join(info.value for info in app.info)


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def titles(app: AppTest) -> str:
    """All charts' JSON, with a space for each break of a line."""
    return " ".join(chart.proto.spec for chart in app.get("plotly_chart")).replace("\\u003cbr\\u003e", " ")
