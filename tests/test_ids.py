import itertools

import pytest

from app.ids import PublicIds


def test_a_public_id_comes_back_as_the_row_it_was_made_for(ids: PublicIds) -> None:
    for row_id in (0, 1, 2, 4711, 2**32, 2**48 - 1):
        assert ids.decode("card", ids.encode("card", row_id)) == row_id


def test_neighbouring_rows_have_ids_that_look_nothing_alike(ids: PublicIds) -> None:
    made = [ids.encode("operation", row_id) for row_id in range(500)]
    assert len(set(made)) == 500
    assert sum(one[3:7] == other[3:7] for one, other in itertools.pairwise(made)) == 0


@pytest.mark.parametrize("text", ["", "crd_", "crd_0", "op_" + "0" * 13, "crd_" + "z" * 13, "crd_" + "u" * 13, "crd_é000000000000", "17"])
def test_whatever_was_never_given_out_is_no_id(ids: PublicIds, text: str) -> None:
    assert ids.decode("card", text) is None


def test_an_id_of_one_kind_or_database_is_none_of_another(ids: PublicIds) -> None:
    text = ids.encode("card", 7)
    assert ids.decode("operation", "op_" + text[4:]) != 7
    assert PublicIds(b"o" * 32).decode("card", text) != 7
