"""The console's routes, noun by noun."""
from app.console import audit_log, customers, design, operations, people, poster, program, session, settings, today

NOUNS = (session, today, customers, operations, program, design, poster, settings, people, audit_log)
routes = [route for noun in NOUNS for route in noun.routes]
