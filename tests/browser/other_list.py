"""The app with another list of published weights: `python -m tests.browser.other_list streamlit_app.py`.

The environment variable `HRFORMER_TEST_LIST` names the folder of the list.
"""

import os
import sys
from pathlib import Path

from streamlit.web import cli

from hrformer import published

if __name__ == "__main__":
    published.TABLE = Path(os.environ["HRFORMER_TEST_LIST"], published.TABLE.name)
    sys.argv = ["streamlit", "run", *sys.argv[1:]]
    sys.exit(cli.main())
