"""Where files lie, in a checkout and in an installed package: those that ship, and those that the user's runs write.

What lies beside the packages in a checkout is packed into a wheel as the folder `explorer/shipped`, in the same order
(`pyproject.toml`).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

PROJECT = "hrformer-explorer"
URL_VARIABLE = "HRFORMER_RESULTS_URL"


@cache
def is_checkout(folder: Path) -> bool:
    """Whether a folder is the root of a checkout of this project, which its `pyproject.toml` names."""
    try:
        return f'name = "{PROJECT}"' in (folder / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False


_PACKAGE = Path(__file__).parent
#: The folder that holds the packages: the root of a checkout, or where the package is installed.
CODE = _PACKAGE.parent
FROM_CHECKOUT = is_checkout(CODE)

_SHIPPED = CODE if FROM_CHECKOUT else _PACKAGE / "shipped"
APP = _SHIPPED / "streamlit_app.py"
ICON = _SHIPPED / "docs" / "icon.png"
LOGO = _SHIPPED / "docs" / "logo.svg"
PUBLISHED = _SHIPPED / "results" / "published"
REFERENCE = _SHIPPED / "results" / "reference"
#: Weights and tables that nobody looks up in a checkout.
DATA = _PACKAGE / "data"


def default_store() -> Path:
    """The file of the store where the user names none.

    It lies in `results/` of the checkout that this code runs from, or that is the current folder, or else in the user's
    data folder.
    """
    from platformdirs import user_data_path  # comes with the extra "app"

    checkouts = [folder / "results" for folder in (CODE, Path.cwd()) if is_checkout(folder)]
    folder = checkouts[0] if checkouts else user_data_path(PROJECT, appauthor=False)
    return folder / "benchmarks.sqlite"


def store_url() -> str:
    """SQLAlchemy URL of the user's store: what the environment variable says, or the default file."""
    return os.environ.get(URL_VARIABLE) or f"sqlite:///{default_store()}"
