"""The console's routes, noun by noun."""
from app.console import audit_log, people, session, settings

routes = [route for noun in (session, settings, people, audit_log) for route in noun.routes]
