"""The console's routes, noun by noun."""
from app.console import (
         audit_log,
         customers,
         design,
         operations,
         people,
         poster,
         program,
         program_rules,
         programs,
         promos,
         rewards,
         session,
         settings,
         today,
)

NOUNS = (session, today, customers, operations, programs, program, program_rules, rewards, promos, design, poster, settings,
         people, audit_log)
routes = [route for noun in NOUNS for route in noun.routes]
