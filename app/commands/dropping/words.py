"""What the connector itself says in answer files and on the terminal; the server's refusals come in the asked language already."""
SAID = {
    "empty": ("The file is empty.", "Файл пуст."),
    "too_large": ("The file is over 10 MB or 20,000 rows. Write several smaller ones.",
                  "Файл больше 10 МБ или 20 000 строк. Разбейте его."),
    "no_text": ("The file is neither UTF-8 nor Windows-1251 text.", "Файл не похож на текст в UTF-8 или Windows-1251."),
    "no_action_column": ("The first row must name the columns, one of them “action”.",
                         "Первая строка должна называть столбцы, один из них — «действие»."),
    "unknown_column": ("There is no column “{what}”.", "Столбца «{what}» нет."),
    "column_twice": ("The column “{what}” is there twice.", "Столбец «{what}» указан дважды."),
    "same_name": ("A file of this name was done already. Give each file a name of its own, with date and time.",
                  "Файл с таким именем уже обработан. Давайте каждому файлу своё имя, с датой и временем."),
    "unknown_action": ("There is no action “{what}”.", "Действия «{what}» нет."),
    "too_many_cells": ("This row has more cells than the first one.", "В этой строке больше ячеек, чем в первой."),
    "required": ("The column “{what}” is needed here.", "Здесь нужен столбец «{what}»."),
    "amount": ("“{what}” is no amount. Write 1250,00.", "«{what}» — не сумма. Пишите 1250,00."),
    "number": ("“{what}” is no whole number.", "«{what}» — не целое число."),
    "time": ("“{what}” is no time. Write 2026-11-22T14:05:00+03:00 or 22.11.2026 14:05.",
             "«{what}» — не время. Пишите 2026-11-22T14:05:00+03:00 или 22.11.2026 14:05."),
    "no_card": ("No card answers to this.", "Такой карты нет."),
    "several_cards": ("Several cards belong to this number. Write the card's number.",
                      "У этого телефона несколько карт. Укажите номер карты."),
    "no_sale": ("No sale with this receipt was found.", "Продажи с таким чеком нет."),
    "several_sales": ("Several sales have this receipt. Write the card too.", "С таким чеком несколько продаж. Укажите и карту."),
    "no_program": ("There is no open programme “{what}”.", "Открытой программы «{what}» нет."),
    "several_programs": ("There are several programmes. Name one in the column “program”.",
                         "Программ несколько. Назовите одну в столбце «программа»."),
    # On the terminal.
    "away": ("The server does not answer ({what}). Trying again.", "Сервер не отвечает ({what}). Пробую снова."),
    "key_refused": ("The server refuses the API key. Put a valid one into the key file; it is read again by itself.",
                    "Сервер не принимает ключ API. Запишите действующий ключ в файл: он читается заново сам."),
    "back": ("The server answers again.", "Сервер снова отвечает."),
    "done": ("{name}: {good} rows done, {bad} refused.", "{name}: строк обработано {good}, отказов {bad}."),
    "broken": ("{name}: {what}", "{name}: {what}"),
}


def say(code: str, language: str, **values: object) -> str:
    """language: "ru", anything else is English."""
    return SAID[code][1 if language == "ru" else 0].format(**values)
