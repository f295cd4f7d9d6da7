"""A table that a spreadsheet opens as what it is: text."""
from decimal import Decimal

import pytest

from app.web.tables import csv_cell, csv_rows


@pytest.mark.parametrize("text", ["=1+1", "+7916", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1", "\uff20SUM(A1)"])
def test_a_cell_that_a_spreadsheet_would_run_stays_text(text):
    assert csv_cell(text) == "\"'" + text + '"'


def test_cells_are_quoted_so_that_commas_and_quotes_stay_inside():
    assert csv_rows([["a,b", 'say "hi"', None, 5]]) == '"a,b","say ""hi""","","5"\r\n'


def test_a_number_below_zero_stays_a_number():
    assert csv_rows([[-5, Decimal("-12.50"), "-5"]]) == '"-5","-12.50","\'-5"\r\n'
