"""A new programme with all that it needs: rules, the rewards that they name, a design of its kind."""
from datetime import datetime

from app.audit import service as audit
from app.benefits import rewards
from app.benefits.rules import RewardWish
from app.db import Database, Transaction, write_transaction
from app.designs import service as designs
from app.errors import FieldError, Invalid
from app.programs import service as programs
from app.programs.kinds import Kind
from app.programs.rules import ProgramRules
from app.programs.store import Business
from app.programs.terms import Said
from app.text import N_
from app.web.principal import Principal


async def open_program(db: Database, who: Principal, business: Business, kind: Kind, names: Said, slug: str, rules: ProgramRules,
                       now: datetime) -> int:
    """The new programme's id. names: what it is called, one of the two may be empty. Raises Invalid (fields name, slug), SlugTaken."""
    if not all(len(said) <= programs.MAX_NAME and said.isprintable() for said in (names.en, names.ru)):
        raise Invalid(fields=[FieldError("name", "name", N_("Type a name of 1 to 100 characters."))])
    own, other = ("ru", "en") if business.language == "ru" else ("en", "ru")
    name = names.in_(own)
    texts = {language: {"name": said} for language, said in ((own, name), (other, names.in_(other))) if said}

    async def act(tx: Transaction) -> int:
        program_id = await programs.create_program(tx, business.id, slug=slug, name=name, texts=texts, rules=rules, kind=kind.key,
                                                   created_by=who.name, now=now)
        program = await programs.get_program(tx, business.id, program_id)
        await designs.create(tx, business.id, program_id, designs.first_content(program), who.name, now)
        await audit.record(tx, who, "program.opened", "program", program_id, {"kind": kind.key}, now=now)
        for position, reward in enumerate(kind.rewards):
            await rewards.add(tx, who, program_id, RewardWish(reward.key, reward.kind, reward.names, value=reward.value, days=reward.days,
                                                              position=position), now)
        return program_id

    return await write_transaction(db, act)
