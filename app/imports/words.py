"""What is said about a list and its rows, by code."""
from collections.abc import Mapping

from app.text import N_

# About a row. Whatever is no code here is a sentence of the room that judged it.
ROWS: Mapping[str, str] = {
    "nobody_in_row": N_("Nobody is named here: a row needs a phone, an old card number or an e-mail address."),
    "too_long": N_("This row, or a cell of it, is too long to be a person. Look whether a quote or a line end is missing."),
    "open_quote": N_("A quote is opened here and never closed, so the rows behind it could not be told apart."),
    "nul": N_("This row has signs in it that no text has. Save the file anew."),
    "cells": N_("This row has more cells than the first one. Put a text that holds the separator into quotes."),
    "broken_letters": N_("Letters of this row cannot be read. Save the file as CSV UTF-8."),
    "day": N_("This is no day. Write it as 31.12.2025 or 2025-12-31."),
    "birthday": N_("Nobody was born on this day. Write it as 31.12.1990 or 1990-12-31."),
    "ended": N_("This day is over, so the balance would be gone at once."),
    "email": N_("This is no e-mail address."),
    "digits_lost": N_("A spreadsheet has rounded this number and its last digits are lost. Format the column as text and export it anew."),
    "alias": N_("A card number has up to 64 letters and digits."),
    "alias_reserved": N_("No card may have this number: whoever tries it is guessing."),
    "alias_taken": N_("This card number belongs to somebody else already."),
    "alias_twice": N_("Row %(row)s has this card number already, with another person."),
    "amount": N_("This is no balance. Write a number such as 1250 or 1250.50."),
    "no_stamps": N_("The programme has no stamps."),
    "level": N_("The programme has no such level."),
    "language": N_("Write the language as ru or en."),
    "tag": N_("A tag is a word or two of up to 40 letters and digits."),
    "answer": N_("This answer does not fit the question."),
    "twice": N_("The same person stands in row %(row)s already. That row counts; an old card number of this one is added to it."),
    "balance_again": N_("This card has an opening balance already, so this one was left out."),
    "name_kept": N_("The name was left as the card shows it."),
    "ended_card": N_("This person’s card is blocked, so the row was left out."),
    "used": N_("The card was used or activated since, so it stays."),
}
# About a file that is not taken at all.
FILES: Mapping[str, str] = {
    "empty": N_("There is nothing in this file but its first row. Export the list anew."),
    "not_a_list": N_("This is not a list that can be read. Send CSV, or XLSX from Excel, Google Sheets or LibreOffice."),
    "old_excel": N_("This is the old Excel format. Save the list as .xlsx or as CSV UTF-8."),
    "broken": N_("This file is damaged or not whole. Save it anew."),
    "tricks": N_("This file is not built as spreadsheets build theirs, so it is not opened. Save it anew as CSV UTF-8."),
    "bomb": N_("This file unpacks into more than a list may be. Save it as CSV UTF-8."),
    "columns": N_("The first row has more than 200 columns. Leave out what is not needed."),
    "rows": N_("The file has more than a million rows. Split it."),
    "too_large": N_("The file is over 100 MB. Split it."),
    "required": N_("Choose a file first."),
    "unknown_kind": N_("Choose what each column is from the list."),
    "kind_twice": N_("Two columns are the same. Only names, card numbers and tags may stand in several."),
    "nobody": N_("Say which column holds the phone, the old card number or the e-mail address: nobody can be found without."),
    "wording": N_("Write down what the people in the column “agreed to messages” agreed to, in the words that they read."),
    "days": N_("Type a number of days from 1 to 3650."),
}


def sentence(code: str) -> str:
    """The sentence behind a code, or the code itself where it is one."""
    return ROWS.get(code, code)
