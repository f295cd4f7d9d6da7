"""What a person who is kept to one location or to some programmes reaches by an address: the one place that says so."""
from collections.abc import Mapping

from app.cards import service as cards
from app.context import Context
from app.errors import NotFound
from app.ledger import operations_store
from app.web.principal import Principal


async def check(here: Context, who: Principal, named: Mapping[str, str], *, is_till: bool = False) -> None:
    """Raises NotFound where `named` (an address's parameters: public ids by kind) leads outside: the answer for what does not exist.

    At a till a receipt of another location is found, since goods come back where it suits their owner; the refund is booked here.
    Cards belong to no location: whoever holds one shops anywhere.
    """
    for kind in ("program", "location", "card", "operation"):
        if kind not in named:
            continue
        row_id = here.ids.decode(kind, named[kind]) or 0
        if kind == "program" and not who.reaches(program_id=row_id):
            raise NotFound()
        if kind == "location" and not who.reaches(location_id=row_id):
            raise NotFound()
        if kind == "card" and who.program_ids is not None:
            check_program(who, (await cards.get_card(here.db, who.business_id, row_id)).program_id)
        if kind == "operation":
            found = await operations_store.find_operation(here.db, who.business_id, row_id, has_balances=False)
            # What is no operation of the business's own may be one of its coalition's: the handler knows.
            if found is not None:
                check_program(who, found.program_id)
                if not is_till and who.kept_location_id not in (None, found.location_id):
                    raise NotFound()


def check_program(who: Principal, program_id: int) -> None:
    """Raises NotFound for a programme outside of what a person is kept to."""
    if not who.reaches(program_id=program_id):
        raise NotFound()
