"""Whatever reaches the server late or twice, what the user moved last is what everything shows."""

import inspect
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import plotly.graph_objects as go
import pytest
import streamlit as st

from explorer.ui import address, choices
from tests.bursts.model import burst
