"""One torch thread: tests run many small forwards, which two threads on a busy machine only slow down."""

import torch

torch.set_num_threads(1)
