"""The questionnaire of a programme: what is asked, when, in which order; and the form as shoppers see it, in both languages."""
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.console import frame
from app.console.founding import slug_of
from app.console.program_fields import Typed, amount_text
from app.console.program_frame import program_of, switch_of
from app.programs import words
from app.programs.store import Program
from app.questions import editing, rules, service, store
from app.questions.rules import HIDDEN, LATER, Choice, Question, QuestionWish
from app.text import N_
from app.web import i18n, routing, templating
from app.web.requests import context, language, principal

QUESTIONS = "/console/questions"
KINDS = {"text": N_("some words"), "number": N_("a number"), "date": N_("a date"), "choice": N_("one of several")}
NEEDS = {"required": N_("at once, must be answered"), "optional": N_("at once, if they like"), "later": N_("later, on the card's page")}
NOT_ASKED = N_("never")
STATES = {"required": N_("required"), "optional": N_("optional"), "later": N_("later"), "hidden": N_("not asked")}
DONE = {"added": N_("The question is in the form."), "kept": N_("Kept."), "moved": N_("Moved."),
        "closed": N_("It is asked no more. The answers stay."), "opened": N_("It is asked again.")}
FIELDS = ("kind", "need", "bonus", "version", *(f"{part}_{code}" for part in ("label", "choices") for code in i18n.LANGUAGES))
UNITS = {"points": N_("Points for an answer"), "money": N_("Money for an answer"), "stamps": N_("Stamps for an answer")}


def address(request: Request, program: Program, *steps: str) -> str:
    """A page of this programme's questionnaire."""
    return "/".join((QUESTIONS, *steps)) + f"?program={context(request).ids.encode('program', program.id)}"


async def questions_page(request: Request) -> Response:
    """GET /console/questions and /console/questions/{question}: the form's questions, and a form for a new one or this one."""
    program = await program_of(request)
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _page(request, program, await _chosen(request, program), done=frame.said(request, done) if done else "")


async def _chosen(request: Request, program: Program) -> Question | None:
    """The question that the address names; raises NotFound for one that was never asked."""
    key = request.path_params.get("question")
    found = [each for each in await service.every(context(request).db, program.id) if each.key == key]
    if key is not None and not found:
        raise errors.NotFound()
    return found[0] if found else None


