"""Rules that are asked about before they are kept: they travel in the form, nothing is stored."""
from starlette.datastructures import FormData
from starlette.requests import Request

from app.console import program, program_frame, program_rules
from app.console.program_fields import values_of
from app.errors import Invalid
from app.programs import rules as program_rules_
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.web.forms import text_field

LONGEST_DRAFT = 60_000


async def draft_of(request: Request, form: FormData, asked: Program) -> ProgramRules | None:
    """The rules that a form brings: those of the numbers' or a rule's form, or a draft that travels; None for those in force.

    Raises Invalid where they make no sense.
    """
    source, values = text_field(form, "draft_of", 60), values_of(form)
    if source == "numbers":
        made = await program.meant(request, asked, values)
    elif source.startswith("rule:"):
        key = source.removeprefix("rule:")
        made, _ = await program_rules.meant(request, asked, next((rule for rule in asked.rules.rules if rule.key == key), None), values)
    elif text := text_field(form, "draft", LONGEST_DRAFT):
        made = program_rules_.parse(text)
        program_rules_.validate(made, **await program_frame.known(request, asked))
    else:
        return None
    return made if made != asked.rules else None


def first_sentence(refused: Invalid) -> str:
    """What to put right before rules can be tried."""
    return refused.fields[0].detail if refused.fields else refused.detail
