"""The points among which a variant is placed: the table that ships is what counting gives."""

from explorer.models.reference_models import TABLE, count_references, reference_models
from explorer.records.csv_cells import table_csv


def test_the_table_that_ships_is_what_counting_gives() -> None:
    assert table_csv(count_references()) == TABLE.read_bytes()


def test_points_have_the_published_accuracies_of_their_papers() -> None:
    top1 = reference_models().set_index("model")["top1_percent"]
    assert (top1["HRNet-W64"], top1["DeiT-S"], top1["HRFormer-S"]) == (79.5, 79.9, 81.2)
    assert len(top1) == 12