async def _page(request: Request, program: Program, chosen: Question | None, typed: dict[str, str] | None = None, *, done: str = "",
                wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, said = context(request), language(request)
    every = await service.every(here.db, program.id)
    counts = await store.count_answers(here.db, program.business_id, program.id)
    own = [each for each in every if not each.is_standard and not each.is_closed]
    needs = NEEDS | ({HIDDEN: NOT_ASKED} if chosen and chosen.is_standard else {})
    unit = rules.unit_of(program.rules)
    spoken = dict(sorted(i18n.LANGUAGES.items(), key=lambda each: each[0] != said))       # the manager's own first
    return await frame.page(request, "questions", {
        "program_name": program.name_in(said), "other_programs": await switch_of(request, program, QUESTIONS),
        "standard": [_row(request, program, each, 0) for each in every if each.is_standard],
        "own": [_row(request, program, each, counts.get(each.id, 0), own.index(each), len(own)) for each in own],
        "closed": [_row(request, program, each, counts.get(each.id, 0)) for each in every if each.is_closed],
        "at_once": sum(each.need in ("required", "optional") and not each.is_closed for each in every), "most": rules.OPEN_MOST,
        "editing": {"name": chosen.label_in(said), "is_standard": chosen.is_standard, "is_answered": bool(counts.get(chosen.id))}
        if chosen else None,
        "action": address(request, program, *([chosen.key] if chosen else [])), "list_url": address(request, program),
        "kinds": [(key, frame.said(request, word)) for key, word in KINDS.items()],
        "needs": [(key, frame.said(request, word)) for key, word in needs.items()],
        "bonus_label": frame.said(request, UNITS[unit]) if unit else "", "languages": spoken,
        "previews": [(code, name, preview(program, every, code)) for code, name in spoken.items()],
        "values": typed or _values(chosen, program)}, done=done, wrong=wrong, status=status)


def _row(request: Request, program: Program, question: Question, answered: int, at: int = 0, count: int = 0) -> dict[str, Any]:
    steps = {"up": at > 0, "down": at < count - 1}
    kind = "" if question.is_standard else frame.said(request, KINDS[question.kind])
    return {"key": question.key, "label": question.label_in(language(request)), "kind": kind,
            "need": question.need, "state": frame.said(request, STATES[question.need]), "answered": answered,
            "choices": [choice.label_in(language(request)) for choice in question.choices],
            "bonus": _bonus(question, program, language(request)), "edit_url": address(request, program, question.key),
            "close_action": "" if question.is_standard else
            address(request, program, question.key, "open" if question.is_closed else "close"),
            "moves": {way: address(request, program, question.key, way) for way, possible in steps.items() if possible}}


def _bonus(question: Question, program: Program, said: str) -> str:
    """"50 points" for an answer; "" where it brings nothing."""
    bonus, unit = rules.bonus_of(question, program.rules), rules.unit_of(program.rules)
    return words.amount(bonus, unit, program.currency, said) if bonus and unit else ""


def preview(program: Program, every: Sequence[Question], said: str) -> Markup:
    """The form in one language, as the activation page draws it, and below what is asked later. Nothing of it can be sent.

    Its fields have names of their own, so that two languages stand on one page.
    """
    shown = [replace(each, key=f"{said}-{each.key}") for each in every if not each.is_closed and each.need != HIDDEN]
    bonus = {each.field: "+" + text for each in shown if (text := _bonus(each, program, said))}
    return Markup(templating.environment(said).get_template("console/questions_preview.html").render(  # noqa: S704 - our own template
        now=[each for each in shown if each.need != LATER], later=[each for each in shown if each.need == LATER], bonus=bonus))


def _values(chosen: Question | None, program: Program) -> dict[str, str]:
    """What stands in the form at first."""
    if chosen is None:
        return dict.fromkeys(FIELDS, "") | {"kind": "text", "need": "optional", "version": "0"}
    bonus = amount_text(chosen.bonus_points, program.currency) if rules.unit_of(program.rules) == "money" else str(chosen.bonus_points)
    return {"kind": chosen.kind, "need": chosen.need, "bonus": bonus if chosen.bonus_points else "", "version": str(chosen.version),
            **{f"label_{code}": chosen.labels.get(code, "") for code in i18n.LANGUAGES},
            **{f"choices_{code}": "\n".join(each.labels.get(code, "") for each in chosen.choices).strip() for code in i18n.LANGUAGES}}


async def keep(request: Request) -> Response:
    """POST /console/questions (a new one) and /console/questions/{question}."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    program = await program_of(request)
    chosen, typed = await _chosen(request, program), frame.texts(form, *FIELDS)
    try:
        wish = _wish(typed, program, chosen)
        if chosen is None:
            await editing.create(here.db, who, program.id, wish, here.clock.now())
        else:
            was = Typed(typed, program.currency).whole("version")
            await editing.change(here.db, who, program.id, wish, was, here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        wrong = {"bonus" if name == "bonus_points" else name: text for name, text in frame.sentences_of(request, refused).items()}
        return await _page(request, program, chosen, typed, wrong=wrong, status=frame.status_for(refused))
    return frame.to(f"{address(request, program)}&done={'kept' if chosen else 'added'}")


def _wish(values: dict[str, str], program: Program, chosen: Question | None) -> QuestionWish:
    """What was typed as a wish. Raises Invalid for a bonus that is no number."""
    typed = Typed(values, program.currency)
    bonus = typed.amount_or_none("bonus") if rules.unit_of(program.rules) == "money" else typed.whole_or_none("bonus")
    typed.done()
    labels = {code: values[f"label_{code}"] for code in i18n.LANGUAGES}
    key = chosen.key if chosen else _word(next((labels[code] for code in ("en", *labels) if labels[code]), ""), "question")
    return QuestionWish(key, values["kind"], labels, _choices(values, chosen), values["need"], bonus or 0)


def _choices(values: dict[str, str], chosen: Question | None) -> list[Choice]:
    """One choice a line, the same line in each language; one that was there keeps its key, by which people's answers are kept."""
    lines = {code: [line.strip() for line in values[f"choices_{code}"].splitlines() if line.strip()] for code in i18n.LANGUAGES}
    found, taken = list[Choice](), set[str]()
    for at in range(min(max(map(len, lines.values())), rules.CHOICES_MOST + 1)):
        labels = {code: of[at] for code, of in lines.items() if at < len(of)}
        kept = next((each.key for each in (chosen.choices if chosen else ()) if each.key not in taken and _is_same(each, labels)), None)
        key = kept or _word(labels.get("en") or next(iter(labels.values())), "choice")
        number, free = 1, key
        while free in taken:
            number += 1
            free = f"{key}-{number}"
        taken.add(free)
        found.append(Choice(free, labels))
    return found


def _is_same(choice: Choice, labels: dict[str, str]) -> bool:
    return any(choice.labels.get(code, "").casefold() == label.casefold() for code, label in labels.items())


def _word(text: str, otherwise: str) -> str:
    """The word by which a text is known in addresses and answers."""
    word = slug_of(text)
    return otherwise if word == slug_of("") else word


async def act(request: Request) -> Response:
    """POST /console/questions/{question}/{act}: up, down, close, open."""
    here, who, done = context(request), principal(request), request.path_params["act"]
    await frame.form_of(request)
    program, key, now = await program_of(request), request.path_params["question"], here.clock.now()
    try:
        if done in ("up", "down"):
            await editing.move(here.db, who, program.id, key, -1 if done == "up" else 1, now)
        elif done in ("open", "close"):
            await editing.close(here.db, who, program.id, key, now, closed=done == "close")
        else:
            raise errors.NotFound()
    except errors.Refused as refused:
        return await _page(request, program, None, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    word = {"up": "moved", "down": "moved", "open": "opened", "close": "closed"}[done]
    return frame.to(f"{address(request, program)}&done={word}#{key}")


routes = [
    routing.route(QUESTIONS, questions_page, who=frame.PROGRAM_READ, name="console:questions"),
    routing.route(QUESTIONS, keep, who=frame.PROGRAM, name="console:add_question", methods=["POST"]),
    routing.route(QUESTIONS + "/{question}", questions_page, who=frame.PROGRAM_READ, name="console:question"),
    routing.route(QUESTIONS + "/{question}", keep, who=frame.PROGRAM, name="console:keep_question", methods=["POST"]),
    routing.route(QUESTIONS + "/{question}/{act}", act, who=frame.PROGRAM, name="console:act_on_question", methods=["POST"]),
]
